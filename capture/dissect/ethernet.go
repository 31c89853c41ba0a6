package dissect

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/gopacket/layers"
)

func (d *dissection) ethernet(at int) {
	var e layers.Ethernet
	if err := d.decode(&e, at); err != nil {
		d.undecoded(osiLink, at, err)
		return
	}
	kind := Field{"type", etherTypeName(uint16(e.EthernetType)), at + 12, at + 14}
	if e.Length != 0 { // IEEE 802.3 with LLC: a length in place of the type
		kind = Field{"length", fmt.Sprint(e.Length), at + 12, at + 14}
	}
	d.header(Layer{
		Name: "Ethernet", OSI: osiLink, From: at, To: at + 14,
		Fields: []Field{
			{"destination", macName(e.DstMAC), at, at + 6},
			{"source", macName(e.SrcMAC), at + 6, at + 12},
			kind,
		},
		Meaning: "Brings the packet to the next device on this one link; the checksum that ends the frame on a cable is taken off before a capture sees it.",
	})
	d.etherType(uint16(e.EthernetType), at+14)
}

// etherType goes on with what an Ethernet type announces.
func (d *dissection) etherType(t uint16, at int) {
	if d.tooDeep(at) {
		return
	}
	switch layers.EthernetType(t) {
	case layers.EthernetTypeDot1Q, layers.EthernetTypeQinQ:
		d.vlan(at)
	case layers.EthernetTypeARP:
		d.arp(at)
	case layers.EthernetTypeIPv4:
		d.ipv4(at)
	case layers.EthernetTypeIPv6:
		d.ipv6(at)
	default:
		if at < d.end {
			d.undecoded(osiNetwork, at, fmt.Errorf("type %#04x is not read here", t))
		}
	}
}

func (d *dissection) vlan(at int) {
	var v layers.Dot1Q
	if err := d.decode(&v, at); err != nil {
		d.undecoded(osiLink, at, err)
		return
	}
	d.header(Layer{
		Name: "VLAN tag (802.1Q)", OSI: osiLink, From: at, To: at + 4,
		Fields: []Field{
			{"VLAN", fmt.Sprint(v.VLANIdentifier), at, at + 2},
			{"priority", fmt.Sprint(v.Priority), at, at + 1},
			{"type", etherTypeName(uint16(v.Type)), at + 2, at + 4},
		},
		Meaning: fmt.Sprintf("Keeps the packet within virtual network %d of a shared cable.", v.VLANIdentifier),
	})
	d.etherType(uint16(v.Type), at+4)
}

const cookedMeaning = "Linux's stand-in for a link header, in captures of the device \"any\": the real one is not kept."

// cooked reads LINKTYPE_LINUX_SLL.
func (d *dissection) cooked(at int) {
	var s layers.LinuxSLL
	if err := d.decode(&s, at); err != nil {
		d.undecoded(osiLink, at, err)
		return
	}
	addr := s.Addr[:min(len(s.Addr), 8)] // the field has 8 bytes, whatever length is stated
	d.header(Layer{
		Name: "Linux cooked capture", OSI: osiLink, From: at, To: at + 16,
		Fields: []Field{
			{"packet type", s.PacketType.String(), at, at + 2},
			{"source", macName(addr), at + 6, at + 6 + len(addr)},
			{"type", etherTypeName(uint16(s.EthernetType)), at + 14, at + 16},
		},
		Meaning: cookedMeaning,
	})
	d.etherType(uint16(s.EthernetType), at+16)
}

// cooked2 reads LINKTYPE_LINUX_SLL2, which gopacket does not know.
func (d *dissection) cooked2(at int) {
	b := d.rest(at)
	if len(b) < sll2Bytes {
		d.undecoded(osiLink, at, errors.New("the cooked header is cut short"))
		return
	}
	t := binary.BigEndian.Uint16(b)
	d.header(Layer{
		Name: "Linux cooked capture v2", OSI: osiLink, From: at, To: at + sll2Bytes,
		Fields: []Field{
			{"type", etherTypeName(t), at, at + 2},
			{"interface", fmt.Sprint(binary.BigEndian.Uint32(b[4:])), at + 4, at + 8},
			{"packet type", layers.LinuxSLLPacketType(b[10]).String(), at + 10, at + 11},
			{"source", macName(b[12 : 12+min(b[11], 8)]), at + 12, at + 12 + int(min(b[11], 8))},
		},
		Meaning: cookedMeaning,
	})
	d.etherType(t, at+sll2Bytes)
}

// loopback reads the BSD loopback header.
func (d *dissection) loopback(at int) {
	var l layers.Loopback
	if err := d.decode(&l, at); err != nil {
		d.undecoded(osiLink, at, err)
		return
	}
	d.header(Layer{
		Name: "loopback", OSI: osiLink, From: at, To: at + 4,
		Fields:  []Field{{"family", fmt.Sprintf("%d (%v)", uint8(l.Family), l.Family), at, at + 4}},
		Meaning: "Says which IP version follows; there is no link, since the packet never leaves the host.",
	})
	d.raw(at + 4)
}

// raw reads an IP packet by the version in its first nibble.
func (d *dissection) raw(at int) {
	b := d.rest(at)
	switch {
	case len(b) == 0:
		d.undecoded(osiNetwork, at, errors.New("the packet ends here"))
	case b[0]>>4 == 4:
		d.ipv4(at)
	case b[0]>>4 == 6:
		d.ipv6(at)
	default:
		d.undecoded(osiNetwork, at, fmt.Errorf("IP version %d is unknown", b[0]>>4))
	}
}

func etherTypeName(t uint16) string {
	return fmt.Sprintf("%#04x (%v)", t, layers.EthernetType(t))
}

// macName writes a hardware address, or says what a special one means.
func macName(b []byte) string {
	s := fmt.Sprintf("%x", b)
	if len(b) == 6 {
		s = fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5])
		switch {
		case s == "ff:ff:ff:ff:ff:ff":
			s += " (everyone)"
		case s == "00:00:00:00:00:00":
			s += " (none)"
		case b[0]&1 != 0:
			s += " (a group)"
		}
	}
	return s
}
