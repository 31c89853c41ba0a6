package udpq

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"rawlab/internal/clock"
	"rawlab/udpq/ack"
)

// Reliability is what is done for events that the wire loses.
type Reliability string

// The rungs.
const (
	ReliabilityNone Reliability = "none" // nothing: each is sent once
	ReliabilityAck  Reliability = "ack"  // each is sent until it is acknowledged, or the conversation is given up
)

// ParseReliability returns the rung of that name; none for no name.
func ParseReliability(name string) (Reliability, error) {
	switch r := Reliability(name); r {
	case "":
		return ReliabilityNone, nil
	case ReliabilityNone, ReliabilityAck:
		return r, nil
	}
	return "", fmt.Errorf("unknown reliability %q: none or ack", name)
}

// What a hello asks for, and a welcome grants, in the place of the topic.
const (
	rungAck       = "ack"
	rungUnordered = "ack,unordered"
)

// newRung returns what a hello asks for.
func newRung(r Reliability, unordered bool) string {
	switch {
	case r != ReliabilityAck:
		return ""
	case unordered:
		return rungUnordered
	}
	return rungAck
}

// link is one end of a conversation whose datagrams are acknowledged: the
// state machines of package ack, on a clock and a socket. It is safe for
// concurrent use.
type link struct {
	clock    clock.Clock
	transmit func([]byte) error  // to the other end; a lost datagram is no error
	onSent   func(frames []byte) // told of what is sent the first time; may be nil
	onFail   func(error)         // told when the link gives up

	mu      sync.Mutex
	sender  *ack.Sender
	take    *ack.Receiver
	sent    uint64 // the highest number sent
	timer   clock.Timer
	wake    time.Time     // when timer passes, zero: it is not set
	changed chan struct{} // closed when there is room, or all is acknowledged; nil: nobody waits
	err     error
	buf     []byte
}

func newLink(c clock.Clock, rung string, transmit func([]byte) error) *link {
	return &link{clock: c, transmit: transmit, sender: ack.NewSender(0, 0), take: ack.NewReceiver(rung == rungUnordered, 0)}
}

// ready reports whether the link is as asked: with room for a datagram, or
// idle. If not, the channel tells when to ask again.
func (l *link) ready(is func(*ack.Sender) bool) (bool, <-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if is(l.sender) || l.err != nil {
		return is(l.sender), nil, l.err
	}
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return false, l.changed, nil
}

// tell wakes who waits for ready. The caller holds mu.
func (l *link) tell() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// stir lets everybody look again who waits for ready.
func (l *link) stir() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell()
}

// post takes the frames of a datagram. Ask for room before.
func (l *link) post(frames []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	l.sender.Send(frames)
	l.pump(l.clock.Now())
	return nil
}

// acknowledged takes what the other end says has come.
func (l *link) acknowledged(h *ack.Header) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	l.sender.OnAck(now, h)
	l.pump(now)
	if l.sender.Idle() || l.sender.Room() {
		l.tell()
	}
}

// accept takes a numbered datagram and returns the frames of those to be
// delivered now, until the next call. Then call acknowledge.
func (l *link) accept(h *ack.Header, frames []byte) [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.take.Accept(l.clock.Now(), h, frames)
}

// acknowledge says what has come, if it is time to.
func (l *link) acknowledge() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.pump(l.clock.Now())
	}
}

// pump sends what may leave now, and sees to it that it is called again when
// more may. The caller holds mu.
func (l *link) pump(now time.Time) {
	for {
		number, frames, ok := l.sender.Next(now)
		if !ok {
			break
		}
		if number > l.sent && l.onSent != nil {
			l.onSent(frames)
		}
		l.sent = max(l.sent, number)
		h := ack.Header{Number: number, Sent: uint64(now.UnixNano()), UpTo: l.take.Piggyback()}
		l.write(h.Append(append(l.buf[:0], frames...)))
	}
	if l.take.AckDue(now) {
		h := l.take.Acknowledge()
		l.write(h.Append(l.buf[:0]))
	}
	l.arm(now)
}

// write sends a datagram. What the kernel does not take comes again as what
// the wire loses; a closed socket is the end.
func (l *link) write(b []byte) {
	l.buf = b
	if err := l.transmit(b); errors.Is(err, net.ErrClosed) {
		l.end(err)
	}
}

// arm sets the timer, unless it passes before that anyway. The caller holds mu.
func (l *link) arm(now time.Time) {
	wake := l.sender.Wake(now)
	if w := l.take.Wake(); wake.IsZero() || !w.IsZero() && w.Before(wake) {
		wake = w
	}
	if l.err != nil || wake.IsZero() || !l.wake.IsZero() && !wake.Before(l.wake) {
		return
	}
	l.wake = wake
	if l.timer == nil {
		l.timer = l.clock.AfterFunc(wake.Sub(now), l.tick)
		return
	}
	l.timer.Reset(wake.Sub(now))
}

// tick is what the timer does.
func (l *link) tick() {
	if err := l.pass(); err != nil && l.onFail != nil {
		l.onFail(err)
	}
}

// pass acts on the time. An error says that the link gives up now.
func (l *link) pass() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil
	}
	now := l.clock.Now()
	l.wake = time.Time{}
	if err := l.sender.OnTimer(now); err != nil {
		l.end(fmt.Errorf("%w: an event for %v", err, ack.DefaultGiveUp))
		return l.err
	}
	l.pump(now)
	return nil
}

// release sends what waits, and what is posted from now on, at once: nobody
// will read acknowledgements.
func (l *link) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.sender.Release()
		l.pump(l.clock.Now())
		l.tell()
	}
}

// close ends the link, and returns the frames of each datagram that it has
// not sent.
func (l *link) close(err error) (unsent [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end(err)
	_, unsent = l.sender.Unacknowledged()
	return unsent
}

// end is close for who holds mu. The first call counts.
func (l *link) end(err error) {
	if l.err != nil {
		return
	}
	l.err = err
	if l.timer != nil {
		l.timer.Stop()
	}
	l.tell()
}

// stats returns what the link has sent, and how many datagrams are unacknowledged.
func (l *link) stats() (s ack.SenderStats, unacknowledged int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sent, unsent := l.sender.Unacknowledged()
	return l.sender.Stats(), len(sent) + len(unsent)
}
