package command_test

import (
	"net"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"rawlab/framing"
)

// TestExplainRefused: an ICMP error is told with the event whose packet it
// quotes, also when the segment begins amid a frame.
func TestExplainRefused(t *testing.T) {
	refusal := func(packet []byte) []byte {
		b := gopacket.NewSerializeBuffer()
		err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
			&layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, EthernetType: layers.EthernetTypeIPv4},
			&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolICMPv4, SrcIP: net.IP{10, 77, 0, 2}, DstIP: net.IP{10, 77, 0, 1}},
			&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodePort)},
			gopacket.Payload(packet[14:]))
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	event := eventFrame(t, framing.KindEmit, framing.FlagCRC, 7, 1, "nobody is there")
	datagram := upUDP(t, event)
	amid := upTCP(t, 21, event[20:])
	for name, packets := range map[string][][]byte{
		"datagram": {datagram, refusal(datagram)},
		"segment":  {upTCP(t, 0, nil), upTCP(t, 1, event[:20]), amid, refusal(amid)},
	} {
		s := newStaged(t, "lo")
		for _, p := range packets {
			s.add(0, 0, "", p)
		}
		code, stdout, stderr := runExplain(t, s.bytes(), "-", "--event", "7:1")
		for _, want := range []string{"icmp  DestinationUnreachable(Port)", "quote the packet that carried it"} {
			if code != 0 || !strings.Contains(stdout, want) {
				t.Errorf("%s: exit %d, stderr %q, stdout lacks %q:\n%s", name, code, stderr, want, stdout)
			}
		}
	}
}
