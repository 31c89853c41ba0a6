package ack

import (
	"slices"
	"time"
)

// packetThreshold is how many later transmissions must have come before one
// counts as lost while nothing was overtaken yet (RFC 9002 section 6.1.1).
const packetThreshold = 3

// How late one may be (RFC 8985 section 6.2, step 4).
const (
	lateStep  = 4  // of it are the least round trip, at least
	keepsSlow = 16 // losses for which it is kept how long one took that was overtaken; for as many more it counts
)

// losses is what tells a datagram that is lost from one that is late: RACK
// (RFC 8985).
type losses struct {
	order     uint64           // of the transmission made last of those that came
	took      time.Duration    // its round trip
	highest   uint64           // number that came
	overtaken bool             // one has come after what was sent later
	slow      [2]time.Duration // the longest that any of those took, since it began to be kept, and for as many losses before
	kept      int              // losses since then
	due       time.Time        // when the next one counts as lost; zero: none does
	episode   uint64           // of losses
	doubted   int              // lost in this episode, and maybe not needlessly sent again
	doubts    []doubt
	came      uint64 // how many datagrams have, by the answer that told of most
}

// patience returns how long after it was sent one counts as lost, if what was
// sent later has come. Where datagrams overtake each other, that is longer than
// those took that were overtaken, of late: RFC 8985 widens by quarters of the
// least round trip instead, which is next to nothing on a path that some
// datagrams cross much faster than others. After the timeout one would be sent
// again anyway.
func (l *losses) patience(rtt *RTT) time.Duration {
	wait := l.took + min(rtt.Least()/lateStep, rtt.Smoothed())
	slow := max(l.slow[0], l.slow[1])
	return max(wait, min(slow+slow/8, rtt.Timeout())) // an eighth, as RFC 9002 section 6.1.2
}

// wasLate notes that one has come after what was sent later, and how long it
// took.
func (l *losses) wasLate(took time.Duration) {
	l.overtaken = true
	l.slow[0] = max(l.slow[0], took)
}

// count counts a loss. What others took is forgotten some time.
func (l *losses) count() {
	if l.kept++; l.kept < keepsSlow {
		return
	}
	l.kept = 0
	l.slow = [2]time.Duration{0, l.slow[0]}
	l.overtaken = l.slow[1] > 0
}

// detect counts as lost what was sent before something that came, and should
// have come by now.
func (s *Sender) detect(now time.Time) {
	l := &s.losses
	l.due = time.Time{}
	wait := l.patience(&s.rtt)
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
		l.count()
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
