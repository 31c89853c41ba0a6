package dissect_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// conversation builds the segments of one connection from client4.
type conversation struct {
	t       testing.TB
	isn     uint32
	packets [][]byte
}

func (c *conversation) syn() *conversation {
	c.packets = append(c.packets, tcpPacket(c.t, segment{src: client4, dst: server4, seq: c.isn, syn: true, noA: true}))
	return c
}

// data adds a segment of stream bytes, the first of which stands at position
// at of the stream.
func (c *conversation) data(at int, b []byte) *conversation {
	s := segment{src: client4, dst: server4, seq: c.isn + 1 + uint32(at), ack: 1, payload: b}
	c.packets = append(c.packets, tcpPacket(c.t, s))
	return c
}

// acks adds n acknowledgements of the stream's first bytes.
func (c *conversation) acks(n, upTo int) *conversation {
	for range n {
		s := segment{src: server4, dst: client4, seq: 1, ack: c.isn + 1 + uint32(upTo)}
		c.packets = append(c.packets, tcpPacket(c.t, s))
	}
	return c
}

// events returns a stream of n events, 49 bytes each, without checksums as
// tcpq may send them.
func events(t testing.TB, n int) []byte {
	var b []byte
	for i := range n {
		f := framing.Frame{Kind: framing.KindEmit, Origin: 7, Sequence: uint64(i + 1), Topic: []byte("news"), Payload: []byte("thirteen here")}
		b = append(b, frame(t, f)...)
	}
	return b
}

const eventBytes = 49

func TestStreams(t *testing.T) {
	b := events(t, 3)
	from := func() *conversation { return &conversation{t: t, isn: 1<<32 - 60} } // wraps within the second event
	tests := map[string]struct {
		packets [][]byte
		want    []string
	}{
		"one event a segment": {
			from().syn().data(0, b[:49]).data(49, b[49:98]).packets,
			[]string{"emit 7:1 2:66-115@0", "emit 7:2 3:66-115@0"},
		},
		"many events in one segment": {
			from().syn().data(0, b).packets,
			[]string{"emit 7:1 2:66-115@0", "emit 7:2 2:115-164@0", "emit 7:3 2:164-213@0"},
		},
		"an event over three segments": {
			from().syn().data(0, b[:60]).data(60, b[60:70]).data(70, b[70:98]).packets,
			[]string{"emit 7:1 2:66-115@0", "emit 7:2 2:115-126@0 3:66-76@11 4:66-94@21"},
		},
		"out of order": {
			from().syn().data(98, b[98:]).data(60, b[60:98]).data(0, b[:60]).packets,
			[]string{"emit 7:3 2:66-115@0", "emit 7:2 3:66-104@11 4:115-126@0", "emit 7:1 4:66-115@0"},
		},
		"retransmitted whole and late": {
			from().syn().data(0, b[:49]).data(49, b[49:98]).data(0, b[:98]).packets,
			[]string{"emit 7:1 2:66-115@0 4:66-115@0R", "emit 7:2 3:66-115@0 4:115-164@0R"},
		},
		"retransmitted before the event is whole": {
			from().syn().data(0, b[:30]).data(0, b[:49]).packets,
			[]string{"emit 7:1 2:66-96@0 3:66-96@0R 3:96-115@30"},
		},
		"retransmitted beyond a hole": {
			from().syn().data(49, b[49:98]).data(60, b[60:80]).data(0, b[:49]).packets,
			[]string{"emit 7:2 2:66-115@0 3:66-86@11R", "emit 7:1 4:66-115@0"},
		},
		"missing bytes inside an event, acknowledged": {
			from().syn().data(0, b[:60]).data(70, b[70:]).acks(16, 147).packets,
			[]string{
				"emit 7:1 2:66-115@0",
				"kind(0) 0:0 2:115-126@0 3:66-94@21 (dissect: 10 bytes of the frame are not in the capture)",
				"emit 7:3 3:94-143@0",
			},
		},
		"missing bytes behind the identity, capture ends": {
			from().syn().data(0, b[:40]).data(44, b[44:]).packets,
			[]string{
				"emit 7:1 2:66-106@0 3:66-71@44 (dissect: 4 bytes of the frame are not in the capture)",
				"emit 7:2 3:71-120@0", "emit 7:3 3:120-169@0",
			},
		},
		"missing bytes over the end of an event": {
			from().syn().data(0, b[:60]).data(110, b[110:]).data(147, b).packets,
			[]string{
				"emit 7:1 2:66-115@0",
				"kind(0) 0:0 2:115-126@0 (dissect: 38 bytes of the frame are not in the capture)",
				"emit 7:1 4:66-115@0", "emit 7:2 4:115-164@0", "emit 7:3 4:164-213@0",
			},
		},
		"capture begins inside an event": {
			from().data(20, b[20:]).packets,
			[]string{"emit 7:2 1:95-144@0", "emit 7:3 1:144-193@0"},
		},
		"capture ends inside an event": {
			from().syn().data(0, b[:90]).packets,
			[]string{"emit 7:1 2:66-115@0", "emit 7:2 2:115-156@0 (framing: incomplete frame)"},
		},
		"another protocol": {
			from().syn().data(0, []byte("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")).data(37, b).packets, nil,
		},
		"the same ports again": {
			append(from().syn().data(0, b[:49]).packets, (&conversation{t: t, isn: 5000}).syn().data(0, b[49:98]).packets...),
			[]string{"emit 7:1 2:66-115@0", "emit 7:2 4:66-115@0"},
		},
		"damaged, then sent again": {
			damage(from().syn().data(0, b[:49]).data(0, b[:49]).packets, 1),
			[]string{"emit 7:1 2:66-115@0D 3:66-115@0"},
		},
		"cut by the capture": {
			cut(from().syn().data(0, b[:98]).data(98, b[98:]).packets, 1, 20),
			[]string{
				"emit 7:1 2:66-115@0", "kind(0) 0:0 2:115-144@0 (dissect: 20 bytes of the frame are not in the capture)",
				"emit 7:3 3:66-115@0",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			frames, _ := assemble(nil, tt.packets...)
			checkSummaries(t, frames, tt.want...)
		})
	}
}

