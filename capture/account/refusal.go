package account

import (
	"encoding/binary"

	"rawlab/capture/dissect"
)

// refusalKey is as much of a datagram as the ICMP message about it is sure to
// quote of what we need: its ports and the beginning of its payload, in which
// the first frame bears the event's identity and time.
type refusalKey struct {
	src, dst uint16
	start    [refusalBytes]byte
}

// refusalBytes of payload reach past a frame's origin, sequence and time.
const refusalBytes = 40

func keyOf(datagram []byte) (k refusalKey, ok bool) {
	if len(datagram) < udpHeader {
		return k, false
	}
	k.src, k.dst = binary.BigEndian.Uint16(datagram), binary.BigEndian.Uint16(datagram[2:])
	copy(k.start[:], datagram[udpHeader:])
	return k, true
}

// Kinds of ICMP messages that say that no socket is there: RFC 792 and
// RFC 4443, section 3.1.
const (
	icmpUnreachable, icmpPort     = 3, 3
	icmpv6Unreachable, icmpv6Port = 1, 4
	icmpHeader                    = 8
)

// refusals reads what a host said of datagrams for a port where nobody
// listens: it quotes them. The tap is the host's own, so that none of this is
// lost on the wire.
func refusals(tap *Tap, port uint16) map[refusalKey]int {
	found := map[refusalKey]int{}
	parser, quoted := dissect.NewParser(dissect.LinkEthernet), dissect.NewParser(dissect.LinkRaw)
	for i := range tap.Packets {
		p := &tap.Packets[i]
		if !p.Outgoing {
			continue
		}
		h, err := parser.Parse(p.Data)
		if err != nil || !refuses(&h) {
			continue
		}
		packet := h.Payload[icmpHeader:]
		q, _ := quoted.Parse(packet) // an error only says that the quote is cut
		_, at := q.Extent()
		if q.Protocol != dissect.UDP || at == 0 || at > len(packet) {
			continue
		}
		if k, ok := keyOf(packet[at:]); ok && (k.src == port || k.dst == port) {
			found[k]++
		}
	}
	return found
}

// refuses reports whether a packet says that a port is unreachable.
func refuses(h *dissect.Headers) bool {
	if len(h.Payload) < icmpHeader {
		return false
	}
	kind, code := h.Payload[0], h.Payload[1]
	return h.Protocol == dissect.ICMP && kind == icmpUnreachable && code == icmpPort ||
		h.Protocol == dissect.ICMPv6 && kind == icmpv6Unreachable && code == icmpv6Port
}
