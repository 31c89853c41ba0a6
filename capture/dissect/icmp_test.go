package dissect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"

	"rawlab/capture/dissect"
)

// icmp4 and icmp6 return a message in a packet, its checksum filled in.
func icmp4(message []byte) []byte {
	message = slices.Clone(message)
	putSum(message, 2, 0)
	return over4(1, nil, message)
}

func icmp6(message []byte) []byte {
	message = slices.Clone(message)
	pseudo := uint32(len(message)) + uint32(layers.IPProtocolICMPv6)
	for _, a := range [][16]byte{client6.Addr().As16(), server6.Addr().As16()} {
		for i := 0; i < len(a); i += 2 {
			pseudo += uint32(a[i])<<8 | uint32(a[i+1])
		}
	}
	putSum(message, 2, pseudo)
	return over6(58, message)
}

// icmpPackets have every kind of message once.
func icmpPackets(t testing.TB) []compared {
	x := func(s string) []byte { return unhex(t, s) }
	event := udpPacket(t, client4, server4, emit(t, 1, 2, "news", "hello"))[14:]
	igmp := func(s string) []byte {
		b := x(s)
		putSum(b, 2, 0)
		return over4(2, x("94040000"), b)
	}
	const nine = "fd770000000000000000000000000009"
	const group = "ff020000000000000000000000000123"
	return []compared{
		{"ping", icmp4(x("0800 0000 1234 0007 6869")), []same{{"icmp.ident", "ICMP", "identifier"}, {"icmp.seq", "ICMP", "number"}}},
		{"too large", icmp4(append(x("0304 0000 0000 05dc"), event...)), []same{{"icmp.mtu", "ICMP", "largest packet"}}},
		{"no socket", icmp4(append(x("0303 0000 0000 0000"), event...)), []same{{"udp.srcport", "ICMP", "about"}, {"udp.dstport", "ICMP", "about"}}},
		{"redirect", icmp4(append(x("0501 0000 0a4d0009"), event[:28]...)), []same{{"icmp.redir_gw", "ICMP", "better router"}}},
		{"fault", icmp4(append(x("0c00 0000 14000000"), event[:28]...)), []same{{"icmp.pointer", "ICMP", "fault"}}},
		{"clock", icmp4(x("0d00 0000 1234 0007 00000400 00000000 00000000")), []same{{"icmp.ident", "ICMP", "identifier"}}},
		{"ping6", icmp6(x("8000 0000 1234 0007 6869")), []same{
			{"icmpv6.echo.identifier", "ICMPv6", "identifier"}, {"icmpv6.echo.sequence_number", "ICMPv6", "number"},
		}},
		{"too large 6", icmp6(append(x("0200 0000 00000500"), udpPacket(t, client6, server6, emit(t, 1, 2, "news", "hello"))[14:]...)), []same{
			{"icmpv6.mtu", "ICMPv6", "largest packet"}, {"udp.srcport", "ICMPv6", "about"},
		}},
		{"router", icmp6(x("8600 0000 40 c0 0708 00001000 00002000 01 01 020000000009 05 01 0000 000005dc" +
			"03 04 40 c0 00015180 00003840 00000000 fd770000000000000000000000000000 19 03 0000 00000708" + nine)), []same{
			{"icmpv6.nd.ra.cur_hop_limit", "ICMPv6", "hop limit"},
			{"icmpv6.nd.ra.router_lifetime", "ICMPv6", "lifetime"},
			{"icmpv6.nd.ra.reachable_time", "ICMPv6", "reachable"},
			{"icmpv6.nd.ra.retrans_timer", "ICMPv6", "ask again"},
			{"icmpv6.opt.src_linkaddr", "ICMPv6", "source hardware"},
			{"icmpv6.opt.mtu", "ICMPv6", "largest packet"},
			{"icmpv6.opt.prefix", "ICMPv6", "prefix"},
			{"icmpv6.opt.rdnss", "ICMPv6", "name servers"},
		}},
		{"solicitation", icmp6(x("8700 0000 00000000" + nine + "01 01 020000000001")), []same{
			{"icmpv6.nd.ns.target_address", "ICMPv6", "target"}, {"icmpv6.opt.src_linkaddr", "ICMPv6", "source hardware"},
		}},
		{"advertisement", icmp6(x("8800 0000 60000000" + nine + "02 01 020000000009")), []same{
			{"icmpv6.nd.na.target_address", "ICMPv6", "target"}, {"icmpv6.opt.target_linkaddr", "ICMPv6", "target hardware"},
		}},
		{"listener query", icmp6(x("8200 0000 2710 0000" + group)), []same{
			{"icmpv6.mld.maximum_response_delay", "ICMPv6", "answer within"}, {"icmpv6.mld.multicast_address", "ICMPv6", "group"},
		}},
		{"listener report", icmp6(x("8300 0000 0000 0000" + group)), []same{{"icmpv6.mld.multicast_address", "ICMPv6", "group"}}},
		{"listener reports", icmp6(x("8f00 0000 0000 0001 04 00 0000" + group)), []same{
			{"icmpv6.mldr.nb_mcast_records", "ICMPv6", "groups"}, {"icmpv6.mldr.mar.multicast_address", "ICMPv6", "group"},
		}},
		{"group report", igmp("1600 0000 ef010203"), []same{{"igmp.maddr", "IGMP", "group"}, {"igmp.type", "IGMP", "type"}}},
		{"group reports", igmp("2200 0000 0000 0001 04 00 0000 ef010203"), []same{{"igmp.maddr", "IGMP", "group"}, {"igmp.num_grp_recs", "IGMP", "groups"}}},
	}
}