// damage flips a bit in the payload of packet i.
func damage(packets [][]byte, i int) [][]byte {
	packets[i] = slices.Clone(packets[i])
	packets[i][100] ^= 4
	return packets
}

// cut takes n bytes off the end of packet i.
func cut(packets [][]byte, i, n int) [][]byte {
	packets[i] = packets[i][:len(packets[i])-n]
	return packets
}

// TestStreamPorts: on a port named as ours, frames are found even if the
// first bytes are not one.
func TestStreamPorts(t *testing.T) {
	b := append([]byte("some greeting that is no frame at all"), events(t, 2)...)
	c := (&conversation{t: t}).syn().data(0, b)
	frames, a := assemble(&dissect.Options{LinkType: 1, Ports: []uint16{9700}}, c.packets...)
	checkSummaries(t, frames, "emit 7:1 2:103-152@0", "emit 7:2 2:152-201@0")
	if s := a.Stats(); s.Skipped != 37 {
		t.Errorf("Stats().Skipped = %d, want the greeting's 37", s.Skipped)
	}
}

// TestBothDirections: what one side says proves the flow for the other.
func TestBothDirections(t *testing.T) {
	b := events(t, 1)
	c := (&conversation{t: t, isn: 100}).syn()
	c.packets = append(c.packets, tcpPacket(t, segment{src: server4, dst: client4, seq: 900, ack: 101, syn: true}))
	c.data(0, b)
	c.packets = append(c.packets, tcpPacket(t, segment{src: server4, dst: client4, seq: 901, ack: 150, payload: b}))
	frames, a := assemble(nil, c.packets...)
	checkSummaries(t, frames, "emit 7:1 3:66-115@0", "emit 7:1 4:66-115@0")
	if frames[1].Src != server4 || frames[1].Dst != client4 || a.Flows()[0].Client != client4 {
		t.Errorf("answer goes %v > %v, want it from the server", frames[1].Src, frames[1].Dst)
	}
}

