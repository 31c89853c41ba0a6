package udpq

import (
	"cmp"
	"net"

	"rawlab/framing"
	"rawlab/udpq/fragment"
)

const ethernetHeader = 14 // bytes

// groupBudget is the largest datagram for a group, 0 if the kernel cuts. Nobody
// answers probes: it is what the interface takes, and any Ethernet.
func (s *Server) groupBudget(g Group, i *net.Interface) int {
	if s.config.Fragments == FragmentsIP {
		return 0
	}
	room := framing.DefaultDatagram + headers4
	if i != nil && i.MTU > 0 {
		room = min(room, i.MTU+ethernetHeader)
	}
	headers := headers4
	if g.Addr.Addr().Is6() {
		headers = headers6
	}
	return max(cmp.Or(s.config.Datagram, room-headers), s.config.PackBudget)
}

// isOver reports whether the event that comes next leaves in pieces.
func (m *GroupSender) isOver(events []byte) bool {
	return m.budget > 0 && frameSize(events) > m.budget
}

// sendCut sends an event in pieces. It was not sent if the system refused one.
func (m *GroupSender) sendCut(event []byte) {
	f, _, err := framing.Parse(event, len(event))
	if err != nil {
		panic("udpq: frame out of the queue unreadable: " + err.Error())
	}
	b, sizes := m.cutter.cut(m.server.config.Clock.Now(), event, f.Origin, f.Sequence, m.budget)
	var refused error
	for _, n := range sizes {
		m.awaitPace()
		m.pace.take(1, n)
		if err := m.socket.send(b[:n], &m.to); err != nil {
			refused = cmp.Or(refused, err)
		} else {
			m.datagrams.Add(1)
		}
		b = b[n:]
	}
	m.account(event, 0, refused)
}

// newReassembly returns what puts events together that come in pieces.
func (l *GroupListener) newReassembly() *reassembly {
	return &reassembly{
		clock: l.config.Clock, config: fragment.Config{Limit: maxFrame, Timeout: l.config.FragmentTimeout},
		lost: func(fragment.Lost) { l.count(func(s *GroupStats) { s.FragmentLost++ }) },
	}
}

// takePiece takes a piece of an event, and the event once it is whole.
func (l *GroupListener) takePiece(f *framing.Frame) {
	inner, err := l.whole.accept(f)
	if err != nil || inner != nil {
		l.take(inner, err)
	}
}
