package dissect

import (
	"net/netip"
	"slices"
)

// Ports of DNS, and of its relatives on one link (RFC 6762, RFC 4795).
var dnsPorts = []uint16{dnsPort, 5353, 5355}

// overhear looks in this packet alone for messages of protocols that are not
// ours, for want of the stream.
func (d *dissection) overhear(at int) []Carried {
	if d.protocol == UDP {
		return d.overhearDatagram(at)
	}
	if d.protocol != TCP {
		return nil
	}
	var heard []Carried
	src, dst := netip.AddrPortFrom(d.src, d.ports[0]), netip.AddrPortFrom(d.dst, d.ports[1])
	t := &talk{}
	for at < d.end {
		b := d.rest(at)
		if t.sides[0].speaks == unheard {
			if t.sides[0].speaks = recognise(b); t.sides[0].speaks == lost {
				if t.sides[0].speaks, _ = hear(b, src, dst); t.sides[0].speaks <= lost {
					break
				}
			}
		}
		u, v := t.next(0, b)
		if v != found && v != more || u.size == 0 {
			break
		}
		if v == more {
			u.sheets = []sheet{content(u.name, osiApplication, 0, placeOf(u.size), "It goes on in other packets, so it cannot be read from this one.")}
		}
		here := len(b)
		if u.size > 0 {
			here = int(min(u.size, int64(here)))
		}
		m := &Message{Transport: TCP, Src: src, Dst: dst, Name: u.name, Length: placeOf(max(u.size, int64(here))), layers: u.sheets}
		heard = append(heard, Carried{Message: m, Part: Part{From: at, To: at + here}})
		at += here
	}
	return heard
}

// overhearDatagram reads a datagram, which is whole in itself.
func (d *dissection) overhearDatagram(at int) []Carried {
	b := d.rest(at)
	if d.cut || len(b) == 0 {
		return nil
	}
	sheets, name, ok := readDNS(b)
	if ok && !slices.ContainsFunc(d.ports[:], func(p uint16) bool { return slices.Contains(dnsPorts, p) }) {
		ok = sheets[0].Fields[len(sheets[0].Fields)-1].To == len(b) // elsewhere only if nothing is left over
	}
	if !ok {
		sheets, name, ok = readDTLS(b)
	}
	if !ok {
		sheets, name, ok = readQUIC(b)
	}
	if !ok {
		return nil
	}
	return []Carried{lone(at, name, len(b), sheets)}
}
