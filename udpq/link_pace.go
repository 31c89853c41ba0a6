package udpq

import "rawlab/internal/clock"

// newBareLink returns a link that keeps a pace and does nothing else. Transmit
// learns which datagrams the system does not take.
func newBareLink(c clock.Clock, p *pacer, transmit func(*train) error) *link {
	return &link{clock: c, transmit: transmit, machine: new(bareMachine), pace: p, isBare: true}
}

// bare reports whether nothing is done for lost events.
func (l *link) bare() bool { return l == nil || l.isBare }

// roomy reports whether a datagram may be posted: it would leave now.
func (l *link) roomy(m machine) bool {
	return m.room() && (l.pace == nil || l.pace.open(l.clock.Now()))
}

// gone reports whether nothing waits for the pace.
func (l *link) gone(machine) bool { return !l.paced }

// awaitPace sees to it that who waits for the pace is told. The caller holds mu.
func (l *link) awaitPace() {
	if l.pace != nil && l.err == nil {
		l.arm(l.clock.Now())
	}
}
