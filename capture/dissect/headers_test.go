package dissect_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"rawlab/capture/dissect"
)

var compareHeaders = cmp.Options{
	cmpopts.IgnoreUnexported(dissect.Headers{}), cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.AddrPort{}),
}

func TestParse(t *testing.T) {
	udp := udpPacket(t, client4, server4, []byte("hi")) // padded to 60 bytes
	want := dissect.Headers{
		Protocol: dissect.UDP, Src: client4, Dst: server4, ID: 7, Payload: []byte("hi"), PayloadStart: 42, PayloadLength: 2,
	}
	at := func(h dissect.Headers, start int) dissect.Headers { h.PayloadStart = start; return h }
	sll2 := append([]byte{0x08, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0}, udp[14:]...)
	tests := map[string]struct {
		link uint16
		data []byte
		want dissect.Headers
	}{
		"ethernet":    {1, udp, want},
		"raw":         {101, udp[14:], at(want, 28)},
		"raw 12":      {12, udp[14:], at(want, 28)},
		"null":        {0, append([]byte{2, 0, 0, 0}, udp[14:]...), at(want, 32)},
		"loop":        {108, append([]byte{0, 0, 0, 2}, udp[14:]...), at(want, 32)},
		"sll":         {113, append([]byte{0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0}, udp[14:]...), at(want, 44)},
		"sll2":        {276, sll2, at(want, 48)},
		"vlan":        {1, vlan(udp), at(want, 46)},
		"double vlan": {1, vlan(vlan(udp)), at(want, 50)},
		"ipv6": {1, udpPacket(t, client6, server6, []byte("hello")), dissect.Headers{
			Protocol: dissect.UDP, Src: client6, Dst: server6, Payload: []byte("hello"), PayloadStart: 62, PayloadLength: 5,
		}},
		"tcp": {1, tcpPacket(t, segment{src: client4, dst: server4, seq: 5, ack: 6, fin: true, payload: []byte("abc")}), dissect.Headers{
			Protocol: dissect.TCP, Src: client4, Dst: server4, ID: 7, Seq: 5, Ack: 6, ACK: true, FIN: true, PSH: true, Window: 501,
			Payload: []byte("abc"), PayloadStart: 66, PayloadLength: 3,
		}},
		"tcp without payload": {1, tcpPacket(t, segment{src: client4, dst: server4, seq: 5, syn: true, noA: true}), dissect.Headers{
			Protocol: dissect.TCP, Src: client4, Dst: server4, ID: 7, Seq: 5, SYN: true, Window: 501, PayloadStart: 66,
		}},
		"neither IP nor ARP": {1, serialize(t, ethernet(0x88b5), gopacket.Payload(make([]byte, 50))), dissect.Headers{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := dissect.NewParser(tt.link).Parse(tt.data)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			if diff := cmp.Diff(tt.want, got, compareHeaders); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
		})
	}
}

// vlan puts an 802.1Q tag into an Ethernet packet.
func vlan(packet []byte) []byte {
	tagged := append([]byte{}, packet[:12]...)
	tagged = append(tagged, 0x81, 0, 0, 42)
	return append(tagged, packet[12:]...)
}

func TestParseARP(t *testing.T) {
	eth := ethernet(layers.EthernetTypeARP)
	data := serialize(t, eth, &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, Operation: layers.ARPRequest,
		HwAddressSize: 6, ProtAddressSize: 4, SourceHwAddress: eth.SrcMAC, DstHwAddress: make([]byte, 6),
		SourceProtAddress: client4.Addr().AsSlice(), DstProtAddress: server4.Addr().AsSlice(),
	})
	got, err := dissect.NewParser(dissect.LinkEthernet).Parse(data)
	if err != nil || got.Protocol != dissect.ARP || got.Src.Addr() != client4.Addr() || got.Dst.Addr() != server4.Addr() {
		t.Errorf("Parse(ARP) = %v %v > %v, %v", got.Protocol, got.Src, got.Dst, err)
	}
}

func TestParseFragments(t *testing.T) {
	whole := udpPacket(t, client4, server4, make([]byte, 100))
	first := append([]byte{}, whole[:14+20+48]...)
	first[16], first[17] = 0, 20+48
	first[20], first[21] = 0x20, 0 // more fragments
	last := append(append([]byte{}, whole[:34]...), whole[14+20+48:]...)
	last[16], last[17] = 0, byte(len(last)-14)
	last[20], last[21] = 0, 6

	p := dissect.NewParser(dissect.LinkEthernet)
	got, err := p.Parse(first)
	want := dissect.Headers{
		Protocol: dissect.UDP, Src: client4, Dst: server4, ID: 7, Fragment: true, More: true,
		Payload: make([]byte, 40), PayloadStart: 42, PayloadLength: 100,
	}
	if diff := cmp.Diff(want, got, compareHeaders); diff != "" || err != nil {
		t.Errorf("Parse(first fragment): %v (-want +got):\n%s", err, diff)
	}
	got, err = p.Parse(last)
	want = dissect.Headers{
		Protocol: dissect.UDP, Src: netip.AddrPortFrom(client4.Addr(), 0), Dst: netip.AddrPortFrom(server4.Addr(), 0), ID: 7,
		Fragment: true, FragmentOffset: 48, Payload: make([]byte, 60), PayloadStart: 34, PayloadLength: 60,
	}
	if diff := cmp.Diff(want, got, compareHeaders); diff != "" || err != nil {
		t.Errorf("Parse(last fragment): %v (-want +got):\n%s", err, diff)
	}
}

