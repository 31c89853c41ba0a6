package ack

import (
	"cmp"
	"errors"
	"sync"
	"time"
)

// Defaults of [SenderConfig].
const (
	DefaultBufferBytes = 1 << 20
	DefaultGiveUp      = 30 * time.Second
)

// ErrGivenUp says that a datagram was not acknowledged in time. What is
// [Sender.Unacknowledged] then may or may not have arrived.
var ErrGivenUp = errors.New("not acknowledged in time")

// SenderConfig configures a sender. The zero value works.
type SenderConfig struct {
	BufferBytes int           // what is not acknowledged, default DefaultBufferBytes
	PackBytes   int           // frames that wait to leave share a datagram up to so many bytes, default 0: none do
	GiveUp      time.Duration // how long the oldest datagram may be without an acknowledgement, default DefaultGiveUp
	Congestion  Congestion    // default Westwood
}

type state uint8

const (
	fresh    state = iota // not sent yet
	inFlight              // on the way, for all we know
	lost                  // to be sent again
	acked                 // waits for an earlier one
)

// slot is one datagram.
type slot struct {
	frames      []byte
	state       state
	used        bool      // the window was used when it was sent
	probe       bool      // its last transmission was made while one before was on the way
	tries       int       // transmissions
	start       uint64    // bytes of frames before it
	order, last uint64    // of the last transmission, and of the one before
	stamp       uint64    // of the last transmission, see Header.Sent
	episode     uint64    // of losses, in which it counted as lost
	born, sent  time.Time // the first and the last transmission
}

// bytes returns how many it is on the way.
func (d *slot) bytes() int { return len(d.frames) + HeaderBytes }

// transmission is one sending of a datagram.
type transmission struct {
	number, order, stamp uint64
	sent                 time.Time
}

// SenderStats is what a sender has done so far.
type SenderStats struct {
	Sent        uint64 // datagrams, each once
	Retransmits uint64 // times that one was sent again
	Timeouts    uint64 // times that the other end was probed since nothing came
	Spurious    uint64 // retransmits that were not needed, as far as is known
}

// Sender is the end that sends until it is acknowledged.
type Sender struct {
	config  SenderConfig
	rtt     RTT
	control Controller
	pacer   Pacer
	losses  losses
	stats   SenderStats

	base     uint64 // number of slots[0], the oldest not acknowledged
	slots    []slot // queue.list
	queue    sliding[slot]
	fresh    int                   // index of the first slot not sent yet
	flight   sliding[transmission] // in the order they were made
	again    []uint64              // numbers that are lost, the earliest first: others may wait for it
	order    uint64                // of the next transmission
	stamp    uint64                // of the last one
	end      uint64                // bytes of frames in all slots so far
	limit    uint64                // of them, what the other end takes; see Header.Limit
	told     bool                  // it has said so
	buffered int                   // bytes in slots
	inFlight int                   // bytes on the way
	probes   int                   // datagrams that may leave now, whatever the window says
	probed   uint64                // number of the last one
	lastSent time.Time
	progress time.Time // when the oldest was acknowledged, or refused
	measured time.Time // when the round trip was first
	open     bool
	failed   bool
}

// NewSender returns a sender at the start of a conversation.
func NewSender(c SenderConfig) *Sender {
	if c.BufferBytes <= 0 {
		c.BufferBytes = DefaultBufferBytes
	}
	if c.GiveUp <= 0 {
		c.GiveUp = DefaultGiveUp
	}
	return &Sender{config: c, control: NewController(cmp.Or(c.Congestion, Westwood)), base: 1, order: 1}
}

// Room reports whether there is room for another datagram: then Send may go
// over the bound by that one.
func (s *Sender) Room() bool {
	return s.open || s.buffered < s.config.BufferBytes && len(s.slots) < 2*Window
}

// Spacious reports whether there is room for as much again as waits.
func (s *Sender) Spacious() bool {
	return s.open || s.buffered <= s.config.BufferBytes/2 && len(s.slots) <= Window
}

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

