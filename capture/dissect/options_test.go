package dissect_test

import (
	"encoding/binary"
	"slices"
	"testing"
)

// over4 returns an IPv4 packet over Ethernet, with options in its header.
func over4(protocol byte, options, payload []byte) []byte {
	size := 20 + len(options)
	ip := []byte{0x40 | byte(size/4), 0}
	ip = binary.BigEndian.AppendUint16(ip, uint16(size+len(payload)))
	ip = append(ip, 0, 7, 0, 0, 64, protocol, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2)
	ip = append(ip, options...)
	putSum(ip, 10, 0)
	return slices.Concat([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0}, ip, payload)
}

// over6 returns an IPv6 packet over Ethernet; the payload begins with the
// next header.
func over6(next byte, payload []byte) []byte {
	ip := []byte{0x60, 0, 0, 0}
	ip = binary.BigEndian.AppendUint16(ip, uint16(len(payload)))
	ip = append(ip, next, 64)
	src, dst := client6.Addr().As16(), server6.Addr().As16()
	return slices.Concat([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd}, ip, src[:], dst[:], payload)
}

// putSum writes an internet checksum over b, and over what else is summed,
// at a place in b.
func putSum(b []byte, at int, sum uint32) {
	b[at], b[at+1] = 0, 0
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[at:], ^uint16(sum))
}

// udpBytes is a datagram of two bytes without a checksum.
var udpBytes = []byte{0x9c, 0x40, 0x25, 0xe4, 0, 10, 0, 0, 'h', 'i'}

// tcpWith returns a segment with options, in IPv4.
func tcpWith(flags byte, options []byte) []byte {
	tcp := []byte{0x9c, 0x40, 0x25, 0xe4, 0, 0, 0x10, 0, 0, 0, 0x20, 0, byte(20+len(options)) << 2, flags, 1, 0xf5, 0, 0, 0, 0}
	return over4(6, nil, append(tcp, options...))
}

const (
	syn = 0x02
	ack = 0x10
)

// optionPackets have every option and extension header once.
func optionPackets(t testing.TB) []compared {
	x := func(s string) []byte { return unhex(t, s) }
	return []compared{
		{"record route", over4(17, x("07 0b 08 0a4d0009 00000000 00"), udpBytes), []same{{"ip.rec_rt", "IPv4", "record route"}}},
		{"timestamps", over4(17, x("44 14 0d 21 0a4d0009 00112233 00000000 00000000"), udpBytes), []same{
			{"ip.opt.overflow", "IPv4", "timestamps"},
		}},
		{"loose route", over4(17, x("01 83 0b 04 0a4d0009 0a4d000a"), udpBytes), []same{{"ip.src_rt", "IPv4", "loose route"}, {"ip.dst", "IPv4", "loose route"}}},
		{"strict route", over4(17, x("01 89 07 04 0a4d0009"), udpBytes), []same{{"ip.dst", "IPv4", "strict route"}}},
		{"router alert", over4(17, x("94 04 00 00"), udpBytes), nil},
		{"hop-by-hop", over6(0, append(x("11 00 05 02 0000 01 00"), udpBytes...)), []same{
			{"ipv6.hopopts.nxt", "IPv6 hop-by-hop options", "next header"},
		}},
		{"jumbo and unknown", over6(0, append(x("11 01 3e 02 abcd 0106 000000000000 0000"), udpBytes...)), nil},
		{"destination options", over6(60, append(x("11 02 c9 10 fd770000000000000000000000000009 01 02 0000"), udpBytes...)), []same{
			{"ipv6.opt.mipv6.home_address", "IPv6 destination options", "home address"},
		}},
		{"source route", over6(43, append(x("11 02 00 01 00000000 fd770000000000000000000000000009"), udpBytes...)), []same{
			{"ipv6.routing.segleft", "IPv6 routing header", "segments left"},
			{"ipv6.routing.src.addr", "IPv6 routing header", "host 0"},
		}},
		{"segment routing", over6(43, append(x("11 04 04 01 01 00 1234 fd770000000000000000000000000009 fd77000000000000000000000000000a"), udpBytes...)), []same{
			{"ipv6.routing.segleft", "IPv6 routing header", "segments left"},
			{"ipv6.routing.srh.last_entry", "IPv6 routing header", "last entry"},
		}},
		{"authentication", over4(51, nil, append(x("11 04 0000 00000100 00000007 00112233445566778899aabb"), udpBytes...)), []same{
			{"ah.spi", "IP authentication header", "agreement"},
			{"ah.sequence", "IP authentication header", "number"},
			{"ah.icv", "IP authentication header", "proof"},
		}},
		{"encrypted", over4(50, nil, x("00001000 00000009 a1b2c3d4e5f6")), []same{
			{"esp.spi", "IP encryption (ESP)", "agreement"},
			{"esp.sequence", "IP encryption (ESP)", "number"},
		}},
		{"mobility", over6(135, x("3b 01 05 00 1234 0001 8000 0010 01 02 0000")), []same{{"mip6.mhtype", "IPv6 mobility header", "type"}}},
		{"SYN", tcpWith(syn, x("0204 05b4 0402 080a 00000011 00000022 01 0303 07")), []same{
			{"tcp.options.mss_val", "TCP", "MSS"},
			{"tcp.options.timestamp.tsval", "TCP", "timestamps"},
			{"tcp.options.timestamp.tsecr", "TCP", "timestamps"},
			{"tcp.options.wscale.shift", "TCP", "window scale"},
			{"tcp.options.wscale.multiplier", "TCP", "window scale"},
		}},
		{"SACK", tcpWith(ack, x("0101 0512 00003000 00003100 00003200 00003300")), []same{
			{"tcp.options.sack_le", "TCP", "SACK"}, {"tcp.options.sack_re", "TCP", "SACK"},
		}},
		{"D-SACK", tcpWith(ack, x("0101 0512 00001000 00001100 00003200 00003300")), []same{
			{"tcp.options.sack.dsack_le", "TCP", "SACK"}, {"tcp.options.sack.dsack_re", "TCP", "SACK"},
		}},
		{"fast open", tcpWith(syn, x("220a 0011223344556677 0101")), []same{{"tcp.options.tfo.cookie", "TCP", "fast open"}}},
		{"signature", tcpWith(ack, x("0101 1312 00112233445566778899aabbccddeeff")), []same{{"tcp.options.md5.digest", "TCP", "MD5 signature"}}},
		{"authentication option", tcpWith(ack, x("1d10 0506 00112233445566778899aabb")), []same{
			{"tcp.options.ao.keyid", "TCP", "authentication"},
			{"tcp.options.ao.rnextkeyid", "TCP", "authentication"},
			{"tcp.options.ao.mac", "TCP", "authentication"},
		}},
		{"user timeout", tcpWith(ack, x("1c04 8005")), []same{{"tcp.options.user_to_val", "TCP", "user timeout"}}},
		{"multipath", tcpWith(syn, x("1e0c 0181 0011223344556677")), []same{{"tcp.options.mptcp.version", "TCP", "multipath"}}},
		{"second path", tcpWith(syn, x("1e0c 1001 00112233 44556677")), nil},
		{"experiment", tcpWith(syn, x("fe04 1234")), []same{{"tcp.options.experimental.exid", "TCP", "experiment"}}},
	}
}

