package command_test

import (
	"net"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"rawlab/cmd/rawlab/command"
	"rawlab/framing"
)

// refusal is the server's answer that nobody listens where a packet went.
func refusal(t *testing.T, packet []byte) []byte {
	t.Helper()
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

// TestExplainRefused: an ICMP error is told with the event whose packet it
// quotes, also when the segment begins amid a frame.
func TestExplainRefused(t *testing.T) {
	event := eventFrame(t, framing.KindEmit, framing.FlagCRC, 7, 1, "nobody is there")
	datagram := upUDP(t, event)
	amid := upTCP(t, 21, event[20:])
	for name, packets := range map[string][][]byte{
		"datagram": {datagram, refusal(t, datagram)},
		"segment":  {upTCP(t, 0, nil), upTCP(t, 1, event[:20]), amid, refusal(t, amid)},
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

// TestExplainManyRefusals: of more ICMP errors than are kept it is said how
// many there were, and those about other events take no room where one is
// asked for.
func TestExplainManyRefusals(t *testing.T) {
	was := command.KeepRefusals(2)
	defer command.KeepRefusals(was)
	s := newStaged(t, "lo")
	for sequence, refused := range []int{1: 5, 2: 1} {
		datagram := upUDP(t, eventFrame(t, framing.KindEmit, framing.FlagCRC, 7, uint64(sequence), "nobody is there"))
		s.add(0, 0, "", datagram)
		for range refused {
			s.add(0, 0, "", refusal(t, datagram))
		}
	}
	for args, want := range map[string][]string{
		"":            {"4 ICMP errors about events, more than are kept"},
		"--json":      {`"untold_refusals":4`},
		"--event 7:1": {"icmp  3 errors about it, more than are kept", "packet 4 "},
		"--event 7:2": {"packet 9 ", "quote the packet that carried it"},
	} {
		code, stdout, stderr := runExplain(t, s.bytes(), append([]string{"-"}, strings.Fields(args)...)...)
		for _, w := range want {
			if code != 0 || !strings.Contains(stdout, w) {
				t.Errorf("%s: exit %d, stderr %q, stdout lacks %q:\n%s", args, code, stderr, w, stdout)
			}
		}
	}
}
