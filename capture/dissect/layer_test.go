package dissect_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// outline writes layers briefly: OSI number, name, own bytes.
func outline(ls []dissect.Layer) []string {
	var s []string
	for _, l := range ls {
		s = append(s, fmt.Sprintf("%d %s %d-%d", l.OSI, l.Name, l.From, l.To))
	}
	return s
}

func TestDissect(t *testing.T) {
	event := emit(t, 1, 2, "news", "hello")
	udp := udpPacket(t, client4, server4, event)
	arp := serialize(t, ethernet(layers.EthernetTypeARP), &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, Operation: layers.ARPRequest, HwAddressSize: 6, ProtAddressSize: 4,
		SourceHwAddress: []byte{2, 0, 0, 0, 0, 1}, DstHwAddress: make([]byte, 6),
		SourceProtAddress: client4.Addr().AsSlice(), DstProtAddress: server4.Addr().AsSlice(),
	})
	tests := map[string]struct {
		link uint16
		data []byte
		want []string
	}{
		"event over UDP": {1, udp, []string{
			"1 none 0-0", "2 Ethernet 0-14", "3 IPv4 14-34", "4 UDP 34-42",
			"5 rawlab identity 50-74", "6 rawlab encoding 42-50", "7 rawlab emit 74-83",
		}},
		"event over TCP and IPv6": {1, tcpPacket(t, segment{src: client6, dst: server6, payload: event}), []string{
			"1 none 0-0", "2 Ethernet 0-14", "3 IPv6 14-54", "4 TCP 54-86",
			"5 rawlab identity 94-118", "6 rawlab encoding 86-94", "7 rawlab emit 118-127",
		}},
		"acknowledgement": {1, tcpPacket(t, segment{src: client4, dst: server4}), []string{
			"1 none 0-0", "2 Ethernet 0-14", "3 IPv4 14-34", "4 TCP 34-66", "5 none 66-66", "6 none 66-66", "7 none 66-66",
		}},
		"VLAN, another protocol": {1, vlan(udpPacket(t, client4, server4, []byte("hello there, this is no frame"))), []string{
			"1 none 0-0", "2 Ethernet 0-14", "2 VLAN tag (802.1Q) 14-18", "3 IPv4 18-38", "4 UDP 38-46", "5 none 46-46", "6 none 46-46", "7 data 46-75",
		}},
		"ARP": {1, arp, []string{
			"1 none 0-0", "2 Ethernet 0-14", "2 ARP 14-42", "3 none 42-42", "4 none 42-42", "5 none 42-42", "6 none 42-42", "7 none 42-42",
		}},
		"raw IP": {101, udp[14:], []string{
			"1 none 0-0", "2 none 0-0", "3 IPv4 0-20", "4 UDP 20-28", "5 rawlab identity 36-60", "6 rawlab encoding 28-36", "7 rawlab emit 60-69",
		}},
		"cut inside UDP": {1, udp[:38], []string{
			"1 none 0-0", "2 Ethernet 0-14", "3 IPv4 14-34", "4 undecoded 34-38", "5 none 38-38", "6 none 38-38", "7 none 38-38",
		}},
		"unknown type": {1, append(slices.Clone(udp[:12]), 0x88, 0xb5, 1, 2, 3), []string{
			"1 none 0-0", "2 Ethernet 0-14", "3 undecoded 14-17", "4 none 17-17", "5 none 17-17", "6 none 17-17", "7 none 17-17",
		}},
		"unknown link type": {9999, udp[:20], []string{
			"1 none 0-0", "2 undecoded 0-20", "3 none 20-20", "4 none 20-20", "5 none 20-20", "6 none 20-20", "7 none 20-20",
		}},
		"empty": {1, nil, []string{
			"1 none 0-0", "2 undecoded 0-0", "3 none 0-0", "4 none 0-0", "5 none 0-0", "6 none 0-0", "7 none 0-0",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, outline(dissect.Dissect(tt.data, tt.link))); diff != "" {
				t.Errorf("Dissect (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDissectAccounts: overhead and the user's payload make up the packet.
func TestDissectAccounts(t *testing.T) {
	payload := "twenty bytes of mine"
	two := append(emit(t, 1, 2, "news", payload), emit(t, 1, 3, "news", payload)...)
	for name, data := range map[string][]byte{
		"udp": udpPacket(t, client4, server4, two),
		"tcp": tcpPacket(t, segment{src: client6, dst: server6, payload: two}),
	} {
		overhead := 0
		for _, l := range dissect.Dissect(data, 1) {
			overhead += l.Overhead
		}
		if overhead+2*len(payload) != len(data) {
			t.Errorf("%s: overhead %d + payload %d != packet %d", name, overhead, 2*len(payload), len(data))
		}
	}
	short := dissect.Dissect(udpPacket(t, client4, server4, []byte("hi")), 1)
	if got := value(short, "Ethernet", "padding"); !strings.HasPrefix(got, "16 bytes") || short[1].Overhead != 30 {
		t.Errorf("padding = %q, overhead %d; want 16 bytes of 30", got, short[1].Overhead)
	}
}

// value returns a field of the first layer of a name.
func value(ls []dissect.Layer, layer, field string) string {
	for _, l := range ls {
		for _, f := range l.Fields {
			if l.Name == layer && f.Name == field {
				return f.Value
			}
		}
	}
	return "no such field"
}

func TestDissectChecksums(t *testing.T) {
	event := emit(t, 1, 2, "news", "hello")
	flip := func(p []byte, at int) []byte { p = slices.Clone(p); p[at] ^= 0x40; return p }
	udp := udpPacket(t, client4, server4, event)
	tcp := tcpPacket(t, segment{src: client6, dst: server6, payload: event})
	zero := slices.Clone(udp)
	zero[40], zero[41] = 0, 0
	noIP := slices.Clone(udp)
	noIP[24], noIP[25] = 0, 0
	fragment := slices.Clone(udp)
	fragment[20] = 0x20
	tests := map[string]struct {
		data         []byte
		layer, field string
		want         string
	}{
		"UDP":              {udp, "UDP", "checksum", "good"},
		"UDP damaged":      {flip(udp, 80), "UDP", "checksum", "bad"},
		"UDP offloaded":    {offload(slices.Clone(udp)), "UDP", "checksum", "not computed (offloaded)"},
		"UDP without":      {zero, "UDP", "checksum", "none sent"},
		"UDP cut":          {udp[:len(udp)-3], "UDP", "checksum", "not checked"},
		"UDP fragment":     {fragment, "UDP", "checksum", "not checked"},
		"TCP":              {tcp, "TCP", "checksum", "good"},
		"TCP damaged":      {flip(tcp, 120), "TCP", "checksum", "bad"},
		"IPv4":             {udp, "IPv4", "checksum", "good"},
		"IPv4 damaged":     {flip(udp, 22), "IPv4", "checksum", "bad"},
		"IPv4 offloaded":   {noIP, "IPv4", "checksum", "not computed (offloaded)"},
		"frame":            {udp, "rawlab encoding", "CRC-32C", "good"},
		"frame damaged":    {flip(udp, 80), "rawlab encoding", "CRC-32C", "bad"},
		"frame cut in two": {udp[:80], "rawlab identity", "sequence", "2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := value(dissect.Dissect(tt.data, 1), tt.layer, tt.field); !strings.HasSuffix(got, tt.want) {
				t.Errorf("%s %s = %q, want %q", tt.layer, tt.field, got, tt.want)
			}
		})
	}
}

// TestDissectPart: of a frame over two segments, each shows its share.
func TestDissectPart(t *testing.T) {
	b := emit(t, 1, 2, "news", "hello")
	c := (&conversation{t: t}).syn().data(0, b[:20]).data(20, b[20:])
	frames, _ := assemble(nil, c.packets...)
	f := frames[0]
	first := dissect.Dissect(c.packets[1], 1, dissect.Carried{Frame: f, Part: f.Parts[0]})
	second := dissect.Dissect(c.packets[2], 1, dissect.Carried{Frame: f, Part: f.Parts[1]})
	if diff := cmp.Diff([]string{"5 rawlab identity 74-86", "6 rawlab encoding 66-74", "7 rawlab emit 86-86"}, outline(first)[4:]); diff != "" {
		t.Errorf("first segment (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"5 rawlab identity 66-78", "6 rawlab encoding 87-91", "7 rawlab emit 78-87"}, outline(second)[4:]); diff != "" {
		t.Errorf("second segment (-want +got):\n%s", diff)
	}
	if got := value(first, "rawlab identity", "sequence"); got != "2 (4 of its 8 bytes here)" {
		t.Errorf("sequence = %q, want it half here", got)
	}
	if got := first[6].Meaning; !strings.Contains(got, "packet 3") {
		t.Errorf("meaning of the absent layer = %q, want it to name packet 3", got)
	}
}

func TestDissectBodies(t *testing.T) {
	hello := framing.Hello{MinVersion: 1, MaxVersion: 1, Name: []byte("anna")}
	body, err := hello.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		kind framing.Kind
		body []byte
		want string
	}{
		{framing.KindHello, body, `versions 1 to 1, name "anna", credentials of 0 bytes`},
		{framing.KindWelcome, (&framing.Welcome{Version: 1, Limit: 99, Epoch: 16}).Append(nil), "version 1, frames up to 99 bytes, epoch 0x10"},
		{framing.KindSubscribe, (&framing.Subscribe{Epoch: 16, Offset: 5}).Append(nil), "epoch 0x10, from offset 5"},
		{framing.KindReceipt, (&framing.Receipt{From: 3, To: 9, Replayed: 4, Expired: framing.Ranges{}.Append(3, 5)}).Append(nil), "missed offsets 3 to 9: 4 replayed, 2 expired"},
		{framing.KindNack, framing.Ranges{}.Append(3, 5), "missing 3 to 4"},
		{framing.KindFragment, (&framing.Fragment{Total: 9, Position: 2, Piece: []byte("abc")}).Append(nil), "bytes 2 to 5 of a frame of 9"},
		{framing.KindParity, (&framing.Parity{First: 7, Data: 4, Redundant: 2, Index: 1}).Append(nil), "shard 2 of 2 for 4 frames from sequence 7"},
	} {
		f := framing.Frame{Kind: tt.kind, Flags: framing.FlagCRC, Payload: tt.body}
		got := dissect.Dissect(udpPacket(t, client4, server4, frame(t, f)), 1)
		if v := value(got, "rawlab "+tt.kind.String(), "body"); v != tt.want {
			t.Errorf("body of %v = %q, want %q", tt.kind, v, tt.want)
		}
	}
}

func TestDissectICMP(t *testing.T) {
	lost := udpPacket(t, client4, server4, []byte("hi"))
	eth, ip := network(server4, client4, layers.IPProtocolICMPv4)
	data := serialize(t, eth, ip.(gopacket.SerializableLayer),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodePort)},
		gopacket.Payload(lost[14:42]))
	got := dissect.Dissect(data, 1)
	if v := value(got, "ICMP", "about"); v != "udp 10.77.0.1:40000 > 10.77.0.2:9700" {
		t.Errorf("about = %q, want the lost datagram's flow", v)
	}
	if v := value(got, "ICMP", "checksum"); !strings.HasSuffix(v, "good") {
		t.Errorf("checksum = %q, want good", v)
	}
}