// TestOptionFields reads what tshark gives no field of its own.
func TestOptionFields(t *testing.T) {
	layersOf := layersByName(t, optionPackets(t))
	for _, tt := range []struct{ packet, layer, field, want string }{
		{"record route", "IPv4", "record route", "every router writes its address here; so far 10.77.0.9; room for 1 more"},
		{"record route", "IPv4", "end of options", "1 bytes, filling the header up to four-byte words"},
		{"timestamps", "IPv4", "timestamps", "every router writes when the packet came by, in milliseconds since midnight UTC, and its address; so far 10.77.0.9 at 1122867; room for 1 more; 2 routers found none"},
		{"loose route", "IPv4", "loose route", "the sender demands to pass these routers, others may be between them: passed none, to come 10.77.0.9, 10.77.0.10"},
		{"router alert", "IPv4", "router alert", "every router on the way shall look into this packet, even if it is for somebody else"},
		{"hop-by-hop", "IPv6 hop-by-hop options", "router alert", "every router shall look into this packet: it is about multicast groups"},
		{"jumbo and unknown", "IPv6 hop-by-hop options", "option", "0x3e, 2 bytes; whoever does not know it shall pass over it"},
		{"segment routing", "IPv6 routing header", "host 1", "fd77::a"},
		{"SYN", "TCP", "SACK permitted", "selective acknowledgement allowed: tell me what came behind a gap"},
		{"SYN", "TCP", "window scale", "my window counts 128 bytes (shift 7), if you send this option too"},
		{"D-SACK", "TCP", "SACK", "4096 to 4352 came twice (D-SACK); has also 12800 to 13056: only what is missing before need be sent again"},
		{"user timeout", "TCP", "user timeout", "gives up after 5 minutes without an acknowledgement"},
		{"second path", "TCP", "multipath", "MPTCP join: a second path for the connection with token 00112233"},
	} {
		if got := value(layersOf[tt.packet], tt.layer, tt.field); got != tt.want {
			t.Errorf("%s: %s %s = %q, want %q", tt.packet, tt.layer, tt.field, got, tt.want)
		}
	}
}
