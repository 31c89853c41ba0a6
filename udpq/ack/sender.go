package ack

import (
	"errors"
	"slices"
	"time"
)

// Defaults of [NewSender].
const (
	DefaultBufferBytes = 512 << 10
	DefaultGiveUp      = 30 * time.Second
)

// packetThreshold is how many later transmissions must have come before one
// counts as lost (RFC 9002 section 6.1.1).
const packetThreshold = 3

// ErrGivenUp says that a datagram was not acknowledged in time. What is
// [Sender.Unacknowledged] then may or may not have arrived.
var ErrGivenUp = errors.New("not acknowledged in time")

type state uint8

const (
	fresh    state = iota // not sent yet
	inFlight              // on the way, for all we know
	lost                  // to be sent again
	acked                 // waits for an earlier one
)

// slot is one datagram.
type slot struct {
	frames       []byte
	state        state
	first, order uint64 // of the first and the last transmission
	born, sent   time.Time
	used         bool // the window was full when it was sent
}

// bytes returns how many it is on the way.
func (d *slot) bytes() int { return len(d.frames) + HeaderBytes }

// transmission is one sending of a datagram.
type transmission struct{ number, order uint64 }

// SenderStats is what a sender has done so far.
type SenderStats struct {
	Sent        uint64 // datagrams, each once
	Retransmits uint64 // times that one was sent again
	Timeouts    uint64 // times that the retransmission timer passed
}

// Sender is the end that sends until it is acknowledged.
type Sender struct {
	rto    RTO
	reno   NewReno
	pacer  Pacer
	giveUp time.Duration
	limit  int
	stats  SenderStats

	base     uint64 // number of slots[0], the oldest not acknowledged
	slots    []slot
	fresh    int            // index of the first slot not sent yet
	flight   []transmission // in the order they were made
	again    []uint64       // numbers that are lost, the earliest first: others may wait for it
	order    uint64         // of the next transmission
	largest  uint64         // order of the latest transmission that surely came
	buffered int            // bytes in slots
	inFlight int            // bytes on the way
	timer    time.Time      // when the retransmission timer passes; zero: stopped
	open     bool
	failed   bool
}

// NewSender returns a sender at the start of a conversation. It has room for
// bufferBytes, by default DefaultBufferBytes, and gives up when a datagram is
// not acknowledged for giveUp, by default DefaultGiveUp, since it was first sent.
func NewSender(bufferBytes int, giveUp time.Duration) *Sender {
	if bufferBytes <= 0 {
		bufferBytes = DefaultBufferBytes
	}
	if giveUp <= 0 {
		giveUp = DefaultGiveUp
	}
	return &Sender{reno: NewNewReno(), giveUp: giveUp, limit: bufferBytes, base: 1, order: 1}
}

// Room reports whether there is room for another datagram: then Send may go
// over the bound by that one.
func (s *Sender) Room() bool { return s.open || s.buffered < s.limit && len(s.slots) < 2*Window }

// Idle reports whether everything is acknowledged.
func (s *Sender) Idle() bool { return len(s.slots) == 0 }

// Buffered returns the bytes not acknowledged, sent or not.
func (s *Sender) Buffered() int { return s.buffered }

// Stats returns what was done so far.
func (s *Sender) Stats() SenderStats { return s.stats }

// Unacknowledged returns the frames of every datagram that was sent, and of
// every one that was not, from the first that is not acknowledged: what has
// come after that one may wait for it in vain, and then is not delivered.
func (s *Sender) Unacknowledged() (sent, unsent [][]byte) {
	for i := range s.slots {
		if d := &s.slots[i]; d.state == fresh {
			unsent = append(unsent, d.frames)
		} else {
			sent = append(sent, d.frames)
		}
	}
	return sent, unsent
}

// Send takes the frames of a datagram, which it copies.
func (s *Sender) Send(frames []byte) {
	s.slots = append(s.slots, slot{frames: append([]byte(nil), frames...)})
	s.buffered += len(frames)
}

