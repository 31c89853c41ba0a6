package ack

import (
	"slices"
	"time"
)

// packetThreshold is how many later transmissions must have come before one
// counts as lost while nothing was overtaken yet (RFC 9002 section 6.1.1).
const packetThreshold = 3

// What widens the time that one may be late (RFC 8985 section 6.2, step 4).
const (
	lateStep  = 4  // of it are the least round trip
	keepsLate = 16 // losses without a needless retransmit, until it is narrow again
)

// losses is what tells a datagram that is lost from one that is late: RACK
// (RFC 8985).
type losses struct {
	order     uint64        // of the transmission made last of those that came
	took      time.Duration // its round trip
	highest   uint64        // number that came
	overtaken bool          // one has come after what was sent later
	steps     int           // how late one may be, in lateSteps of the least round trip
	calm      int           // losses until steps is 1 again
	due       time.Time     // when the next one counts as lost; zero: none does
	episode   uint64        // of losses
	doubted   int           // lost in this episode, and maybe not needlessly sent again
}

// late returns how late one may be.
func (l *losses) late(rtt *RTT) time.Duration {
	return min(time.Duration(max(1, l.steps))*rtt.Least()/lateStep, rtt.Smoothed())
}

// detect counts as lost what was sent before something that came, and should
// have come by now.
func (s *Sender) detect(now time.Time) {
	l := &s.losses
	l.due = time.Time{}
	wait := l.took + l.late(&s.rtt)
	i := 0
	var row silence
	flight := s.flight.list
	for ; i < len(flight) && flight[i].order < l.order; i++ {
		t := flight[i]
		if s.current(t) {
			due := t.sent.Add(wait)
			if now.Before(due) && (l.overtaken || t.order+packetThreshold > l.order) {
				l.due = due
				break
			}
			s.lose(now, t)
		}
		row.add(t, s.came(t), s.measured)
	}
	if row.longest > s.rtt.persistent() {
		s.control.OnPersistent(s.order)
	}
	slices.Sort(s.again)
	for i < len(flight) && !s.current(flight[i]) {
		i++
	}
	s.flight.cut(i)
}

// silence is the longest time in which nothing that was sent has come (RFC 9002
// section 7.6).
type silence struct {
	first   time.Time
	longest time.Duration
}

// add takes the next transmission. Those made before there was a round trip to
// compare with do not count.
func (r *silence) add(t transmission, came bool, measured time.Time) {
	switch {
	case came || measured.IsZero() || t.sent.Before(measured):
		r.first = time.Time{}
	case r.first.IsZero():
		r.first = t.sent
	}
	if !r.first.IsZero() {
		r.longest = max(r.longest, t.sent.Sub(r.first))
	}
}

// current reports whether a transmission is still on the way.
func (s *Sender) current(t transmission) bool {
	return t.number >= s.base && s.slots[t.number-s.base].state == inFlight && s.slots[t.number-s.base].order == t.order
}

// came reports whether a transmission has come, for all we know.
func (s *Sender) came(t transmission) bool {
	return t.number < s.base || s.slots[t.number-s.base].state == acked && s.slots[t.number-s.base].order == t.order
}

// lose marks what is on the way as lost.
func (s *Sender) lose(now time.Time, t transmission) {
	if s.control.OnLoss(now, t.order, s.order, &s.rtt) {
		l := &s.losses
		l.episode++
		l.doubted = 0
		if l.calm--; l.calm <= 0 {
			l.steps = 1
		}
	}
	d := s.drop(t)
	d.episode = s.losses.episode
	s.losses.doubted++
}

// drop takes what is on the way for not there, and to be sent again.
func (s *Sender) drop(t transmission) *slot {
	d := &s.slots[t.number-s.base]
	d.state = lost
	s.inFlight -= d.bytes()
	s.again = append(s.again, t.number)
	return d
}

// needless says that a datagram counted as lost had not been: what is late may
// be later from now on, and if it was so for all that counted as lost with it,
// the window is what it was (RFC 4015).
func (s *Sender) needless(d *slot) {
	l := &s.losses
	if d.tries > 1 {
		s.stats.Spurious++
	}
	l.overtaken, l.steps = true, min(l.steps+1, 1<<10)
	l.calm = keepsLate
	if d.episode != l.episode || l.doubted == 0 {
		return
	}
	if l.doubted--; l.doubted == 0 {
		s.control.Undo()
	}
}
