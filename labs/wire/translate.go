package wire

import (
	"encoding/binary"
	"fmt"
)

// Translation is one mapping of a network address translator on the wire, as
// RFC 4787 (UDP) and RFC 5382 (TCP) have it: what leaves port Inside of the
// first host reaches the second as if it came from port Outside, and what is
// sent back to Outside reaches Inside. What is sent to Inside itself, which a
// former mapping may have shown to the second host, reaches nobody: the wire
// loses it.
type Translation struct {
	Protocol        uint8 // [ProtocolTCP] or [ProtocolUDP]
	Inside, Outside uint16
}

// validateTranslations says what of a list cannot be.
func validateTranslations(list []Translation) error {
	type end struct {
		protocol uint8
		port     uint16
	}
	inside, outside := map[end]bool{}, map[end]bool{}
	for _, t := range list {
		in, out := end{t.Protocol, t.Inside}, end{t.Protocol, t.Outside}
		switch {
		case t.Protocol != ProtocolTCP && t.Protocol != ProtocolUDP:
			return fmt.Errorf("wire: translation of protocol %d: must be %d (TCP) or %d (UDP)", t.Protocol, ProtocolTCP, ProtocolUDP)
		case t.Inside == 0 || t.Outside == 0:
			return fmt.Errorf("wire: translation of port %d into %d: must be 1 to 65535", t.Inside, t.Outside)
		case inside[in] || outside[out]:
			return fmt.Errorf("wire: translation of port %d into %d: one of them has another", t.Inside, t.Outside)
		}
		inside[in], outside[out] = true, true
	}
	return nil
}

// translated reports whether the wire changes addresses.
func (d *direction) translated() bool { return len(d.translations) > 0 }

// unmapped reports whether a packet is for a port that the translator does
// not show to the sender any more.
func (d *direction) unmapped(p *packet) bool {
	if d.index == 0 || p.transport == (span{}) {
		return false
	}
	former := false
	for _, t := range d.translations {
		if t.Protocol == p.flow.protocol {
			if t.Outside == p.ports[1] {
				return false
			}
			former = former || t.Inside == p.ports[1]
		}
	}
	return former
}

// translate changes the port in a frame that a translation is about, and
// reports whether there was one. Later IP fragments have no ports, and stay
// as they are.
func (d *direction) translate(frame []byte) bool {
	if !d.translated() {
		return false
	}
	p := parse(frame)
	if p.transport == (span{}) {
		return false
	}
	for _, t := range d.translations {
		from, to, which := t.Inside, t.Outside, 0
		if d.index == 1 {
			from, to, which = t.Outside, t.Inside, 1
		}
		if t.Protocol == p.flow.protocol && p.ports[which] == from {
			setPort(frame[p.transport.from:], p.flow.protocol, which, to)
			return true
		}
	}
	return false
}

// setPort changes a port of a TCP or UDP header, and its checksum with it
// (RFC 1624, equation 3). UDP's may be left out, which 0 says (RFC 768).
func setPort(header []byte, protocol uint8, which int, port uint16) {
	at := header[2*which:]
	before := binary.BigEndian.Uint16(at)
	binary.BigEndian.PutUint16(at, port)
	sumAt := header[16:]
	if protocol == ProtocolUDP {
		sumAt = header[6:]
	}
	old := binary.BigEndian.Uint16(sumAt)
	if protocol == ProtocolUDP && old == 0 {
		return
	}
	s := uint32(^old) + uint32(^before) + uint32(port)
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	fresh := ^uint16(s)
	if protocol == ProtocolUDP && fresh == 0 {
		fresh = allOnes
	}
	binary.BigEndian.PutUint16(sumAt, fresh)
}
