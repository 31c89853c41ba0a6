package host

import (
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// repeats counts the segments that the stack sends again and does not count
// among its retransmits, as Linux would: a SYN not answered in time, and a
// probe of a closed window, which here carries the last acknowledged byte
// (RFC 9293, section 3.8.6.1) and not, as Linux's, none.
type repeats struct {
	syns  map[segmentID]bool // seen
	ends  map[peerPorts]uint32
	count int64
}

// peerPorts tells the connections of one host apart.
type peerPorts struct {
	peer     tcpip.Address
	from, to uint16
}

type segmentID struct {
	ports peerPorts
	seq   uint32
}

// see looks at a packet on its way out.
func (r *repeats) see(p *stack.PacketBuffer) {
	h := header.TCP(p.TransportHeader().Slice())
	if p.TransportProtocolNumber != header.TCPProtocolNumber || len(h) < header.TCPMinimumSize {
		return
	}
	if r.syns == nil {
		r.syns, r.ends = map[segmentID]bool{}, map[peerPorts]uint32{}
	}
	ports := peerPorts{p.Network().DestinationAddress(), h.SourcePort(), h.DestinationPort()}
	id := segmentID{ports, h.SequenceNumber()}
	size := uint32(p.Data().Size())
	switch end, known := r.ends[ports]; {
	case h.Flags()&header.TCPFlagSyn != 0:
		if r.syns[id] {
			r.count++
		}
		r.syns[id] = true
		r.ends[ports] = id.seq + 1
	case known && size == 1 && h.Flags() == header.TCPFlagAck && int32(id.seq-end) < 0 && isJunk(p):
		r.count++
	case int32(id.seq+size-end) > 0:
		r.ends[ports] = id.seq + size
	}
}

// isJunk tells a probe's byte: the stack fills it with zero, whatever the
// stream had there.
func isJunk(p *stack.PacketBuffer) bool {
	b, ok := p.Data().PullUp(1)
	return ok && b[0] == 0
}
