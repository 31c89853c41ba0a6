package udpq

import (
	"errors"
	"net"
	"sync"
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
)

// link is one end of a conversation on a rung: its state machines, on a clock
// and a socket. It is safe for concurrent use; open and take belong to the
// goroutine that reads.
type link struct {
	clock    clock.Clock
	transmit func(*train) error   // to the other end; a lost datagram is no error
	onSent   func(frames []byte)  // told of what is sent the first time; may be nil
	onLarge  func()               // told now and then that datagrams over pmtu.Base leave; may be nil
	onFail   func(error)          // told when the link gives up
	deliver  func([][]byte) error // is given frames, of one call at a time; an error ends the conversation

	pace   *pacer // bounds what leaves, nil: nothing does
	isBare bool   // it has nothing to do but that

	delivering sync.Mutex // precedes mu

	mu      sync.Mutex
	machine machine
	timer   clock.Timer
	wake    time.Time // when timer passes, zero: it is not set
	paced   bool      // something may wait for the pace
	parts   parts
	changed chan struct{} // closed when there is room, or all is idle; nil: nobody waits
	err     error
	ticks   sync.WaitGroup
	taken   uint64 // datagrams with events that were opened
}

func newLink(c clock.Clock, r rung, t tuning, transmit func(*train) error) *link {
	return &link{clock: c, transmit: transmit, machine: rungs[r.reliability.name()].machine(r, t)}
}

// ready reports whether the link is as asked: with room for a datagram, or
// idle. If not, the channel tells when to ask again.
func (l *link) ready(is func(machine) bool) (bool, <-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if is(l.machine) || l.err != nil {
		return is(l.machine), nil, l.err
	}
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	l.awaitPace()
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
	err := l.put(frames)
	if err == nil {
		l.answer()
	}
	return err
}

// put is post without sending anything yet: answer does.
func (l *link) put(frames []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.machine.post(l.postTime(), frames)
	}
	return l.err
}

// postTime is the time for what is posted now, as far as it matters.
func (l *link) postTime() (now time.Time) {
	if _, is := l.machine.(patient); !is {
		now = l.clock.Now()
	}
	return now
}

// open takes a datagram that came at that time, and heeds what it says of those
// that were sent. Call answer after the last of those that have come together.
func (l *link) open(now time.Time, datagram []byte) opened {
	l.mu.Lock()
	defer l.mu.Unlock()
	if datagram = l.join(now, datagram); datagram == nil {
		return opened{mine: true}
	}
	o := l.machine.open(now, datagram)
	if _, _, event := framing.Identify(datagram); event && o.events { // and not parity alone
		l.taken++
	}
	return o
}

// tellIfReady is tell, if it is worth it: who was woken for each datagram that
// has room would be woken too often. The caller holds mu.
func (l *link) tellIfReady(now time.Time) {
	if l.changed == nil {
		return
	}
	ready := l.machine.room
	if m, is := l.machine.(spacious); is {
		ready = m.spacious
	}
	if l.pace.open(now) && (l.machine.idle() || ready() || l.pace != nil && !l.paced) {
		l.tell()
	}
}

// take delivers the frames that may be at that time, of the datagram opened
// last. Then call answer.
func (l *link) take(now time.Time) error {
	l.delivering.Lock()
	defer l.delivering.Unlock()
	return l.deliver(l.accept(now))
}

// alone calls do while nothing is delivered.
func (l *link) alone(do func() error) error {
	l.delivering.Lock()
	defer l.delivering.Unlock()
	return do()
}

func (l *link) accept(now time.Time) [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.machine.accept(now)
}

// bounds reports whether the machine itself bounds what was accepted and is
// not done: then the other end waits when that is much, and loses nothing.
func (l *link) bounds() bool {
	_, is := l.machine.(bounding)
	return is
}

// done says that so many bytes of what was accepted are out of the way. Then
// call answer.
func (l *link) done(bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m, is := l.machine.(bounding); is && l.err == nil {
		m.done(bytes)
	}
}

// due reports whether there is something to take though no events have come.
func (l *link) due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, is := l.machine.(timely)
	return is && l.err == nil && m.due()
}

// answer sends what may leave, and says what has come if it is time to.
func (l *link) answer() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		now := l.clock.Now()
		l.pump(now)
		l.tellIfReady(now)
	}
}

// pump sends what may leave now, and sees to it that it is called again when
// more may. The caller holds mu.
func (l *link) pump(now time.Time) {
	leaving := trains.Get().(*train)
	l.paced = true
	for l.pace.open(now) {
		n := len(leaving.b)
		out, ok := l.machine.next(now, leaving.b[n:n])
		if l.paced = ok; !ok {
			break
		}
		l.pace.take(1, len(out.datagram))
		if out.first != nil && l.onSent != nil {
			l.onSent(out.first)
		}
		l.load(now, leaving, out.datagram)
	}
	l.write(leaving)
	trains.Put(leaving)
	l.arm(now)
}

// trains are what links send with, so that a quiet one keeps no buffer.
var trains = sync.Pool{New: func() any { return &train{b: make([]byte, 0, 2*MaxDatagram), sizes: make([]int, 0, maxTrain)} }}

// write sends datagrams. What the kernel does not take comes again as what
// the wire loses; a closed socket is the end.
func (l *link) write(t *train) {
	if len(t.sizes) == 0 {
		return
	}
	if err := l.transmit(t); errors.Is(err, net.ErrClosed) {
		l.end(err)
	}
	t.clear()
}

// fitting is a machine that makes datagrams of several that were posted.
type fitting interface{ fit(bytes int) }

// stats fills in what the link has done.
func (l *link) stats(s *ClientStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Taken = l.taken
	l.machine.stats(s)
}