// TestGarbage: bytes that are no frame, in a flow that the other direction
// proves ours, are skipped and counted, not reported as a frame.
func TestGarbage(t *testing.T) {
	c := (&conversation{t: t, isn: 100}).syn().data(0, []byte("GET / HTTP/1.1\r\n\r\n"))
	c.packets = append(c.packets, tcpPacket(t, segment{src: server4, dst: client4, seq: 901, ack: 119, payload: events(t, 1)}))
	frames, a := assemble(nil, c.packets...)
	checkSummaries(t, frames, "emit 7:1 3:66-115@0")
	if s := a.Stats(); s.Skipped != 18 {
		t.Errorf("Stats().Skipped = %d, want 18", s.Skipped)
	}
}

// TestBounds: what a stream may keep beyond a hole is bounded, and flows are.
func TestBounds(t *testing.T) {
	b := events(t, 100)
	c := (&conversation{t: t}).syn()
	for i := 1; i < 100; i++ { // the first event never comes
		c.data(i*eventBytes, b[i*eventBytes:(i+1)*eventBytes])
	}
	frames, a := assemble(&dissect.Options{LinkType: 1, MaxAhead: 500}, c.packets...)
	if len(frames) != 99 || a.Stats().Gaps != 1 || a.Stats().Missing != eventBytes {
		t.Errorf("%d frames, %+v; want 99 and one gap of %d bytes", len(frames), a.Stats(), eventBytes)
	}

	var packets [][]byte
	for i := range 100 {
		src := client4
		p := tcpPacket(t, segment{src: src, dst: server4, seq: 1, payload: events(t, 1)})
		binary.BigEndian.PutUint16(p[34:], uint16(1000+i))
		p[50], p[51] = 0, 0
		packets = append(packets, fixTCP(p))
	}
	frames, a = assemble(&dissect.Options{LinkType: 1, MaxFlows: 10}, packets...)
	if len(frames) != 100 || len(a.Flows()) > 10 || a.Stats().Evicted < 90 {
		t.Errorf("%d frames, %d flows, %+v; want 100 frames and at most 10 flows", len(frames), len(a.Flows()), a.Stats())
	}
}

// fixTCP fills in the checksum of an IPv4 TCP packet whose field is 0.
func fixTCP(p []byte) []byte {
	segment := p[34:]
	sum := uint32(6) + uint32(len(segment))
	for b := slices.Concat(p[26:34], segment, []byte{0})[:8+len(segment)+len(segment)%2]; len(b) > 0; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(p[50:], ^uint16(sum>>16+sum&0xffff))
	return p
}

// TestSegmentationLaw: however a stream is cut, reordered, overlapped and
// repeated, its frames are the same, and their parts cover them once.
func TestSegmentationLaw(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var b []byte
		want := rapid.IntRange(1, 12).Draw(r, "events")
		for i := range want {
			f := framing.Frame{Kind: framing.KindEmit, Origin: 7, Sequence: uint64(i + 1), Payload: make([]byte, rapid.IntRange(0, 90).Draw(r, "size"))}
			if rapid.Bool().Draw(r, "crc") {
				f.Flags |= framing.FlagCRC
			}
			b = append(b, frame(t, f)...)
		}
		c := &conversation{t: t, isn: rapid.Uint32().Draw(r, "isn")}
		for at := 0; at < len(b); {
			n := min(rapid.IntRange(1, 120).Draw(r, "cut"), len(b)-at)
			c.data(at, b[at:at+n])
			at += n
		}
		for range rapid.IntRange(0, 8).Draw(r, "copies") {
			at := rapid.IntRange(0, len(b)-1).Draw(r, "at")
			c.data(at, b[at:rapid.IntRange(at+1, len(b)).Draw(r, "to")])
		}
		shuffle := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0))
		shuffle.Shuffle(len(c.packets), func(i, j int) { c.packets[i], c.packets[j] = c.packets[j], c.packets[i] })

		packets := append((&conversation{t: t, isn: c.isn}).syn().packets, c.packets...)
		frames, a := assemble(nil, packets...)
		checkLaw(r, frames, packets, b, want)
		if s := a.Stats(); s.Gaps+s.Skipped+s.Damaged > 0 {
			r.Fatalf("Stats() = %+v, want nothing missing", s)
		}
	})
}

