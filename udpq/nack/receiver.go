package nack

import (
	"bytes"
	"time"
)

// ReceiverStats is what a receiver has seen so far, in datagrams; of a log,
// in events.
type ReceiverStats struct {
	Asked      uint64 // found missing and asked for, each once however often it was
	Repaired   uint64 // came after that
	Late       uint64 // came before that: only overtaken
	Duplicates uint64 // came once more: doubled on the way, or asked for too early
	Refused    uint64 // times that one came and found no room to wait for what was before it
	Expired    uint64 // will not come: the sender no longer has them
	GivenUp    uint64 // will not come: asked for too often in vain
}

// Plus returns the sums of two receivers.
func (s ReceiverStats) Plus(t ReceiverStats) ReceiverStats {
	return ReceiverStats{
		Asked: s.Asked + t.Asked, Repaired: s.Repaired + t.Repaired, Late: s.Late + t.Late,
		Duplicates: s.Duplicates + t.Duplicates, Refused: s.Refused + t.Refused,
		Expired: s.Expired + t.Expired, GivenUp: s.GivenUp + t.GivenUp,
	}
}

// Ready is what a receiver lets go of: frames, or numbers that will not come.
type Ready struct {
	Frames   []byte
	From, To uint64 // without Frames: numbers From up to, not including, To
	GivenUp  bool   // asked for too often in vain; else the sender no longer has them
}

// Receiver finds what is missing among numbers, asks for it, and lets go of
// what has come: in order, behind what came or will not come before it, or at
// once.
type Receiver struct {
	config    Config
	unordered bool
	stats     *ReceiverStats

	next  uint64 // all below has come, or will not; 0: where it starts is not known
	top   uint64 // the highest number known to have been sent
	holes []hole // what is missing of the numbers from next to top
	lost  []loss // in order: above next, what will not come
	held  map[uint64][]byte
	bytes *int // held, with those of other receivers that share the bound
	size  int  // of a datagram in bytes, about
	ready []Ready

	askAt    time.Time     // when the first hole is due; zero: none is
	askedAt  time.Time     // when something was asked for last
	rtt      time.Duration // smoothed
	rttvar   time.Duration // how far it varies
	reorder  time.Duration // how long to wait for what may only be late, besides ReorderWait
	mended   spans         // numbers that have come after they were asked for, the latest of them
	progress time.Time     // when something that was asked for came last
	startAt  time.Time     // with next 0: when to start at the lowest that has come
	owes     bool          // an answer
	promised uint64        // once next is past it, an answer is due
}

// loss is numbers that will not come.
type loss struct {
	span
	givenUp bool
	skipped bool // not to be told: nobody was to get them
}

// NewReceiver returns a receiver of what a [Sender] numbers: from 1.
func NewReceiver(c Config, unordered bool) *Receiver {
	return &Receiver{config: c.orDefault(), unordered: unordered, stats: new(ReceiverStats), bytes: new(int), next: 1}
}

// Stats returns what was seen so far.
func (r *Receiver) Stats() ReceiverStats { return *r.stats }

// Held returns the bytes that wait.
func (r *Receiver) Held() int { return *r.bytes }

// Settled returns the number up to which all has come, or will not.
func (r *Receiver) Settled() uint64 { return max(r.next, 1) - 1 }

// Accept takes the frames of a datagram and returns what may go now, until
// the next call of a method.
func (r *Receiver) Accept(now time.Time, number uint64, frames []byte) []Ready {
	r.ready = r.ready[:0]
	r.accept(now, number, frames)
	return r.ready
}

func (r *Receiver) accept(now time.Time, number uint64, frames []byte) {
	switch {
	case number == 0 || number > maxNumber:
		return
	case r.next == 0:
		r.waitForStart(now, number, frames)
		return
	case number <= r.top && r.hole(number) < 0:
		r.stats.Duplicates++
		r.doubled(number)
		return
	}
	r.size += (heldBytes(frames) - r.size + 7) / 8
	waits := !r.unordered && number != r.next
	if waits && !r.fits(frames) {
		r.stats.Refused++
		if i := r.hole(number); i >= 0 {
			r.revive(now, &r.holes[i])
		}
		r.reach(now, number)
		return
	}
	if number > r.top {
		if !r.reach(now, number-1) {
			r.stats.Refused++
			return
		}
		r.top = number
	} else if !r.fill(now, number) {
		r.stats.Refused++
		return
	}
	switch {
	case waits:
		r.hold(number, bytes.Clone(frames))
	case r.unordered:
		r.ready = append(r.ready, Ready{Frames: frames})
	default:
		r.ready = append(r.ready, Ready{Frames: frames})
		r.next++
	}
	r.advance()
}

