package dissect

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/google/gopacket/layers"
)

// Checksum is what verifying a checksum came to.
type Checksum uint8

// The verdicts.
const (
	ChecksumUnchecked Checksum = iota // a fragment, or cut by the capture: the bytes are not all here
	ChecksumGood
	ChecksumBad
	ChecksumOffloaded // the sender left it to hardware that comes after the capture, or to nobody, as on lo
	ChecksumAbsent    // the sender chose to send none (UDP over IPv4, RFC 768)
)

var checksumNames = [...]string{
	ChecksumUnchecked: "not checked", ChecksumGood: "good", ChecksumBad: "bad",
	ChecksumOffloaded: "not computed (offloaded)", ChecksumAbsent: "none sent",
}

// String returns the verdict in words.
func (c Checksum) String() string { return checksumNames[c] }

// onesSum adds b to a ones' complement sum of 16-bit words (RFC 1071). Adding
// 64 bits at a time gives the same sum after folding.
func onesSum(sum uint64, b []byte) uint64 {
	var carry uint64
	for ; len(b) >= 8; b = b[8:] {
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b), carry)
	}
	var last [8]byte
	copy(last[:], b)
	sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(last[:]), carry)
	sum, carry = bits.Add64(sum, 0, carry)
	return sum + carry
}

// fold brings a sum down to 16 bits.
func fold(sum uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>16 + sum&0xffff
	return uint16(sum>>16 + sum&0xffff)
}

const wholeSum = 0xffff // what bytes with a right checksum among them add up to

// pseudoSum sums the pseudo-header that TCP, UDP and ICMPv6 checksums cover
// (RFC 9293, section 3.1; RFC 8200, section 8.1): both addresses, the
// protocol and the length.
func pseudoSum(src, dst netip.Addr, protocol layers.IPProtocol, length int) uint64 {
	sum := uint64(protocol) + uint64(length)
	for _, a := range [2]netip.Addr{src, dst} {
		b := a.As16()
		if a.Is4() {
			sum = onesSum(sum, b[12:])
		} else {
			sum = onesSum(sum, b[:])
		}
	}
	return sum
}

// headerChecksum verifies an IPv4 header.
func headerChecksum(header []byte) Checksum {
	switch {
	case len(header) < 20:
		return ChecksumUnchecked
	case fold(onesSum(0, header)) == wholeSum:
		return ChecksumGood
	case header[10] == 0 && header[11] == 0:
		return ChecksumOffloaded // capturing above hardware that fills it in
	}
	return ChecksumBad
}

// checksumField is where a protocol's header keeps its checksum.
var checksumField = map[layers.IPProtocol]int{
	layers.IPProtocolTCP: 16, layers.IPProtocolUDP: 6, layers.IPProtocolICMPv6: 2,
}

// transportChecksum verifies what IP carried between two addresses, which
// must be there to its last byte.
//
// A sender whose hardware is to finish the checksum leaves the sum of the
// pseudo-header in the field; for a packet that the hardware is to split, some
// drivers sum it with a length of 0. Such a packet is not damaged.
func transportChecksum(src, dst netip.Addr, protocol layers.IPProtocol, segment []byte) Checksum {
	at, length := checksumField[protocol], len(segment)
	if length < at+2 {
		return ChecksumUnchecked
	}
	field := binary.BigEndian.Uint16(segment[at:])
	if protocol == layers.IPProtocolUDP {
		if stated := int(binary.BigEndian.Uint16(segment[4:])); stated >= udpHeaderBytes && stated <= length {
			length = stated
		}
		if field == 0 && src.Is4() {
			return ChecksumAbsent
		}
	}
	pseudo := pseudoSum(src, dst, protocol, length)
	switch {
	case fold(onesSum(pseudo, segment[:length])) == wholeSum:
		return ChecksumGood
	case field == fold(pseudo), field == fold(pseudoSum(src, dst, protocol, 0)):
		return ChecksumOffloaded
	}
	return ChecksumBad
}

// Damaged reports whether the receiving kernel will refuse the packet for a
// bad checksum.
func (h *Headers) Damaged(data []byte) bool {
	if h.Src.Addr().Is4() && headerChecksum(data[h.network.from:h.network.to]) == ChecksumBad {
		return true
	}
	if h.Fragment || h.partial || h.Protocol != TCP && h.Protocol != UDP {
		return false
	}
	protocol := layers.IPProtocolTCP
	if h.Protocol == UDP {
		protocol = layers.IPProtocolUDP
	}
	segment := data[h.segment.from:h.segment.to]
	return transportChecksum(h.Src.Addr(), h.Dst.Addr(), protocol, segment) == ChecksumBad
}
