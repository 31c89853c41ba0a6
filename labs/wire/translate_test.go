package wire_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"rawlab/internal/clock"
	"rawlab/labs/wire"
)

// segment is an Ethernet frame with an IPv4 packet of TCP or UDP, its
// checksums as the hosts make them.
func segment(protocol uint8, from, to netip.AddrPort, payload string) []byte {
	header := 8
	if protocol == wire.ProtocolTCP {
		header = 20
	}
	f := make([]byte, 14+20+header, 14+20+header+len(payload))
	f = append(f, payload...)
	binary.BigEndian.PutUint16(f[12:], 0x0800)
	ip := f[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	copy(ip[12:], from.Addr().AsSlice())
	copy(ip[16:], to.Addr().AsSlice())
	t := ip[20:]
	binary.BigEndian.PutUint16(t, from.Port())
	binary.BigEndian.PutUint16(t[2:], to.Port())
	sumAt := t[6:]
	if protocol == wire.ProtocolTCP {
		t[12], sumAt = 5<<4, t[16:]
	} else {
		binary.BigEndian.PutUint16(t[4:], uint16(len(t)))
	}
	binary.BigEndian.PutUint16(sumAt, ^transportSum(f))
	return f
}

// transportSum adds up the pseudo header and what follows IPv4's (RFC 9293,
// section 3.1): 0xffff when the checksum is right.
func transportSum(f []byte) uint16 {
	ip := f[14:]
	t := ip[20:]
	s := uint32(ip[9]) + uint32(len(t))
	add := func(b []byte) {
		for i := range b {
			s += uint32(b[i]) << (8 * (1 - i%2))
		}
	}
	add(ip[12:20])
	add(t)
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// TestTranslate: the second host sees the outer port, what it sends there
// reaches the inner one, what it sends to the former one reaches nobody, and
// checksums stay right. Other ports and the other protocol are left alone.
func TestTranslate(t *testing.T) {
	now := clock.NewVirtual(time.Unix(1_000_000_000, 0))
	var out [2][][]byte
	keep := func(d int) func([]byte) { return func(f []byte) { out[d] = append(out[d], append([]byte{}, f...)) } }
	w := wire.NewVirtual(&wire.VirtualConfig{
		VirtualTime: wire.VirtualTime{Now: now.Now, After: func(d time.Duration, f func()) { now.Call(d, f) }},
		Deliver:     [2]func([]byte){keep(0), keep(1)},
	})
	if err := w.Translate([]wire.Translation{{Protocol: wire.ProtocolUDP, Inside: 5000, Outside: 4001}, {Protocol: wire.ProtocolTCP, Inside: 6000, Outside: 4001}}); err != nil {
		t.Fatal(err)
	}
	host := func(n byte, port uint16) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, 0, n}), port)
	}
	for _, c := range []struct {
		name      string
		direction int
		protocol  uint8
		port      uint16 // of the client, as it was sent
		want      uint16 // and as it came; 0: it did not
	}{
		{"UDP leaves as another port", 0, wire.ProtocolUDP, 5000, 4001},
		{"TCP leaves as another port", 0, wire.ProtocolTCP, 6000, 4001},
		{"UDP comes back", 1, wire.ProtocolUDP, 4001, 5000},
		{"TCP comes back", 1, wire.ProtocolTCP, 4001, 6000},
		{"UDP to the former port", 1, wire.ProtocolUDP, 5000, 0},
		{"TCP to the former port", 1, wire.ProtocolTCP, 6000, 0},
		{"another port", 0, wire.ProtocolUDP, 5001, 5001},
		{"another port back", 1, wire.ProtocolUDP, 5001, 5001},
		{"the other protocol", 0, wire.ProtocolTCP, 5000, 5000},
		{"the other protocol back", 1, wire.ProtocolTCP, 5000, 5000},
	} {
		out = [2][][]byte{}
		from, to, at := host(1, c.port), host(2, 9700), 34
		if c.direction == 1 {
			from, to, at = to, from, 36
		}
		w.Send(c.direction, segment(c.protocol, from, to, "an odd payload."))
		for now.Step() {
		}
		if c.want == 0 {
			if len(out[1]) != 0 {
				t.Errorf("%s: it came", c.name)
			}
			continue
		}
		if len(out[c.direction]) != 1 {
			t.Fatalf("%s: %d packets came", c.name, len(out[c.direction]))
		}
		f := out[c.direction][0]
		if got := binary.BigEndian.Uint16(f[at:]); got != c.want {
			t.Errorf("%s: port %d, want %d", c.name, got, c.want)
		}
		if s := transportSum(f); s != 0xffff {
			t.Errorf("%s: the checksum does not match: %04x", c.name, s)
		}
	}
	lost := 0
	for _, rows := range w.Stop() {
		for _, r := range rows {
			switch {
			case r.Fate == wire.Lost:
				lost++
			case (r.Hash == r.OutHash) != (r.SrcPort == 5001 || r.DstPort == 5001 || r.Protocol == wire.ProtocolTCP && (r.SrcPort == 5000 || r.DstPort == 5000)):
				t.Errorf("row %+v", r)
			}
		}
	}
	if lost != 2 {
		t.Errorf("%d packets lost, want those to the former ports", lost)
	}
}

func TestTranslateRefusesNonsense(t *testing.T) {
	const udp = wire.ProtocolUDP
	w := wire.NewVirtual(&wire.VirtualConfig{})
	for name, list := range map[string][]wire.Translation{
		"protocol":      {{Protocol: 1, Inside: 1, Outside: 2}},
		"no port":       {{Protocol: udp, Inside: 1}},
		"twice inside":  {{Protocol: udp, Inside: 1, Outside: 2}, {Protocol: udp, Inside: 1, Outside: 3}},
		"twice outside": {{Protocol: udp, Inside: 1, Outside: 3}, {Protocol: udp, Inside: 2, Outside: 3}},
	} {
		if err := w.Translate(list); err == nil {
			t.Errorf("%s: Translate(%v) takes it", name, list)
		}
	}
}