func (r *Receiver) hold(number uint64, frames []byte) {
	if r.held == nil {
		r.held = make(map[uint64][]byte)
	}
	r.held[number] = frames
	*r.bytes += heldBytes(frames)
}

func (r *Receiver) fits(frames []byte) bool { return *r.bytes+heldBytes(frames) <= r.config.HeldBytes }

// heldBytes is what frames cost that wait.
func heldBytes(frames []byte) int { return len(frames) + slotBytes }

// advance moves next on over all that has come or will not, and lets go of
// what waited for that.
func (r *Receiver) advance() {
	if r.unordered {
		r.next = r.top + 1
		if len(r.holes) > 0 {
			r.next = r.holes[0].from
		}
	} else {
		for r.letGo() {
		}
	}
	if r.promised > 0 && r.next > r.promised {
		r.owes, r.promised = true, 0
	}
}

// letGo lets go of what stands at next, if it is known.
func (r *Receiver) letGo() bool {
	if len(r.lost) > 0 && r.lost[0].from == r.next {
		l := r.lost[0]
		r.lost = r.lost[1:]
		r.next = l.to
		if !l.skipped {
			r.ready = append(r.ready, Ready{From: l.from, To: l.to, GivenUp: l.givenUp})
		}
		return true
	}
	frames, waits := r.held[r.next]
	if !waits {
		return false
	}
	delete(r.held, r.next)
	*r.bytes -= heldBytes(frames)
	r.next++
	r.ready = append(r.ready, Ready{Frames: frames})
	return true
}

// Gone takes that numbers will not come, and returns what may go now, until
// the next call of a method.
func (r *Receiver) Gone(now time.Time, m *Message) []Ready {
	r.ready = r.ready[:0]
	for from, to := range m.Ranges.All() {
		to = min(to, maxNumber)
		if r.next == 0 {
			r.start(now, from)
		}
		if to > from && r.reach(now, to-1) {
			r.lose(span{from, to}, m.GivenUp)
		}
	}
	r.advance()
	return r.ready
}

// Beat takes how far the sender is. It is owed an answer.
func (r *Receiver) Beat(now time.Time, m *Message) []Ready {
	r.ready = r.ready[:0]
	if r.next == 0 {
		r.start(now, m.First)
	}
	r.reach(now, min(m.UpTo, maxNumber))
	r.advance()
	r.owes, r.promised = true, 0
	if r.next <= m.UpTo {
		r.promised = m.UpTo
	}
	return r.ready
}

// Message returns what to say now, if there is anything.
func (r *Receiver) Message(now time.Time) (Message, bool) {
	if missing := r.ask(now); len(missing) > 0 {
		return Message{Says: Ask, UpTo: r.Settled(), Ranges: missing}, true
	}
	if r.owes {
		r.owes = false
		return Message{Says: Answer, UpTo: r.Settled(), Lost: r.stats.Expired + r.stats.GivenUp}, true
	}
	return Message{}, false
}

// Tick acts on the time, and returns what may go now, until the next call of
// a method: behind what is given up.
func (r *Receiver) Tick(now time.Time) []Ready {
	r.ready = r.ready[:0]
	if !r.startAt.IsZero() && !now.Before(r.startAt) {
		r.startAnywhere(now)
	}
	r.giveUp(now)
	r.advance()
	return r.ready
}

// Wake returns when to call Tick and Message again, the zero time if never.
func (r *Receiver) Wake(now time.Time) time.Time {
	if r.owes {
		return now
	}
	wake := earlier(r.askAt, r.startAt)
	if spaced := r.askedAt.Add(askSpacing); !wake.IsZero() && wake.Before(spaced) {
		wake = spaced
	}
	return wake
}
