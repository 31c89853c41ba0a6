package wire

import "math"

// maxRate keeps the arithmetic below within 64 bits.
const maxRate = 1e15

// AQM is how a queue that builds up is kept short (RFC 7567).
type AQM uint8

// The ways.
const (
	TailDrop AQM = iota // only what finds the queue full is dropped
	CoDel               // RFC 8289, and tail-drop behind it
	aqms
)

// String returns the name as it is written in an impairment.
func (a AQM) String() string { return [...]string{"taildrop", "codel"}[a%aqms] }

// shaper serialises packets at a rate, behind a queue of limited length.
type shaper struct {
	limits
	free int64 // when the line is idle again, ns
	rest int64 // of the last division, so that rounding does not add up

	// With tail-drop a packet's way through the queue is known when it comes.
	leaving []departure // of each waiting packet, ascending
	gone    int         // of leaving, how many have been
	ahead   int         // bytes of the others

	// With CoDel it is not, so packets wait here.
	queue   []waiting
	queued  int // bytes of the queue
	codel   codel
	dropped []waiting // by CoDel, since somebody looked
}

// limits are the words of an impairment that a shaper obeys.
type limits struct {
	rate    int64 // bits per second; 0 is no limit
	packets int
	bytes   int
	aqm     AQM
}

type departure struct {
	at    int64
	bytes int
}

// waiting is a packet in CoDel's queue.
type waiting struct {
	parcel
	row      *Row
	arrived  int64
	decision Decision
}

func (i *Impairment) limits() limits {
	l := limits{rate: i.Rate, packets: i.Queue, bytes: i.QueueBytes, aqm: i.AQM}
	if l.packets == 0 {
		l.packets = DefaultQueue
		if l.bytes > 0 {
			l.packets = math.MaxInt
		}
	}
	if l.bytes == 0 {
		l.bytes = math.MaxInt
	}
	return l
}

// full tells whether one more frame does not fit.
func (l *limits) full(packets, bytes, frame int) bool {
	return packets >= l.packets || bytes+frame > l.bytes
}

// admit returns when a frame that came now will have been sent; false if the
// queue is full. It is for tail-drop.
func (s *shaper) admit(now int64, bytes int) (int64, bool) {
	if s.rate == 0 {
		return now, true
	}
	s.settle(now)
	if s.full(len(s.leaving)-s.gone, s.ahead, bytes) {
		return 0, false
	}
	sent := s.transmit(now, bytes)
	s.leaving = append(s.leaving, departure{sent, bytes})
	s.ahead += bytes
	return sent, true
}

// settle forgets what has been sent by now.
func (s *shaper) settle(now int64) {
	for s.gone < len(s.leaving) && s.leaving[s.gone].at <= now {
		s.ahead -= s.leaving[s.gone].bytes
		s.gone++
	}
	if s.gone > len(s.leaving)/2 {
		s.leaving = append(s.leaving[:0], s.leaving[s.gone:]...)
		s.gone = 0
	}
}

// transmit puts a frame on the line, as soon as it is idle, and returns when
// its last bit has been sent.
func (s *shaper) transmit(now int64, bytes int) int64 {
	if s.free < now {
		s.free, s.rest = now, 0
	}
	if s.rate == 0 {
		return s.free
	}
	bits := int64(bytes)*8*1e9 + s.rest
	s.free += bits / s.rate
	s.rest = bits % s.rate
	return s.free
}
