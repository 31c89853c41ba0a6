package queue

import (
	"iter"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue/fates"
)

// Fate says what became of an event that was not handed on.
type Fate = fates.Fate

// The fates that a server can know of.
const (
	FateServerQueue    = fates.ServerQueue    // the outbox was full, or the store refused it
	FateOffline        = fates.Offline        // nobody listened and the topic is not stored
	FateExpired        = fates.Expired        // left the log before the subscriber came for it
	FateFrameInvalid   = fates.FrameInvalid   // the bytes were no frame
	FateUnauthorized   = fates.Unauthorized   // the sender has no session, or spoke for another
	FateFragmentLost   = fates.FragmentLost   // pieces of it came, and not all
	FateConnectionLost = fates.ConnectionLost // waited in the outbox when the session ended
	FateSendRefused    = fates.SendRefused    // the kernel did not take it
)

// Stage is a place on an event's way through a server.
type Stage uint8

// The stages. An event is received once, then forwarded or dropped once for
// every subscriber it was meant for. Who wants it at least once may have it
// redelivered after it was forwarded, or given up for want of an ack: those
// are told apart.
const (
	Received Stage = iota
	Forwarded
	Dropped
	Redelivered
	GivenUp
)

// String returns the stage's name.
func (s Stage) String() string {
	return [...]string{"received", "forwarded", "dropped", "redelivered", "given up"}[s%5]
}

// TraceEvent tells of one event at one stage.
type TraceEvent struct {
	At               time.Time
	Stage            Stage
	Fate             Fate   // of a dropped event
	Origin, Sequence uint64 // zeros when the frame could not be read
	Subscriber       uint64 // origin of the client it was meant for, 0 for nobody in particular
}

// Meter counts what became of events, and tells a trace of each. It is safe
// for concurrent use.
type Meter struct {
	clock      clock.Clock
	trace      func(TraceEvent)
	book       *fates.Book // what origins are told that ask for it, nil: none
	received   atomic.Uint64
	due        atomic.Uint64
	forwarded  atomic.Uint64
	again      atomic.Uint64
	givenUp    atomic.Uint64
	duplicates atomic.Uint64
	mu         sync.Mutex
	dropped    map[Fate]uint64
}

// NewMeter returns a meter. A nil clock is the machine's own, a nil trace
// costs nothing.
func NewMeter(c clock.Clock, trace func(TraceEvent)) *Meter {
	return &Meter{clock: clock.Or(c), trace: trace, dropped: make(map[Fate]uint64)}
}

// Received returns how many events were accepted from emitters.
func (m *Meter) Received() uint64 { return m.received.Load() }

// Due returns how many fates there are to account for: an event counts once
// for each subscriber that it is for, and once if it is for nobody; a stored
// one only when it leaves its log. When nothing waits any more, Due is
// Forwarded and all that is Dropped together, over all servers of a queue.
func (m *Meter) Due() uint64 { return m.due.Load() }

// receive counts n events, the encoded frames, as accepted from an emitter.
func (m *Meter) receive(frames []byte, n int) {
	m.received.Add(uint64(n))
	m.note(frames, fates.Outcome{Received: 1})
	m.tellAll(Received, "", frames, 0)
}

// expect says of n events, the encoded frames, that each has so many more
// fates to account for.
func (m *Meter) expect(frames []byte, n, times int) {
	if n == 0 {
		return
	}
	m.due.Add(uint64(n * times))
	m.note(frames, fates.Outcome{Due: uint32(times)})
}

// note tells the ledgers of the frames' origins, if they have any.
func (m *Meter) note(frames []byte, more fates.Outcome) {
	if m.book.Active() {
		m.book.Add(frames, more)
	}
}

// Forwarded returns how many events were handed to subscribers' sockets; one
// that goes to three subscribers counts three times.
func (m *Meter) Forwarded() uint64 { return m.forwarded.Load() }

// Redelivered returns how many times an event was sent again to a subscriber
// that had not acknowledged it.
func (m *Meter) Redelivered() uint64 { return m.again.Load() }

// GivenUp returns how many events were forwarded to a subscriber as often as
// it wanted, and never acknowledged.
func (m *Meter) GivenUp() uint64 { return m.givenUp.Load() }

// Duplicates returns how many events were emitted once more and not received
// once more: they had been accepted before.
func (m *Meter) Duplicates() uint64 { return m.duplicates.Load() }

func (m *Meter) redeliver(f *framing.Frame, subscriber uint64) {
	m.again.Add(1)
	m.tell(Redelivered, "", f, subscriber)
}

func (m *Meter) giveUp(f *framing.Frame, subscriber uint64) {
	m.givenUp.Add(1)
	m.tell(GivenUp, "", f, subscriber)
}

// Dropped returns how many events were dropped, by fate.
func (m *Meter) Dropped() map[Fate]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.dropped)
}

// Drop counts one event that met its fate outside the queue. Frame f may be
// zero when nothing is known of it.
func (m *Meter) Drop(fate Fate, f *framing.Frame) {
	m.due.Add(1)
	m.count(fate, 1)
	if m.book.Active() {
		what := fates.Lost(fate)
		what.Due = 1
		m.book.AddRun(f.Origin, f.Sequence, 1, what)
	}
	m.tell(Dropped, fate, f, 0)
}

// DropForged is Drop for an event that a client has emitted in the name of
// another, who is not told of it.
func (m *Meter) DropForged(f *framing.Frame) {
	m.due.Add(1)
	m.count(FateUnauthorized, 1)
	m.tell(Dropped, FateUnauthorized, f, 0)
}

func (m *Meter) count(fate Fate, n int) {
	if n == 0 {
		return
	}
	m.mu.Lock()
	m.dropped[fate] += uint64(n)
	m.mu.Unlock()
}

// dropAll counts every one of the encoded frames, n of them.
func (m *Meter) dropAll(fate Fate, frames []byte, n int, subscriber uint64) {
	m.count(fate, n)
	if n > 0 {
		m.note(frames, fates.Lost(fate))
	}
	m.tellAll(Dropped, fate, frames, subscriber)
}

func (m *Meter) forward(frames []byte, n int, subscriber uint64) {
	m.forwarded.Add(uint64(n))
	m.note(frames, fates.Outcome{Forwarded: 1})
	m.tellAll(Forwarded, "", frames, subscriber)
}

func (m *Meter) tellAll(stage Stage, fate Fate, frames []byte, subscriber uint64) {
	if m.trace == nil {
		return
	}
	for f := range each(frames) {
		m.tell(stage, fate, &f, subscriber)
	}
}

func (m *Meter) tell(stage Stage, fate Fate, f *framing.Frame, subscriber uint64) {
	if m.trace == nil {
		return
	}
	m.trace(TraceEvent{m.clock.Now(), stage, fate, f.Origin, f.Sequence, subscriber})
}

// each yields every frame of bytes that this package encoded itself, with
// its size.
func each(frames []byte) iter.Seq2[framing.Frame, int] {
	return func(yield func(framing.Frame, int) bool) {
		for b := frames; len(b) > 0; {
			f, n, err := framing.Parse(b, len(b))
			if err != nil {
				panic("queue: own frame unreadable: " + err.Error())
			}
			if !yield(f, n) {
				return
			}
			b = b[n:]
		}
	}
}
