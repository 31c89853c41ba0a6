package fec

import "time"

// Defaults of [NewSender].
const (
	DefaultFlush       = 5 * time.Millisecond
	DefaultBufferBytes = 512 << 10
)

// SenderStats is what a sender has done so far.
type SenderStats struct {
	Sent   uint64 // datagrams of events
	Parity uint64 // datagrams of parity
}

// Sender is the end that sends each datagram once, and parity for them.
type Sender struct {
	encoder *Encoder
	bucket  bucket
	flush   time.Duration
	limit   int
	stats   SenderStats
	waiting queue
	open    bool
}

// NewSender returns a sender at the start of a conversation. Parity follows
// flush after the first datagram of a group at the latest, by default
// DefaultFlush; there is room for bufferBytes that have not left, by default
// DefaultBufferBytes. It panics if the params do not pass their Check.
func NewSender(p Params, flush time.Duration, bufferBytes int) *Sender {
	if flush <= 0 {
		flush = DefaultFlush
	}
	if bufferBytes <= 0 {
		bufferBytes = DefaultBufferBytes
	}
	return &Sender{encoder: NewEncoder(p), flush: flush, limit: bufferBytes}
}

// Room reports whether there is room for another datagram: then Send may go
// over the bound by that one and the parity of its group.
func (s *Sender) Room() bool { return s.open || s.waiting.bytes < s.limit }

// Idle reports whether everything has left, parity included.
func (s *Sender) Idle() bool { return s.waiting.count == 0 && s.encoder.Born().IsZero() }

// Stats returns what was done so far.
func (s *Sender) Stats() SenderStats { return s.stats }

// Send takes the frames of a datagram, which it copies: at most the largest
// datagram less Overhead.
func (s *Sender) Send(now time.Time, frames []byte) {
	number := s.encoder.Add(now, frames)
	s.waiting.put(AppendNumber(append(s.waiting.take(), frames...), number), len(frames))
	if s.encoder.Full() {
		s.Finish()
	}
}

// Finish ends the groups begun: parity for them follows at once.
func (s *Sender) Finish() {
	s.encoder.Parity(func(datagram []byte) { s.waiting.put(append(s.waiting.take(), datagram...), 0) })
}

// Next returns a datagram to send now, and the frames of events in it, none
// if it is parity. Both are valid until the next call of any method.
func (s *Sender) Next(now time.Time) (datagram, frames []byte, ok bool) {
	size := s.waiting.first()
	if size == 0 || !s.open && s.bucket.wait(now, size) > 0 {
		return nil, nil, false
	}
	s.bucket.take(size)
	datagram, n := s.waiting.pop()
	if n == 0 {
		s.stats.Parity++
	} else {
		s.stats.Sent++
	}
	return datagram, datagram[:n], true
}

// Wake returns when to call OnTimer and Next again, the zero time if never.
func (s *Sender) Wake(now time.Time) time.Time {
	wake := s.encoder.Born()
	if !wake.IsZero() {
		wake = wake.Add(s.flush)
	}
	if size := s.waiting.first(); size > 0 {
		if next := now.Add(s.bucket.wait(now, size)); wake.IsZero() || next.Before(wake) {
			wake = next
		}
	}
	return wake
}

// OnTimer acts on the time: groups that are old enough end.
func (s *Sender) OnTimer(now time.Time) {
	if born := s.encoder.Born(); !born.IsZero() && now.Sub(born) >= s.flush {
		s.Finish()
	}
}

// Release sends from now on as fast as it is asked to.
func (s *Sender) Release() { s.open = true }

// Unsent returns the frames of every datagram that Next has not returned.
func (s *Sender) Unsent() (list [][]byte) {
	for i := range s.waiting.count {
		if w := s.waiting.at(i); w.frames > 0 {
			list = append(list, w.datagram[:w.frames])
		}
	}
	return list
}