// Send takes the frames of a datagram, which it copies. They share one with
// what waits, if that is configured.
func (s *Sender) Send(frames []byte) {
	s.buffered += len(frames)
	s.end += uint64(len(frames))
	if n := len(s.slots); n > s.fresh && len(s.slots[n-1].frames)+len(frames) <= s.config.PackBytes {
		d := &s.slots[n-1]
		d.frames = append(d.frames, frames...)
		return
	}
	s.queue.add(slot{frames: append(newBuffer(), frames...), start: s.end - uint64(len(frames))})
	s.slots = s.queue.list
}

// buffers of one datagram go from sender to sender: an idle one keeps none.
var buffers = sync.Pool{New: func() any { return new([segment]byte) }}

func newBuffer() []byte { return buffers.Get().(*[segment]byte)[:0] }

// freeBuffer takes a buffer back, unless it has become a larger one.
func freeBuffer(b []byte) {
	if cap(b) == segment {
		buffers.Put((*[segment]byte)(b[:segment]))
	}
}

// Pack bounds the datagrams that frames which wait to leave share from now on.
func (s *Sender) Pack(bytes int) { s.config.PackBytes = bytes }

// Release lets everything leave at once, once: there is nobody left to wait
// for acknowledgements.
func (s *Sender) Release() { s.open = true }

// Next returns a datagram to send now, probes and lost ones first, and what
// its header says of it. It is valid until the next call of Send or OnAck.
func (s *Sender) Next(now time.Time) (h Header, frames []byte, ok bool) {
	i, probe, ok := s.choose(now)
	if !ok {
		return Header{}, nil, false
	}
	s.transmit(now, i, probe)
	d := &s.slots[i]
	return Header{Number: s.base + uint64(i), Sent: d.stamp}, d.frames, true
}

// choose returns the index of what is to be sent now.
func (s *Sender) choose(now time.Time) (i int, probe, ok bool) {
	if s.failed {
		return 0, false, false
	}
	if s.probes > 0 {
		s.probes--
		if i, ok := s.unanswered(); ok {
			return i, true, true
		}
		s.probes = 0
	}
	i, ok = s.candidate()
	return i, false, ok && (s.open || s.wanted(i) && s.fits(&s.slots[i]) && s.wait(now, i) == 0)
}

// unanswered returns the oldest datagram that no probe has been made of yet;
// if there is none, one that was never sent while nothing is on the way; or
// the oldest once more, when a probe was in vain before.
func (s *Sender) unanswered() (int, bool) {
	for i := range s.slots[:s.fresh] {
		if s.slots[i].state != acked && s.base+uint64(i) > s.probed {
			return i, true
		}
	}
	if s.inFlight == 0 {
		return s.fresh, s.fresh < len(s.slots)
	}
	return 0, s.rtt.backoff > 1
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

// wanted reports whether the other end has room for it.
func (s *Sender) wanted(i int) bool { return !s.told || s.slots[i].start < s.limit }

// fits reports whether the window has room. What is alone always fits.
func (s *Sender) fits(d *slot) bool {
	return s.inFlight == 0 || s.inFlight+d.bytes() <= s.control.Window()
}

func (s *Sender) wait(now time.Time, i int) time.Duration {
	return s.pacer.Wait(now, s.slots[i].bytes(), s.control.Window(), s.rtt.Smoothed())
}

func (s *Sender) transmit(now time.Time, i int, probe bool) {
	d, number := &s.slots[i], s.base+uint64(i)
	switch d.state {
	case fresh:
		d.born = now
		s.fresh++
		s.stats.Sent++
	case inFlight:
		s.inFlight -= d.bytes() // the one before is not waited for any more
		fallthrough
	default:
		s.stats.Retransmits++
	}
	s.stamp = max(uint64(now.UnixNano()), s.stamp+1)
	s.inFlight += d.bytes()
	d.probe = d.state == inFlight
	d.state, d.sent, d.stamp = inFlight, now, s.stamp
	d.order, d.last = s.order, d.order
	d.tries++
	d.used = 2*s.inFlight >= s.control.Window()
	s.flight.add(transmission{number, s.order, s.stamp, now})
	s.order++
	s.lastSent = now
	if probe {
		s.probed = number
	}
	s.pacer.Take(d.bytes())
}
