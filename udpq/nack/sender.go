package nack

import (
	"errors"
	"time"

	"rawlab/framing"
	"rawlab/udpq/ack"
)

// ErrUnanswered says that nobody has said whether all that was sent has come,
// or will not.
var ErrUnanswered = errors.New("nobody says whether it came")

// SenderStats is what a sender has done so far, in datagrams.
type SenderStats struct {
	Sent     uint64 // each once
	Asked    uint64 // times that one was asked for
	Repaired uint64 // times that one was sent again
	Early    uint64 // times that one was asked for before what had been sent again could come, and was not sent once more
	Expired  uint64 // asked for, and not in the ring any more
	Lost     uint64 // that the other end has said it will not wait for: expired, or asked for too often in vain
}

// Plus returns the sums of two senders.
func (s SenderStats) Plus(t SenderStats) SenderStats {
	return SenderStats{
		Sent: s.Sent + t.Sent, Asked: s.Asked + t.Asked, Repaired: s.Repaired + t.Repaired, Early: s.Early + t.Early, Expired: s.Expired + t.Expired, Lost: s.Lost + t.Lost,
	}
}

// Sender numbers datagrams, and keeps a ring of the last of them for whoever
// asks.
type Sender struct {
	config Config
	stats  SenderStats
	base   uint64 // number of slots[0]
	slots  []slot
	bytes  int
	block  []byte

	trip    roundTrip
	again   []uint64 // queued, in the order they were asked for
	pacer   ack.Pacer
	gone    spans // to be told
	expired spans // counted as such
	settled uint64
	beat    Heartbeat
}

// NewSender returns a sender at the start of a conversation.
func NewSender(c Config) *Sender { return &Sender{config: c.orDefault(), base: 1} }

// Stats returns what was done so far.
func (s *Sender) Stats() SenderStats { return s.stats }

// Idle reports whether the other end has said of everything that it came, or
// will not; or has not said anything for so long that nobody will.
func (s *Sender) Idle() bool { return !s.beat.Open() }

// Open returns how many datagrams the other end has said nothing of.
func (s *Sender) Open() uint64 { return s.last() - s.settled }

func (s *Sender) last() uint64 { return s.stats.Sent }

// Send numbers a datagram that leaves now, and returns its frames, which it
// copies.
func (s *Sender) Send(now time.Time, frames []byte) (number uint64, kept []byte) {
	s.stats.Sent++
	kept = s.copy(frames)
	s.slots = append(s.slots, slot{frames: kept, sent: now, born: now})
	s.bytes += s.slots[len(s.slots)-1].bytes()
	s.beat.Sent(now, s.last())
	s.expire(now)
	return s.last(), kept
}

// Asked takes a request for numbers.
func (s *Sender) Asked(now time.Time, missing framing.Ranges) {
	s.expire(now)
	s.beat.Heard()
	for from, to := range missing.All() {
		from, to = max(from, s.settled+1), min(to, s.last()+1)
		if from >= to {
			continue
		}
		s.stats.Asked += to - from
		if from < s.base {
			s.miss(from, min(to, s.base))
			s.gone.add(from, s.base, maxHoles) // whatever lies between is gone too
		}
		for n := max(from, s.base); n < to; n++ {
			s.enqueue(now, n)
		}
	}
}

// miss counts numbers that were asked for and are gone.
func (s *Sender) miss(from, to uint64) { s.stats.Expired += s.expired.add(from, to, maxHoles) }

// enqueue sees to it that a datagram is sent again, unless it just was.
func (s *Sender) enqueue(now time.Time, n uint64) {
	d := &s.slots[n-s.base]
	since := now.Sub(d.sent)
	switch {
	case d.queued || since < askSpacing || len(s.again) >= 4*askWindow:
		return
	case d.sent.Equal(d.born):
		s.trip.sample(since - s.config.ReorderWait)
	case since < s.trip.least():
		s.stats.Early++
		return
	}
	d.queued = true
	s.again = append(s.again, n)
}

// Settled takes an answer.
func (s *Sender) Settled(upTo, lost uint64) {
	upTo = min(upTo, s.last())
	if upTo > s.settled {
		s.settled = upTo
	}
	s.stats.Lost = max(s.stats.Lost, min(lost, s.last()))
	s.beat.Settle(upTo)
	i := 0
	for i < len(s.slots) && s.base+uint64(i) <= s.settled {
		s.bytes -= s.slots[i].bytes()
		i++
	}
	s.drop(i)
}

// Next returns a datagram to send again now. Its frames are valid until the
// next call.
func (s *Sender) Next(now time.Time) (number uint64, frames []byte, ok bool) {
	n, ok := s.head()
	if !ok {
		return 0, nil, false
	}
	d := &s.slots[n-s.base]
	if s.wait(now, d) > 0 {
		return 0, nil, false
	}
	s.pacer.Take(len(d.frames))
	s.again = s.again[1:]
	d.queued, d.sent = false, now
	s.stats.Repaired++
	return n, d.frames, true
}

// head returns what is to be sent again first, past those that have left the
// ring meanwhile.
func (s *Sender) head() (number uint64, ok bool) {
	for ; len(s.again) > 0; s.again = s.again[1:] {
		n := s.again[0]
		if n >= s.base {
			return n, true
		}
		if n > s.settled {
			s.miss(n, n+1)
			s.gone.add(n, s.base, maxHoles)
		}
	}
	s.again = nil
	return 0, false
}

// wait returns how long the bucket keeps a datagram.
func (s *Sender) wait(now time.Time, d *slot) time.Duration {
	return pace(&s.pacer, now, len(d.frames), s.config.RepairRate)
}

// pace asks a bucket that is filled at a rate in bytes per second: the pacer
// adds 1.25 windows per round trip.
func pace(p *ack.Pacer, now time.Time, bytes, rate int) time.Duration {
	return p.Wait(now, bytes, rate, 1250*time.Millisecond)
}

// Message returns what to tell now, if there is anything.
func (s *Sender) Message(now time.Time) (Message, bool) {
	if len(s.gone) > 0 {
		return Message{Says: Gone, UpTo: s.last(), Ranges: s.gone.ranges()}, true
	}
	_, last, due := s.beat.Due(now)
	if due {
		return Message{Says: Beat, UpTo: last}, true
	}
	if !s.beat.Open() && len(s.slots) > 0 {
		s.bytes = 0
		s.drop(len(s.slots)) // nobody has answered for long
	}
	return Message{}, false
}

// Wake returns when to ask Next and Message again, the zero time if never.
func (s *Sender) Wake(now time.Time) time.Time {
	wake := s.beat.Wake()
	if n, ok := s.head(); ok {
		wake = earlier(wake, now.Add(s.wait(now, &s.slots[n-s.base])))
	}
	if len(s.gone) > 0 {
		wake = now
	}
	return wake
}

// earlier returns the earlier of two times, of which a zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