// Release lets everything leave at once, once: there is nobody left to wait
// for acknowledgements.
func (s *Sender) Release() { s.open = true }

// Next returns a datagram to send now, lost ones first. It is valid until the
// next call of Send or OnAck.
func (s *Sender) Next(now time.Time) (number uint64, frames []byte, ok bool) {
	i, ok := s.candidate()
	if !ok || s.failed {
		return 0, nil, false
	}
	d := &s.slots[i]
	if !s.open && (!s.fits(d) || s.pacer.Wait(now, d.bytes(), s.reno.Window(), s.rto.Smoothed()) > 0) {
		return 0, nil, false
	}
	s.transmit(now, i)
	return s.base + uint64(i), d.frames, true
}

// candidate returns the index of what is to be sent next.
func (s *Sender) candidate() (int, bool) {
	for len(s.again) > 0 {
		if n := s.again[0]; n >= s.base && s.slots[n-s.base].state == lost {
			return int(n - s.base), true
		}
		s.again = s.again[1:] // acknowledged after all
	}
	return s.fresh, s.fresh < len(s.slots) && (s.fresh < Window || s.open)
}

// fits reports whether the window has room. What is alone always fits.
func (s *Sender) fits(d *slot) bool {
	return s.inFlight == 0 || s.inFlight+d.bytes() <= s.reno.Window()
}

func (s *Sender) transmit(now time.Time, i int) {
	d := &s.slots[i]
	if d.state == fresh {
		d.born, d.first = now, s.order
		s.fresh++
		s.stats.Sent++
	} else {
		s.again = s.again[1:]
		s.stats.Retransmits++
	}
	s.inFlight += d.bytes()
	d.state, d.order, d.sent = inFlight, s.order, now
	d.used = 2*s.inFlight >= s.reno.Window()
	s.flight = append(s.flight, transmission{s.base + uint64(i), s.order})
	s.order++
	s.pacer.Take(d.bytes())
	if s.timer.IsZero() {
		s.timer = now.Add(s.rto.Timeout()) // RFC 6298 (5.1)
	}
}

// Wake returns when to call OnTimer and Next again unless something comes
// before, the zero time if never.
func (s *Sender) Wake(now time.Time) time.Time {
	if s.failed || len(s.slots) == 0 {
		return time.Time{}
	}
	wake := s.timer
	if i, ok := s.candidate(); ok && s.fits(&s.slots[i]) {
		wake = earlier(wake, now.Add(s.pacer.Wait(now, s.slots[i].bytes(), s.reno.Window(), s.rto.Smoothed())))
	}
	if s.fresh > 0 {
		wake = earlier(wake, s.slots[0].born.Add(s.giveUp))
	}
	return wake
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// OnTimer acts on the time: the retransmission timer may have passed (RFC
// 6298 (5.4) to (5.6)), then all that is on the way counts as lost; or it is
// time to give up, which is the only error and stays.
func (s *Sender) OnTimer(now time.Time) error {
	if s.failed || s.fresh > 0 && now.Sub(s.slots[0].born) >= s.giveUp {
		s.failed = true
		return ErrGivenUp
	}
	if s.timer.IsZero() || now.Before(s.timer) {
		return nil
	}
	s.stats.Timeouts++
	s.reno.OnTimeout(s.inFlight, s.order)
	s.rto.Backoff()
	for _, t := range s.flight {
		s.lose(t)
	}
	slices.Sort(s.again)
	s.flight, s.timer = s.flight[:0], time.Time{}
	return nil
}

// lose marks a transmission as lost, unless it has been answered for since.
func (s *Sender) lose(t transmission) bool {
	if t.number < s.base {
		return false
	}
	d := &s.slots[t.number-s.base]
	if d.state != inFlight || d.order != t.order {
		return false
	}
	d.state = lost
	s.inFlight -= d.bytes()
	s.again = append(s.again, t.number)
	return true
}