// checkLaw holds frames against the stream they came from.
func checkLaw(r *rapid.T, frames []*dissect.Frame, packets [][]byte, stream []byte, want int) {
	if len(frames) != want {
		r.Fatalf("%d frames, want %d: %q", len(frames), want, summaries(frames))
	}
	slices.SortFunc(frames, func(x, y *dissect.Frame) int { return int(x.Sequence) - int(y.Sequence) })
	for i, f := range frames {
		if f.Err != nil || f.Sequence != uint64(i+1) {
			r.Fatalf("frame %d = %v, want no error and sequence %d", i, summary(f), i+1)
		}
		whole := make([]byte, f.Length)
		covered := make([]int, f.Length)
		for _, p := range f.Parts {
			got := packets[p.Packet-1][p.From:p.To]
			if !slices.Equal(got, stream[p.At:p.At+len(got)]) {
				r.Fatalf("part %v of %v holds other bytes", part(p), summary(f))
			}
			if !p.Retransmission {
				copy(whole[p.At:], got)
				for j := range got {
					covered[p.At+j]++
				}
			}
		}
		if slices.Min(covered) != 1 || slices.Max(covered) != 1 {
			r.Fatalf("parts of %v cover it %v times, want once", summary(f), covered)
		}
		if diff := cmp.Diff(stream[:f.Length], whole); diff != "" {
			r.Fatalf("%v is put together wrongly", summary(f))
		}
		stream = stream[f.Length:]
	}
}

// FuzzAssembler: no packets, however mangled, make it panic or point outside
// of them.
func FuzzAssembler(f *testing.F) {
	b := events(f, 3)
	c := (&conversation{t: f}).syn().data(0, b[:60]).data(70, b[70:]).acks(1, 100)
	f.Add(uint64(1), slices.Concat(c.packets...))
	f.Add(uint64(2), udpPacket(f, client4, server4, emit(f, 1, 1, "news", "a")))
	f.Fuzz(func(t *testing.T, seed uint64, noise []byte) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		packets := slices.Clone(c.packets)
		packets = append(packets, udpPacket(t, client4, server4, noise[:min(len(noise), 1000)]))
		for range 6 {
			p := slices.Clone(packets[rnd.IntN(len(packets))])
			for _, x := range noise[:min(len(noise), 5)] {
				p[rnd.IntN(len(p))] ^= x
			}
			packets = append(packets, p, noise)
		}
		frames, a := assemble(&dissect.Options{LinkType: 1, MaxFlows: 3, MaxAhead: 100}, packets...)
		for _, fr := range frames {
			for _, p := range fr.Parts {
				if p.From < 0 || p.From > p.To || p.To > len(packets[p.Packet-1]) || p.At < 0 {
					t.Fatalf("%v points outside of its packet", summary(fr))
				}
			}
		}
		if a.Stats().Packets != len(packets) {
			t.Fatalf("%d packets counted, want %d", a.Stats().Packets, len(packets))
		}
	})
}

func BenchmarkAssembler(b *testing.B) {
	stream := events(b, 29*1000)
	c := (&conversation{t: b}).syn()
	for at := 0; at < len(stream); at += 1421 {
		c.data(at, stream[at:at+1421])
	}
	b.ReportAllocs()
	for b.Loop() {
		frames, _ := assemble(nil, c.packets...)
		if len(frames) != 29*1000 {
			b.Fatalf("%d frames", len(frames))
		}
	}
	b.ReportMetric(float64(b.N*len(c.packets))/b.Elapsed().Seconds(), "packets/s")
}
