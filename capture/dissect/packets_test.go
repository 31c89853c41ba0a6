package dissect_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"rawlab/framing"
)

var (
	client4 = netip.MustParseAddrPort("10.77.0.1:40000")
	server4 = netip.MustParseAddrPort("10.77.0.2:9700")
	client6 = netip.MustParseAddrPort("[fd77::1]:40000")
	server6 = netip.MustParseAddrPort("[fd77::2]:9700")
)

// serialize builds a packet out of layers, lengths and checksums filled in.
func serialize(t testing.TB, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, ls...); err != nil {
		t.Fatalf("serialize: %v", err)
	}
	return buf.Bytes()
}

func ethernet(next layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{
		SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: next,
	}
}

// network returns the link and network layers between two addresses.
func network(src, dst netip.AddrPort, next layers.IPProtocol) (*layers.Ethernet, gopacket.NetworkLayer) {
	if src.Addr().Is4() {
		return ethernet(layers.EthernetTypeIPv4), &layers.IPv4{
			Version: 4, IHL: 5, TTL: 64, Id: 7, Flags: layers.IPv4DontFragment, Protocol: next,
			SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice(),
		}
	}
	return ethernet(layers.EthernetTypeIPv6), &layers.IPv6{
		Version: 6, HopLimit: 64, NextHeader: next, SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice(),
	}
}

// udpPacket returns an Ethernet packet with one datagram.
func udpPacket(t testing.TB, src, dst netip.AddrPort, payload []byte) []byte {
	t.Helper()
	eth, ip := network(src, dst, layers.IPProtocolUDP)
	udp := &layers.UDP{SrcPort: layers.UDPPort(src.Port()), DstPort: layers.UDPPort(dst.Port())}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	return serialize(t, eth, ip.(gopacket.SerializableLayer), udp, gopacket.Payload(payload))
}

// segment describes one TCP packet of a test.
type segment struct {
	src, dst           netip.AddrPort
	seq, ack           uint32
	syn, fin, rst, noA bool
	payload            []byte
}

// tcpPacket returns an Ethernet packet with one segment.
func tcpPacket(t testing.TB, s segment) []byte {
	t.Helper()
	eth, ip := network(s.src, s.dst, layers.IPProtocolTCP)
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(s.src.Port()), DstPort: layers.TCPPort(s.dst.Port()),
		Seq: s.seq, Ack: s.ack, SYN: s.syn, FIN: s.fin, RST: s.rst, ACK: !s.noA, PSH: len(s.payload) > 0, Window: 501,
		Options: []layers.TCPOption{
			{OptionType: layers.TCPOptionKindNop}, {OptionType: layers.TCPOptionKindNop},
			{OptionType: layers.TCPOptionKindTimestamps, OptionLength: 10, OptionData: []byte{0, 0, 0, 1, 0, 0, 0, 2}},
		},
	}
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	return serialize(t, eth, ip.(gopacket.SerializableLayer), tcp, gopacket.Payload(s.payload))
}

// frame encodes one frame.
func frame(t testing.TB, f framing.Frame) []byte {
	t.Helper()
	b, err := f.Append(nil)
	if err != nil {
		t.Fatalf("Append(%+v): %v", f, err)
	}
	return b
}

// emit encodes an event as a client emits it, with a checksum.
func emit(t testing.TB, origin, sequence uint64, topic, payload string) []byte {
	t.Helper()
	return frame(t, framing.Frame{
		Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: origin, Sequence: sequence,
		Time: 1_700_000_000_000_000_000, Topic: []byte(topic), Payload: []byte(payload),
	})
}

// netAddrPort returns an address with another port.
func netAddrPort(a netip.AddrPort, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), port)
}
