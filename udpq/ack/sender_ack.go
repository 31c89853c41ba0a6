package ack

import (
	"slices"
	"time"
)

// OnAck takes what the other end says has come. Numbers that were never sent
// are ignored.
func (s *Sender) OnAck(now time.Time, h *Header) {
	sent := s.base + uint64(s.fresh) // the first number not sent
	rtt := time.Duration(-1)         // of what was sent last
	news := false
	take := func(from, to uint64) {
		for n := max(from, s.base); n < min(to, sent); n++ {
			sample, first := s.arrived(now, n, h.Echo)
			news = news || first
			if sample >= 0 && (rtt < 0 || sample < rtt) {
				rtt = sample
			}
		}
	}
	if h.UpTo >= s.base {
		take(s.base, min(h.UpTo, sent-1)+1)
	}
	for from, to := range h.Beyond.All() {
		take(from, to)
	}
	if !news {
		return
	}
	if rtt >= 0 {
		s.rto.Sample(rtt)
	}
	s.detect()
	s.forget()
	s.timer = time.Time{} // RFC 6298 (5.2), (5.3)
	if s.inFlight > 0 {
		s.timer = now.Add(s.rto.Timeout())
	}
}

// arrived takes the acknowledgement of one datagram. Karn's algorithm: there
// is a sample, else -1, only if it is known which transmission came. It is if
// there was one; or if the echo is of the last (RFC 7323 section 4).
func (s *Sender) arrived(now time.Time, number, echo uint64) (sample time.Duration, first bool) {
	d := &s.slots[number-s.base]
	if d.state == acked {
		return -1, false
	}
	if d.state == inFlight {
		s.inFlight -= d.bytes()
	}
	d.state = acked
	s.reno.OnAck(d.bytes(), d.order, d.used)
	if d.first != d.order && echo != uint64(d.sent.UnixNano()) {
		s.largest = max(s.largest, d.first)
		return -1, true
	}
	s.largest = max(s.largest, d.order)
	return now.Sub(d.sent), true
}

// detect marks as lost what was sent packetThreshold or more before something
// that came.
func (s *Sender) detect() {
	i := 0
	for ; i < len(s.flight) && s.flight[i].order+packetThreshold <= s.largest; i++ {
		if s.lose(s.flight[i]) {
			s.reno.OnLoss(s.flight[i].order, s.order)
		}
	}
	slices.Sort(s.again)
	for i < len(s.flight) && !s.current(s.flight[i]) {
		i++
	}
	s.flight = s.flight[i:]
}

// current reports whether a transmission is still on the way.
func (s *Sender) current(t transmission) bool {
	return t.number >= s.base && s.slots[t.number-s.base].state == inFlight && s.slots[t.number-s.base].order == t.order
}

// forget lets go of everything acknowledged up to the first hole.
func (s *Sender) forget() {
	i := 0
	for ; i < len(s.slots) && s.slots[i].state == acked; i++ {
		s.buffered -= len(s.slots[i].frames)
		s.slots[i].frames = nil
	}
	s.slots = s.slots[i:]
	s.base += uint64(i)
	s.fresh -= i
}
