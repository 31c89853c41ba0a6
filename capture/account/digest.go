package account

import (
	"encoding/binary"

	"rawlab/capture/dissect"
)

// A digest names the bytes of a UDP datagram by what they are and where they
// stand, 8 at a time. IP cuts datagrams at multiples of 8 bytes (RFC 791,
// section 3.1), so that the digests of all fragments add up to that of the
// whole, in whatever order, and a fragment's bytes need not be kept until the
// others are there. A change within any 8 bytes always changes the digest.
type digest uint64

// digestOf is that of bytes from an offset of the datagram on.
func digestOf(b []byte, offset int) digest {
	var sum digest
	at := uint64(offset / 8)
	for ; len(b) >= 8; b = b[8:] {
		sum += mix(binary.LittleEndian.Uint64(b), at)
		at++
	}
	if len(b) > 0 { // the datagram's end
		var last [8]byte
		copy(last[:], b)
		last[7] = byte(len(b)) // tells zeros from nothing
		sum += mix(binary.LittleEndian.Uint64(last[:]), at)
	}
	return sum
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood, 2014), which maps
// no two words to one.
func mix(word, at uint64) digest {
	z := word + (at+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return digest(z ^ z>>31)
}

// part is what IP carried in one packet of a datagram.
type part struct {
	head   []byte // all of it, or its beginning where the tap kept no more
	digest digest
}

// digestOfParts is that of the datagram that they make up.
func digestOfParts(parts []part) digest {
	var sum digest
	for i := range parts {
		sum += parts[i].digest
	}
	return sum
}

// partOf is what a packet of UDP carried, given its headers.
func partOf(p *Packet, h *dissect.Headers) part {
	_, segment := h.Extent()
	b := p.Data[segment : h.PayloadStart+len(h.Payload)]
	if p.Cut > 0 {
		return part{b, p.digest}
	}
	return part{b, digestOf(b, h.FragmentOffset)}
}

// headBytes are as many of a datagram's as an account looks at: with the
// beginning of its first frame.
const headBytes = 96

// Shorten leaves of a packet that is an IP fragment of a UDP datagram only
// what an account of it needs, as Cut tells; any other it leaves as it is. The
// parser is one for Ethernet.
func (p *Packet) Shorten(parser *dissect.Parser) {
	h, err := parser.Parse(p.Data)
	if err != nil || !h.Fragment || h.Protocol != dissect.UDP || p.Cut > 0 {
		return
	}
	data := p.Data
	_, segment := h.Extent()
	end, kept := h.PayloadStart+len(h.Payload), segment
	if h.FragmentOffset == 0 {
		kept = min(end, segment+headBytes)
	}
	p.Data, p.Cut, p.digest = data[:kept], len(data)-kept, digestOf(data[segment:end], h.FragmentOffset)
}
