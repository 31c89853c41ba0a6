package udpq

import (
	"errors"
	"sync"
	"sync/atomic"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/udpq/pmtu"
)

// errTooLong says that the kernel does not send a datagram for its size.
var errTooLong = errors.New("too long for the link")

// path is how large datagrams to the other end may be: a search of package
// pmtu, on a clock and a socket, or a fixed size. It is safe for concurrent
// use.
type path struct {
	clock clock.Clock
	probe func(pmtu.Probe) error // sends one, of a size that must not be fragmented
	fit   func()                 // told when the size has changed; may be nil

	size atomic.Int64 // of the largest datagram that holds
	busy atomic.Bool  // the search knows that large datagrams are sent

	mu     sync.Mutex
	search *pmtu.Search // nil: the size is fixed
	timer  clock.Timer
	closed bool
}

// newPath returns the path of a conversation. A wanted size is taken for
// granted; without, and without a probe, it is the base.
func newPath(c clock.Clock, wanted int, probe func(pmtu.Probe) error) *path {
	p := &path{clock: c, probe: probe}
	switch {
	case wanted > 0:
		p.size.Store(int64(wanted))
	case probe == nil:
		p.size.Store(pmtu.Base)
	default:
		p.size.Store(pmtu.Base)
		p.search = pmtu.NewSearch(leastDatagram, MaxDatagram)
	}
	return p
}

// use says that a datagram larger than the base is to be sent.
func (p *path) use() {
	if p.search == nil || p.busy.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.search.Use(p.clock.Now())
	p.step()
}

// answered says that the answer to a probe has come.
func (p *path) answered(number uint64) {
	if p.search == nil || number == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.search.Answered(p.clock.Now(), number)
	p.step()
}

// moved says that the path is another now.
func (p *path) moved() {
	if p.search == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.search.Move()
	p.step()
}

// step sends the probes that are due, and sees to it that it is called again
// when others are. The caller holds mu.
func (p *path) step() {
	if p.closed {
		return
	}
	now := p.clock.Now()
	for probe, ok := p.search.Next(now); ok; probe, ok = p.search.Next(now) {
		if errors.Is(p.probe(probe), errTooLong) {
			p.search.Refused(now, probe.Number)
		} // else it is on the way, or lost
	}
	if size := int64(p.search.Budget()); p.size.Swap(size) != size && p.fit != nil {
		p.fit()
	}
	p.busy.Store(p.search.Used())
	wake := p.search.Wake()
	switch {
	case wake.IsZero():
	case p.timer == nil:
		p.timer = p.clock.AfterFunc(wake.Sub(now), p.tick)
	default:
		p.timer.Reset(wake.Sub(now))
	}
}

func (p *path) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.step()
}

// blackHoles returns how often a size that had held did not any more.
func (p *path) blackHoles() uint64 {
	if p.search == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.search.BlackHoles()
}

func (p *path) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
}

// padded returns an encoded ping of that size, whose pong bears its number.
func padded(p pmtu.Probe, origin uint64) []byte {
	f := framing.Frame{Kind: framing.KindPing, Flags: framing.FlagCRC, Origin: origin, Sequence: p.Number}
	f.Payload = make([]byte, p.Size-f.Size())
	b, err := f.Append(nil)
	if err != nil {
		panic("udpq: own ping cannot be encoded: " + err.Error())
	}
	return b
}
