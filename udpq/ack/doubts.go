package ack

import (
	"slices"
	"time"
)

// maxDoubts bounds the retransmits of which it is not known yet whether they
// were needed.
const maxDoubts = 64

// doubt is a retransmit whose datagram was acknowledged by an answer to
// something else. If it was needless, it comes to who has that datagram, and an
// answer to it follows: what RFC 8985 takes from duplicate SACKs.
type doubt struct {
	stamp   uint64        // of the retransmit
	took    time.Duration // from the first transmission to the acknowledgement, 0: not known of which it was
	episode uint64
	probe   bool // nothing had counted as lost
}

// doubt notes that a retransmit may have been needless.
func (l *losses) doubt(d doubt) {
	if len(l.doubts) == maxDoubts {
		l.doubts = slices.Delete(l.doubts, 0, 1)
	}
	l.doubts = append(l.doubts, d)
}

// resolve looks whether an answer is to a retransmit in doubt. That was needless,
// unless the answer was overtaken by one that tells of more.
func (s *Sender) resolve(h *Header) {
	l := &s.losses
	came := h.UpTo + h.Beyond.Total()
	overtaken := came < l.came
	l.came = max(l.came, came)
	i := slices.IndexFunc(l.doubts, func(d doubt) bool { return d.stamp == h.Echo })
	if i < 0 {
		return
	}
	d := l.doubts[i]
	l.doubts = slices.Delete(l.doubts, i, i+1)
	if !overtaken {
		s.needless(d)
	}
}

// needless says that a datagram was sent again for nothing: if it was so for all
// that counted as lost with it, the window is what it was (RFC 4015).
func (s *Sender) needless(d doubt) {
	s.stats.Spurious++
	if !d.probe {
		s.losses.wasLate(d.took)
		s.notLost(d.episode)
	}
}

// notLost says that a datagram of an episode of losses was none.
func (s *Sender) notLost(episode uint64) {
	l := &s.losses
	if episode != l.episode || l.doubted == 0 {
		return
	}
	if l.doubted--; l.doubted == 0 {
		s.control.Undo()
	}
}
