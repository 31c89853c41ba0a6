package dissect

import (
	"fmt"

	"github.com/google/gopacket/layers"
)

// udp reads a UDP header (RFC 768).
func (d *dissection) udp(at int) {
	var u layers.UDP
	ip := d.end
	if err := d.decode(&u, at); err != nil {
		d.undecoded(osiTransport, at, err)
		return
	}
	checksum := d.transport(layers.IPProtocolUDP, at, ip)
	end := at + udpHeaderBytes
	if u.Length >= udpHeaderBytes {
		d.end = min(d.end, at+int(u.Length))
	}
	meaning := fmt.Sprintf("One datagram of %d bytes to whoever holds port %d: UDP itself does not acknowledge, order or send again.", d.end-end, u.DstPort)
	if checksum == ChecksumBad {
		meaning = "The checksum is bad: the receiving kernel throws the datagram away, and nobody is told."
	}
	d.header(Layer{
		Name: "UDP", OSI: osiTransport, From: at, To: end,
		Fields: []Field{
			{"source port", fmt.Sprint(uint16(u.SrcPort)), at, at + 2},
			{"destination port", fmt.Sprint(uint16(u.DstPort)), at + 2, at + 4},
			{"length", fmt.Sprintf("%d bytes", u.Length), at + 4, at + 6},
			{"checksum", fmt.Sprintf("%#04x, %v", u.Checksum, checksum), at + 6, at + 8},
		},
		Meaning: meaning,
	})
	d.protocol, d.ports = UDP, [2]uint16{uint16(u.SrcPort), uint16(u.DstPort)}
	d.application(end)
}

// transport verifies the checksum of the TCP or UDP at a place, up to the end
// that IP states.
func (d *dissection) transport(p layers.IPProtocol, at, end int) Checksum {
	if d.cut || d.fragment {
		return ChecksumUnchecked
	}
	return transportChecksum(d.src, d.dst, p, d.data[at:end])
}
