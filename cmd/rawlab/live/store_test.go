package live

import (
	"bytes"
	"context"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	header "github.com/google/gopacket/layers"
	"pgregory.net/rapid"

	"rawlab/capture"
	"rawlab/capture/pcapng"
	"rawlab/framing"
)

// TestGaps holds the count of gaps to one that keeps every sequence.
func TestGaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g gaps
		seen := make(map[uint64]map[uint64]bool)
		for range rapid.IntRange(1, 200).Draw(t, "events") {
			origin := rapid.Uint64Range(1, 2).Draw(t, "origin")
			sequence := rapid.Uint64Range(1, 60).Draw(t, "sequence")
			g.see(origin, sequence)
			if seen[origin] == nil {
				seen[origin] = make(map[uint64]bool)
			}
			seen[origin][sequence] = true
			want := uint64(0)
			for _, s := range seen {
				all := slices.Sorted(maps.Keys(s))
				want += all[len(all)-1] - all[0] + 1 - uint64(len(all))
			}
			if g.missing != want {
				t.Fatalf("%d missing, want %d", g.missing, want)
			}
		}
	})
}

// TestGapsAreBounded: what would take too much memory is settled, and counted
// still.
func TestGapsAreBounded(t *testing.T) {
	var g gaps
	for i := range uint64(3 * maxRuns) {
		g.see(1, 2*i)
	}
	if n := len(*g.origins[1]); n != maxRuns || g.missing != 3*maxRuns-1 {
		t.Errorf("%d runs, %d missing, want %d and %d", n, g.missing, maxRuns, 3*maxRuns-1)
	}
	for i := range uint64(maxOrigins + 10) {
		g.see(i, 1)
	}
	if len(g.origins) != maxOrigins || !g.more {
		t.Errorf("%d origins, more: %t", len(g.origins), g.more)
	}
}

// event is a packet with events of an origin.
func event(t testing.TB, origin uint64, sequences ...uint64) []byte {
	t.Helper()
	var payload []byte
	for _, n := range sequences {
		f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: origin, Sequence: n, Topic: []byte("news"), Payload: []byte("hello")}
		b, err := f.Append(payload)
		if err != nil {
			t.Fatal(err)
		}
		payload = b
	}
	ip := &header.IPv4{Version: 4, TTL: 64, Protocol: header.IPProtocolUDP, SrcIP: []byte{10, 77, 0, 1}, DstIP: []byte{10, 77, 0, 2}}
	udp := &header.UDP{SrcPort: 40000, DstPort: 9700}
	udp.SetNetworkLayerForChecksum(ip)
	b := gopacket.NewSerializeBuffer()
	ethernet := &header.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: header.EthernetTypeIPv4}
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ethernet, ip, udp, gopacket.Payload(payload)); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b.Bytes())
}

// source gives packets, a few at a time, from one buffer as a ring does.
type source struct {
	packets [][]byte
	buffer  []byte
}

func (*source) Interfaces() []pcapng.Interface {
	return []pcapng.Interface{{Name: "lo", LinkType: pcapng.LinkEthernet}}
}

func (s *source) Read(context.Context) ([]capture.Packet, error) {
	if len(s.packets) == 0 {
		return nil, io.EOF
	}
	var batch []capture.Packet
	s.buffer = append(s.buffer[:0], slices.Concat(s.packets[:min(3, len(s.packets))]...)...)
	at := 0
	for range min(3, len(s.packets)) {
		n := len(s.packets[0])
		batch = append(batch, capture.Packet{Time: time.Unix(1, 0), Data: s.buffer[at : at+n : at+n], Length: n, Flags: pcapng.FlagInbound})
		at, s.packets = at+n, s.packets[1:]
	}
	return batch, nil
}

// filled is a store that has read packets.
func filled(t testing.TB, limits Limits, packets [][]byte) *store {
	t.Helper()
	s := newStore(limits)
	read(t.Context(), s, &Config{Source: &source{packets: packets}}, make(chan struct{}, 1))
	if s.err != nil || !s.ended {
		t.Fatalf("ended: %t, %v", s.ended, s.err)
	}
	return s
}

// TestStoreIsBounded: only the last packets are kept, by number and by size,
// and of what was found in others nothing is left.
func TestStoreIsBounded(t *testing.T) {
	var all [][]byte
	for i := range uint64(500) {
		if i%10 != 3 {
			all = append(all, event(t, 7, 2*i, 2*i+1))
		}
	}
	const each = packetCost + 2*frameCost + 150 // a packet's cost, at most
	for name, c := range map[string]struct {
		limits Limits
		kept   int
	}{
		"by number": {Limits{Packets: 20}, 20},
		"by size":   {Limits{Bytes: 20 * each}, 20},
		"all":       {Limits{}, 450},
	} {
		s := filled(t, c.limits, all)
		kept := s.packets.len()
		if s.total != 450 || kept < c.kept || kept > c.kept+1 || s.shown.len() != kept || len(s.finder.events) != 2*kept {
			t.Errorf("%s: of %d packets %d are kept, %d shown, with %d events", name, s.total, kept, s.shown.len(), len(s.finder.events))
		}
		if s.bytes > s.limits.Bytes {
			t.Errorf("%s: %d bytes", name, s.bytes)
		}
		if s.finder.gaps.missing != 100 { // 50 packets with two events each are not there
			t.Errorf("%s: %d events are missing", name, s.finder.gaps.missing)
		}
		last := s.packets.at(kept - 1)
		if last.number != 450 || !bytes.Equal(last.Data, all[449]) || s.packet(450) != last || s.packet(451) != nil || s.packet(450-kept) != nil {
			t.Errorf("%s: the last packet is number %d", name, last.number)
		}
		if got := s.finder.packets(eventKey{7, 999}); !slices.Equal(got, []int{450}) {
			t.Errorf("%s: the last event is in packets %v", name, got)
		}
	}
}

// TestRefilter: a filter shows what it takes, of old packets and of new.
func TestRefilter(t *testing.T) {
	s := filled(t, Limits{Packets: 50}, [][]byte{event(t, 1, 1), make([]byte, 60), event(t, 1, 2)})
	if err := s.refilter("udp and greater 61"); err != nil {
		t.Fatal(err)
	}
	if got := s.shown.all(); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("shown are %v", got)
	}
	if err := s.refilter("udp prot 7"); err == nil || s.shown.len() != 2 {
		t.Errorf("a wrong filter: %v, and %d packets shown", err, s.shown.len())
	}
	s.ended = false
	read(t.Context(), s, &Config{Source: &source{packets: [][]byte{make([]byte, 60), event(t, 1, 3)}}}, make(chan struct{}, 1))
	if got := s.shown.all(); !slices.Equal(got, []int{1, 3, 5}) {
		t.Errorf("with new packets shown are %v", got)
	}
}

// noise is packets of all kinds, some of them mangled.
func noise(t testing.TB, random *rand.Rand, n int) [][]byte {
	var all [][]byte
	for i := range n {
		b := event(t, uint64(random.IntN(3)), uint64(i), uint64(i+1))
		for range random.IntN(4) {
			b[random.IntN(len(b))] = byte(random.Uint32())
		}
		if random.IntN(5) == 0 {
			b = b[:random.IntN(len(b))]
		}
		all = append(all, b)
	}
	return all
}