func TestParseIPv6Fragments(t *testing.T) {
	whole := udpPacket(t, client6, server6, make([]byte, 100))
	fragment := func(from, to int, offset uint16, more byte) []byte {
		b := append([]byte{}, whole[:54]...)
		b[20] = 44 // next header: fragment
		b[18], b[19] = 0, byte(8+to-from)
		b = append(b, 17, 0, byte(offset>>8), byte(offset)|more, 0, 0, 0, 99)
		return append(b, whole[54+from:54+to]...)
	}
	p := dissect.NewParser(dissect.LinkEthernet)
	got, err := p.Parse(fragment(0, 48, 0, 1))
	want := dissect.Headers{
		Protocol: dissect.UDP, Src: client6, Dst: server6, ID: 99, Fragment: true, More: true,
		Payload: make([]byte, 40), PayloadStart: 70, PayloadLength: 100,
	}
	if diff := cmp.Diff(want, got, compareHeaders); diff != "" || err != nil {
		t.Errorf("Parse(first fragment): %v (-want +got):\n%s", err, diff)
	}
	got, err = p.Parse(fragment(48, 108, 48, 0))
	want = dissect.Headers{
		Protocol: dissect.UDP, Src: netip.AddrPortFrom(client6.Addr(), 0), Dst: netip.AddrPortFrom(server6.Addr(), 0), ID: 99,
		Fragment: true, FragmentOffset: 48, Payload: make([]byte, 60), PayloadStart: 62, PayloadLength: 60,
	}
	if diff := cmp.Diff(want, got, compareHeaders); diff != "" || err != nil {
		t.Errorf("Parse(last fragment): %v (-want +got):\n%s", err, diff)
	}
}

func TestParseCutPacket(t *testing.T) {
	data := udpPacket(t, client4, server4, make([]byte, 100))[:80]
	got, err := dissect.NewParser(dissect.LinkEthernet).Parse(data)
	if err != nil || len(got.Payload) != 38 || got.PayloadLength != 100 {
		t.Errorf("Parse = %d of %d payload bytes, %v; want 38 of 100", len(got.Payload), got.PayloadLength, err)
	}
}

func TestParseErrors(t *testing.T) {
	udp := udpPacket(t, client4, server4, []byte("hi"))
	if _, err := dissect.NewParser(147).Parse(udp); !errors.Is(err, dissect.ErrLinkType) {
		t.Errorf("Parse of link type 147 = %v, want %v", err, dissect.ErrLinkType)
	}
	p := dissect.NewParser(dissect.LinkEthernet)
	for n := range 42 {
		if _, err := p.Parse(udp[:n]); err == nil && n != 14 { // 14: a whole Ethernet header that carries nothing
			t.Errorf("Parse of the first %d bytes = nil, want an error", n)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	p := dissect.NewParser(dissect.LinkEthernet)
	packets := [][]byte{
		udpPacket(t, client4, server4, []byte("hi")), udpPacket(t, client6, server6, []byte("hi")),
		tcpPacket(t, segment{src: client4, dst: server4, payload: []byte("hi")}),
	}
	allocs := testing.AllocsPerRun(100, func() {
		for _, data := range packets {
			if _, err := p.Parse(data); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("Parse allocates %v times for 3 packets, want 0", allocs)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(uint16(1), udpPacket(f, client4, server4, []byte("hi")))
	f.Add(uint16(1), vlan(tcpPacket(f, segment{src: client6, dst: server6, payload: []byte("hi")})))
	f.Add(uint16(113), make([]byte, 40))
	f.Fuzz(func(t *testing.T, link uint16, data []byte) {
		h, _ := dissect.NewParser(link).Parse(data)
		if end := h.PayloadStart + len(h.Payload); h.PayloadStart < 0 || end > len(data) {
			t.Fatalf("payload [%d, %d) of %d bytes", h.PayloadStart, end, len(data))
		}
	})
}

func BenchmarkParse(b *testing.B) {
	p := dissect.NewParser(dissect.LinkEthernet)
	data := tcpPacket(b, segment{src: client4, dst: server4, payload: make([]byte, 1400)})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
