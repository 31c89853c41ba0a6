package dissect

import (
	"net/netip"

	"github.com/google/gopacket/layers"
)

// VerifyUDP verifies the checksum of a UDP datagram, given from its header to
// its last byte, that came between two addresses (RFC 768; RFC 8200, section
// 8.1).
func VerifyUDP(src, dst netip.Addr, datagram []byte) Checksum {
	return transportChecksum(src, dst, layers.IPProtocolUDP, datagram)
}
