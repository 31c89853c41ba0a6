package capture

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
)

// large builds a packet as a system has it before it is cut.
func large(t *testing.T, src, dst netip.Addr, tags int, tcp bool, payload []byte) (data []byte, o offload) {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}
	stack := []gopacket.SerializableLayer{eth}
	inner := layers.EthernetTypeIPv4
	if src.Is6() {
		inner = layers.EthernetTypeIPv6
	}
	eth.EthernetType = inner
	for i := range tags {
		tag := &layers.Dot1Q{VLANIdentifier: uint16(7 + i), Type: inner}
		if i == 0 {
			eth.EthernetType = layers.EthernetTypeDot1Q
		} else {
			stack[i].(*layers.Dot1Q).Type = layers.EthernetTypeDot1Q
		}
		stack = append(stack, tag)
	}
	o.transport = 14 + 4*tags + 20
	protocol := layers.IPProtocolUDP
	if tcp {
		protocol = layers.IPProtocolTCP
	}
	if src.Is4() {
		stack = append(stack, &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Id: 0xffff, Protocol: protocol, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()})
	} else {
		o.transport += 20
		stack = append(stack, &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()})
	}
	switch {
	case tcp:
		o.kind = cutTCP4
		if src.Is6() {
			o.kind = cutTCP6
		}
		stack = append(stack, &layers.TCP{SrcPort: 5, DstPort: 6, Seq: 0xfffffff0, ACK: true, PSH: true, CWR: true, Options: []layers.TCPOption{
			{OptionType: layers.TCPOptionKindTimestamps, OptionLength: 10, OptionData: make([]byte, 8)}}})
	default:
		o.kind = cutUDP
		stack = append(stack, &layers.UDP{SrcPort: 5, DstPort: 6})
	}
	stack = append(stack, gopacket.Payload(payload))
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, stack...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), o
}

// TestCut: the pieces hold the payload in order, each with headers that a
// receiver would accept, and a checksum that nobody takes for a bad one.
func TestCut(t *testing.T) {
	v4, v6 := netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("fd77::1")
	payload := make([]byte, 10_000)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	for name, c := range map[string]struct {
		addr netip.Addr
		tags int
		tcp  bool
		size int
		kept int // bytes of the packet that the capture kept; 0: all
	}{
		"TCP": {v4, 0, true, 1448, 0}, "TCP over IPv6": {v6, 0, true, 1428, 0}, "UDP": {v4, 0, false, 1000, 0}, "UDP over IPv6": {v6, 0, false, 999, 0},
		"behind a tag": {v4, 1, true, 1448, 0}, "behind two": {v6, 2, false, 1400, 0}, "one piece": {v4, 0, false, 10_000, 0},
		"cut short": {v4, 0, true, 1448, 4000}, "headers alone": {v6, 0, true, 1428, 86},
	} {
		t.Run(name, func(t *testing.T) {
			data, o := large(t, c.addr, c.addr.Next(), c.tags, c.tcp, payload)
			o.size = c.size
			whole := Packet{Data: data, Length: len(data), Outgoing: true}
			if c.kept > 0 {
				whole.Data = data[:c.kept]
			}
			var cut cutter
			pieces := cut.cut(nil, &whole, o, pcapng.LinkEthernet)
			parser := dissect.NewParser(pcapng.LinkEthernet)
			var got []byte
			sequence := uint32(0xfffffff0)
			for i := range pieces {
				p := &pieces[i]
				h, err := parser.Parse(p.Data)
				if err != nil && c.kept == 0 {
					t.Fatalf("piece %d: %v", i, err)
				}
				if !p.Outgoing || len(p.Data) > p.Length || h.PayloadLength > c.size || len(pieces) > 1 && len(p.Comments) != 1 {
					t.Errorf("piece %d: %d of %d bytes, %d of payload, outgoing %v, comments %q", i, len(p.Data), p.Length, h.PayloadLength, p.Outgoing, p.Comments)
				}
				if c.tcp && (h.Seq != sequence || h.PSH != (i == len(pieces)-1)) {
					t.Errorf("piece %d: sequence %d, PSH %v, want %d", i, h.Seq, h.PSH, sequence)
				}
				sequence += uint32(h.PayloadLength)
				if c.addr.Is4() {
					if id := binary.BigEndian.Uint16(p.Data[14+4*c.tags+4:]); id != uint16(0xffff+i) {
						t.Errorf("piece %d: id %d", i, id)
					}
				}
				for _, l := range dissect.Dissect(p.Data, pcapng.LinkEthernet) {
					for _, f := range l.Fields {
						if bytes.Contains([]byte(f.Name), []byte("checksum")) && bytes.Contains([]byte(f.Value), []byte("bad")) {
							t.Errorf("piece %d: %s %s: %s", i, l.Name, f.Name, f.Value)
						}
					}
				}
				got = append(got, h.Payload...)
			}
			want := (len(payload) + c.size - 1) / c.size
			if len(pieces) != want {
				t.Errorf("%d pieces, want %d", len(pieces), want)
			}
			if c.kept > 0 {
				return
			}
			if d := cmp.Diff(payload, got); d != "" {
				t.Errorf("payload (-want +got):\n%s", d)
			}
		})
	}
}

// What is not understood stays whole: a tunnel, say, whose inner packet is to
// be cut. No bytes make it panic.
func FuzzCut(f *testing.F) {
	f.Add(make([]byte, 60), byte(cutTCP4), uint16(10), uint16(34))
	f.Add(bytes.Repeat([]byte{0x45, 0x81, 0, 6}, 30), byte(cutUDP), uint16(1), uint16(34))
	f.Fuzz(func(t *testing.T, data []byte, kind byte, size, transport uint16) {
		o := offload{kind: kind, size: max(1, int(size)), transport: int(transport)}
		p := Packet{Data: data, Length: len(data)}
		var c cutter
		pieces := c.cut(nil, &p, o, pcapng.LinkEthernet)
		total := 0
		for i := range pieces {
			total += len(pieces[i].Data)
			if len(pieces[i].Data) != pieces[i].Length {
				t.Errorf("piece %d has %d of %d bytes", i, len(pieces[i].Data), pieces[i].Length)
			}
		}
		if total < len(data) {
			t.Errorf("%d bytes became %d", len(data), total)
		}
	})
}