func FuzzDissect(f *testing.F) {
	event := emit(f, 1, 2, "news", "hello")
	seeds := [][]byte{
		udpPacket(f, client4, server4, event),
		vlan(tcpPacket(f, segment{src: client6, dst: server6, payload: event})),
		serialize(f, ethernet(layers.EthernetTypeIPv4), &layers.IPv4{
			Version: 4, TTL: 1, Protocol: layers.IPProtocolIPv6, SrcIP: net.IP{1, 2, 3, 4}, DstIP: net.IP{1, 2, 3, 4},
		}, gopacket.Payload(make([]byte, 60))),
	}
	for i, b := range seeds {
		f.Add(uint16(1), uint64(i), b)
		f.Add(uint16(113), uint64(i), b)
	}
	f.Fuzz(func(t *testing.T, link uint16, seed uint64, data []byte) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		for range min(len(data), int(seed%4)) {
			data[rnd.IntN(len(data))] = byte(rnd.Uint32())
		}
		carried := dissect.Carried{
			Frame: &dissect.Frame{Kind: framing.KindEmit, Flags: framing.Flags(seed), Length: int(seed % 500), PayloadLength: int(seed % 90)},
			Part:  dissect.Part{From: rnd.IntN(80), To: rnd.IntN(120), At: rnd.IntN(200)},
		}
		for _, ls := range [][]dissect.Layer{dissect.Dissect(data, link), dissect.Dissect(data, link, carried, carried)} {
			checkLayers(t, data, ls)
		}
	})
}

// checkLayers holds what is true of every dissection: all seven layers are
// there, explained, and point into the packet.
func checkLayers(t *testing.T, data []byte, ls []dissect.Layer) {
	t.Helper()
	var seen [8]bool
	for _, l := range ls {
		seen[l.OSI] = true
		if l.From < 0 || l.From > l.To || l.To > len(data) || l.Meaning == "" || l.TCPIP == "" {
			t.Fatalf("layer %+v of a packet of %d bytes", l, len(data))
		}
		for _, f := range l.Fields {
			if f.From < 0 || f.From > f.To || f.To > len(data) {
				t.Fatalf("field %+v of %s in a packet of %d bytes", f, l.Name, len(data))
			}
		}
	}
	if seen != [8]bool{1: true, true, true, true, true, true, true} {
		t.Fatalf("OSI layers %v, want all seven", seen)
	}
}
