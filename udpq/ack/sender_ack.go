package ack

import (
	"cmp"
	"slices"
	"time"
)

// OnAck takes what the other end says has come. Numbers that were never sent
// are ignored.
func (s *Sender) OnAck(now time.Time, h *Header) {
	if h.Limit > s.limit || !s.told && h.Limit > 0 {
		s.limit, s.told = h.Limit, true
	}
	s.resolve(h)
	n := news{now: now, echo: h.Echo, sample: -1, sent: s.base + uint64(s.fresh)}
	before := s.losses.highest
	if h.UpTo >= s.base {
		s.take(&n, s.base, min(h.UpTo, n.sent-1)+1, before)
	}
	for from, to := range h.Beyond.All() {
		s.take(&n, from, to, before)
	}
	refused := h.Beyond.Len() < maxRanges && s.refused(now, h.Echo)
	if !n.any && !refused {
		return
	}
	if n.sample >= 0 {
		s.rtt.Sample(n.sample)
		s.measured = earlier(s.measured, now)
	}
	s.detect(now)
	s.forget(now)
}

// news is what an ack says.
type news struct {
	now    time.Time
	echo   uint64
	sent   uint64        // the first number not sent
	sample time.Duration // of the round trip, of what was sent last; -1: none
	any    bool
}

func (s *Sender) take(n *news, from, to, before uint64) {
	for number := max(from, s.base); number < min(to, n.sent); number++ {
		if d := &s.slots[number-s.base]; d.state != acked {
			n.any = true
			s.arrived(n, d, number < before)
			s.losses.highest = max(s.losses.highest, number)
		}
	}
}

// arrived takes the acknowledgement of one datagram. Karn's algorithm: there
// is a sample only if it is known which transmission came. It is if there was
// one; or if the echo is of the last (RFC 7323 section 4). If not, one that
// was made less than the least round trip ago is not it (RFC 8985 section 6.2,
// step 2), and one that was made after what the echo is of may not be.
func (s *Sender) arrived(n *news, d *slot, overtaken bool) {
	if d.state == inFlight {
		s.inFlight -= d.bytes()
	}
	took := n.now.Sub(d.sent)
	sure := d.tries == 1 || d.state == inFlight && n.echo == d.stamp
	if sure && (n.sample < 0 || took < n.sample) {
		n.sample = took
	}
	newer := sure || took >= s.rtt.Least() && (n.echo == 0 || n.echo > d.stamp)
	switch {
	case d.state == lost:
		s.losses.wasLate(d.took(n.now))
		s.notLost(d.episode)
	case !sure && took < s.rtt.Least():
		s.needless(doubt{d.stamp, d.took(n.now), d.episode, d.probe})
	case !sure:
		s.losses.doubt(doubt{d.stamp, d.took(n.now), d.episode, d.probe})
	case overtaken && d.tries == 1:
		s.losses.wasLate(took)
	}
	d.state = acked
	if d.probe && sure {
		s.control.OnLoss(n.now, d.last, s.order, &s.rtt) // a probe has repaired it (RFC 8985 section 7.4.2)
	}
	s.control.OnAck(n.now, d.bytes(), d.order, d.used, &s.rtt)
	if d.order > s.losses.order && newer {
		s.losses.order, s.losses.took = d.order, took
	}
}

// took returns how long the transmission took that came before the last, or is
// the only one; 0 if it is not known which that is.
func (d *slot) took(now time.Time) time.Duration {
	if d.tries > 2 {
		return 0
	}
	return now.Sub(d.born)
}

// refused reports whether the echo is of a transmission that came and was not
// acknowledged: there was no room for it. Nothing is lost then, and somebody
// is there.
func (s *Sender) refused(now time.Time, echo uint64) bool {
	i, found := slices.BinarySearchFunc(s.flight.list, echo, func(t transmission, stamp uint64) int { return cmp.Compare(t.stamp, stamp) })
	if !found || !s.current(s.flight.list[i]) {
		return false
	}
	t := s.flight.list[i]
	d := s.drop(t)
	s.limit, s.told = min(s.limit, d.start), true // until there is more
	s.progress = now
	if t.order > s.losses.order {
		s.losses.order, s.losses.took = t.order, now.Sub(t.sent)
	}
	return true
}

// forget lets go of everything acknowledged up to the first hole.
func (s *Sender) forget(now time.Time) {
	i := 0
	for ; i < len(s.slots) && s.slots[i].state == acked; i++ {
		s.buffered -= len(s.slots[i].frames)
		freeBuffer(s.slots[i].frames)
	}
	if i == 0 {
		return
	}
	s.progress = now
	s.queue.cut(i)
	s.slots = s.queue.list
	s.base += uint64(i)
	s.fresh -= i
}
