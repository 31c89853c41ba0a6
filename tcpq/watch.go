package tcpq

import (
	"fmt"
	"sync/atomic"
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
)

// pulse is what a connection's reading shows to the watch.
type pulse struct {
	chunks  uint64       // of whole frames obeyed; of the reading goroutine
	partial uint64       // which chunk the unfinished frame came behind; likewise
	begun   atomic.Int64 // when an unfinished frame was seen first, nanoseconds since the Unix epoch, or 0
	waiting atomic.Bool  // for bytes of the client, and not for the queue
	heard   atomic.Bool  // bytes came since the last look

	quiet  time.Time // since when nothing has come; of the watch
	pinged bool      // since then; of the watch
}

// inlet is where the frames of a connection are read from.
type inlet struct{ c *conn }

// Read is called when the reader has no whole frame left.
func (in inlet) Read(b []byte) (int, error) {
	in.c.beginRead()
	n, err := in.c.net.Read(b)
	in.c.endRead(n)
	return n, err
}

// lateInlet is the inlet of a connection that reads without holding a buffer.
type lateInlet struct{ inlet }

func (in lateInlet) ReadLate(take func() []byte, drop func()) (int, error) {
	in.c.beginRead()
	n, err := in.c.net.direct.ReadLate(take, drop)
	in.c.endRead(n)
	return n, err
}

func (c *conn) beginRead() {
	p := &c.pulse
	switch {
	case c.reader.Pending() == 0:
		p.begun.Store(0)
	case p.begun.Load() == 0 || p.partial != p.chunks:
		p.partial = p.chunks
		p.begun.Store(c.server.config.Clock.Now().UnixNano())
	}
	p.waiting.Store(true)
}

func (c *conn) endRead(n int) {
	c.pulse.waiting.Store(false)
	if n > 0 {
		c.pulse.heard.Store(true)
		c.server.read.Add(uint64(n))
	}
}

// looks is how often the watch looks within the shortest time it keeps: what
// is over time is seen after a quarter more at most.
const looks = 4

// watch looks after slow and silent clients until stopped.
type watch struct {
	group *group
	every time.Duration
	clock clock.Clock
	timer clock.Timer
	done  bool // guarded by group.mu, as timer is
}

// startWatch starts the watch of a group, unless there is nothing to keep.
func (g *group) startWatch() *watch {
	w := &watch{group: g, clock: g.server.config.Clock, every: -1}
	for _, limit := range []time.Duration{g.server.config.FrameTimeout, g.server.config.IdleTimeout} {
		if limit > 0 && (w.every < 0 || limit/looks < w.every) {
			w.every = limit / looks
		}
	}
	w.schedule()
	return w
}

func (w *watch) schedule() {
	w.group.mu.Lock()
	defer w.group.mu.Unlock()
	if w.every > 0 && !w.done {
		w.timer = w.clock.AfterFunc(w.every, w.look)
	}
}

func (w *watch) stop() {
	w.group.mu.Lock()
	defer w.group.mu.Unlock()
	w.done = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

func (w *watch) look() {
	now := w.clock.Now()
	w.group.each(func(c *conn) { c.check(now) })
	w.schedule()
}

// check ends the conversation of a client that sends a frame too slowly or
// nothing at all. One whose events wait for the queue is not to blame.
func (c *conn) check(now time.Time) {
	p, config := &c.pulse, &c.server.config
	c.mu.Lock()
	session := c.session
	c.mu.Unlock()
	if session == nil {
		return // the handshake has its own time
	}
	if p.heard.Swap(false) || p.quiet.IsZero() || !p.waiting.Load() {
		p.quiet, p.pinged = now, false
	}
	begun, silent := p.begun.Load(), now.Sub(p.quiet)
	switch {
	case config.FrameTimeout > 0 && begun != 0 && p.waiting.Load() && now.Sub(time.Unix(0, begun)) >= config.FrameTimeout:
		session.End(framing.CodeTimeout, fmt.Sprintf("a frame was not whole %v after it had begun", config.FrameTimeout))
	case config.IdleTimeout > 0 && silent >= config.IdleTimeout:
		session.End(framing.CodeTimeout, fmt.Sprintf("nothing was heard for %v, though you were pinged", config.IdleTimeout))
	case config.IdleTimeout > 0 && silent >= config.IdleTimeout/2 && !p.pinged:
		p.pinged = true
		session.Reply(&framing.Frame{Kind: framing.KindPing, Time: uint64(now.UnixNano())})
	}
}