// layersByName dissects packets and returns the layers of each.
func layersByName(t *testing.T, packets []compared) map[string][]dissect.Layer {
	t.Helper()
	all := map[string][]dissect.Layer{}
	for _, p := range packets {
		all[p.name] = dissect.Dissect(p.data, dissect.LinkEthernet)
		checkLayers(t, p.data, all[p.name])
	}
	return all
}

func TestICMPFields(t *testing.T) {
	layersOf := layersByName(t, icmpPackets(t))
	for _, tt := range []struct{ packet, layer, field, want string }{
		{"no socket", "ICMP", "event", "event 1:2"},
		{"too large 6", "ICMPv6", "event", "event 1:2"},
		{"clock", "ICMP", "sent", "1.024s past midnight UTC"},
		{"router", "ICMPv6", "flags", "addresses by DHCP, other settings by DHCP"},
		{"router", "ICMPv6", "prefix", "fd77::/64 for 24h0m0s, on this link, for addresses of one's own"},
		{"advertisement", "ICMPv6", "flags", "answers a question, replaces what was known"},
		{"listener reports", "ICMPv6", "group", "ff02::123, from anybody"},
		{"group reports", "IGMP", "group", "239.1.2.3, from anybody"},
		{"ping6", "ICMPv6", "checksum", "good"},
		{"group report", "IGMP", "checksum", "good"},
	} {
		if got := value(layersOf[tt.packet], tt.layer, tt.field); got != tt.want && !strings.HasSuffix(got, ", "+tt.want) {
			t.Errorf("%s: %s %s = %q, want %q", tt.packet, tt.layer, tt.field, got, tt.want)
		}
	}
	if got := layersOf["no socket"][3].Meaning; !strings.Contains(got, "It carried event 1:2.") {
		t.Errorf("meaning = %q, want the event named", got)
	}
}

// TestReadQuote: an error names the events whose packet it quotes, but not
// more than it brings back.
func TestReadQuote(t *testing.T) {
	two := append(emit(t, 1, 2, "news", "hello"), emit(t, 1, 3, "news", "you")...)
	whole := udpPacket(t, client4, server4, two)[14:]
	for _, tt := range []struct {
		quoted int
		want   []uint64 // sequences
	}{{len(whole), []uint64{2, 3}}, {28 + 41 + 30, []uint64{2}}, {28 + 32, []uint64{2}}, {28, nil}, {22, nil}} {
		q, ok := dissect.ReadQuote(icmp4(append(unhex(t, "0303 0000 0000 0000"), whole[:tt.quoted]...)), dissect.LinkEthernet)
		if !ok || q.From != 42 || q.To != 42+tt.quoted {
			t.Fatalf("%d bytes: ReadQuote = %+v, %v", tt.quoted, q, ok)
		}
		var got []uint64
		for _, f := range q.Frames {
			got = append(got, f.Sequence)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%d bytes quoted name %v, want %v", tt.quoted, got, tt.want)
		}
	}
	if _, ok := dissect.ReadQuote(whole, dissect.LinkRaw); ok {
		t.Error("a datagram quotes nothing")
	}
}
