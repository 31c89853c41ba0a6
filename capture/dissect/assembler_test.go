package dissect_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

var epoch = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// assemble feeds packets, one millisecond apart, and returns all frames.
func assemble(o *dissect.Options, packets ...[]byte) ([]*dissect.Frame, *dissect.Assembler) {
	if o == nil {
		o = &dissect.Options{LinkType: dissect.LinkEthernet}
	}
	a := dissect.NewAssembler(o)
	for i, data := range packets {
		a.Add(i+1, epoch.Add(time.Duration(i)*time.Millisecond), data)
	}
	return a.Finish(), a
}

// part writes a part briefly: packet:from-to@at, R for a retransmission, D
// for damaged.
func part(p dissect.Part) string {
	s := fmt.Sprintf("%d:%d-%d@%d", p.Packet, p.From, p.To, p.At)
	if p.Retransmission {
		s += "R"
	}
	if p.Damaged {
		s += "D"
	}
	return s
}

// summary writes a frame briefly: kind origin:sequence parts error.
func summary(f *dissect.Frame) string {
	var s strings.Builder
	s.WriteString(fmt.Sprintf("%v %d:%d", f.Kind, f.Origin, f.Sequence))
	for _, p := range f.Parts {
		s.WriteString(" " + part(p))
	}
	if f.Err != nil {
		s.WriteString(" (" + f.Err.Error() + ")")
	}
	return s.String()
}

func summaries(frames []*dissect.Frame) []string {
	var s []string
	for _, f := range frames {
		s = append(s, summary(f))
	}
	return s
}

func checkSummaries(t *testing.T, got []*dissect.Frame, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, summaries(got)); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
}

func TestDatagrams(t *testing.T) {
	one, two := emit(t, 1, 1, "news", "a"), emit(t, 1, 2, "news", "bb")
	broken := slices.Clone(two)
	broken[40] ^= 1
	frames, a := assemble(nil,
		udpPacket(t, client4, server4, append(slices.Clone(one), two...)),
		udpPacket(t, client4, server4, append(slices.Clone(broken), one...)),
		udpPacket(t, client4, server4, []byte("no frame at all, not even of the right length")),
	)
	checkSummaries(t, frames,
		"emit 1:1 1:42-83@0", "emit 1:2 1:83-125@0",
		"emit 1:2 2:42-84@0 (framing: checksum mismatch)", "emit 1:1 2:84-125@0",
		"kind(0) 0:0 3:42-87@0 (framing: frame of 1852776554 bytes is over the limit of 45)",
	)
	want := &dissect.Frame{
		Transport: dissect.UDP, Src: client4, Dst: server4, Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Sequence: 2,
		Time: 1_700_000_000_000_000_000, Topic: "news", Length: 42, PayloadLength: 2, First: epoch, Last: epoch,
		Parts: []dissect.Part{{Packet: 1, From: 83, To: 125}},
	}
	if diff := cmp.Diff(want, frames[1], compareHeaders); diff != "" {
		t.Errorf("second frame (-want +got):\n%s", diff)
	}
	if flows := a.Flows(); len(flows) != 1 || !flows[0].Ours || flows[0].Packets != 3 || flows[0].Frames != 5 || flows[0].Client != client4 {
		t.Errorf("Flows() = %+v, want the one of 3 packets and 5 frames", flows)
	}
}

// TestFlowEnds: a capture that begins in the middle may hear the server first.
func TestFlowEnds(t *testing.T) {
	event := frame(t, framing.Frame{Kind: framing.KindEvent, Flags: framing.FlagCRC, Origin: 1, Sequence: 1})
	_, a := assemble(nil, udpPacket(t, server4, client4, event))
	if f := a.Flows()[0]; f.Client != client4 || f.Server != server4 {
		t.Errorf("flow %v > %v, want %v > %v", f.Client, f.Server, client4, server4)
	}
}

func TestForeignDatagrams(t *testing.T) {
	frames, a := assemble(nil, udpPacket(t, client4, server4, make([]byte, 50)), udpPacket(t, client4, server4, nil))
	checkSummaries(t, frames)
	if flows := a.Flows(); len(flows) != 1 || flows[0].Ours || flows[0].Bytes != 50 {
		t.Errorf("Flows() = %+v, want one that is not ours", flows)
	}
}

func TestDamagedDatagram(t *testing.T) {
	good := udpPacket(t, client4, server4, emit(t, 1, 1, "news", "a"))
	bad := slices.Clone(good)
	bad[80] ^= 0x10
	frames, a := assemble(nil, bad, good, bad)
	checkSummaries(t, frames, "emit 1:1 2:42-83@0", "emit 1:1 3:42-83@0 ("+dissect.ErrDamaged.Error()+")")
	if s := a.Stats(); s.Damaged != 2 {
		t.Errorf("Stats().Damaged = %d, want 2", s.Damaged)
	}
}

// TestOffloadedChecksum: a sum of the pseudo-header alone is not damage.
func TestOffloadedChecksum(t *testing.T) {
	frames, a := assemble(nil, offload(udpPacket(t, client4, server4, emit(t, 1, 1, "news", "a"))))
	checkSummaries(t, frames, "emit 1:1 1:42-83@0")
	if s := a.Stats(); s.Damaged != 0 {
		t.Errorf("Stats().Damaged = %d, want 0", s.Damaged)
	}
}

// offload leaves in an IPv4 UDP packet the checksum that a kernel leaves to
// hardware.
func offload(packet []byte) []byte {
	sum := uint32(17) + uint32(packet[38])<<8 + uint32(packet[39])
	for i := 26; i < 34; i += 2 {
		sum += uint32(packet[i])<<8 + uint32(packet[i+1])
	}
	sum = sum>>16 + sum&0xffff
	packet[40], packet[41] = byte(sum>>8), byte(sum)
	return packet
}

func TestIPFragments(t *testing.T) {
	packet := udpPacket(t, client4, server4, emit(t, 1, 1, "news", string(make([]byte, 100))))
	fragment := func(from, to int, more byte) []byte {
		b := append(slices.Clone(packet[:34]), packet[34+from:34+to]...)
		b[16], b[17] = 0, byte(20+to-from)
		b[20], b[21] = more<<5, byte(from/8)
		b[24], b[25] = 0, 0 // header checksum left to hardware
		return b
	}
	end := len(packet) - 34
	first, middle, last := fragment(0, 48, 1), fragment(48, 96, 1), fragment(96, end, 0)
	whole := "emit 1:1 1:42-82@0 2:34-82@40 3:34-86@88"
	t.Run("in order", func(t *testing.T) {
		frames, _ := assemble(nil, first, middle, last)
		checkSummaries(t, frames, whole)
	})
	t.Run("twice", func(t *testing.T) {
		frames, _ := assemble(nil, first, first, last, last, middle)
		checkSummaries(t, frames, "emit 1:1 1:42-82@0 3:34-86@88 5:34-82@40")
	})
	t.Run("one lost", func(t *testing.T) {
		frames, _ := assemble(nil, first, last)
		checkSummaries(t, frames, "emit 1:1 1:42-82@0 2:34-86@88 (dissect: 100 bytes of the frame are not in the capture)")
	})
	t.Run("first lost", func(t *testing.T) {
		frames, _ := assemble(nil, middle, last)
		checkSummaries(t, frames)
	})
}

// TestFragmentFrames: an event that we ourselves cut into fragment frames is
// reported beside them.
func TestFragmentFrames(t *testing.T) {
	inner := emit(t, 1, 9, "news", "0123456789")
	piece := func(from, to int) []byte {
		body := framing.Fragment{Total: uint32(len(inner)), Position: uint32(from), Piece: inner[from:to]}
		return udpPacket(t, client4, server4, frame(t, framing.Frame{
			Kind: framing.KindFragment, Flags: framing.FlagCRC, Origin: 1, Sequence: 9, Payload: body.Append(nil),
		}))
	}
	frames, _ := assemble(nil, piece(20, len(inner)), piece(0, 20))
	checkSummaries(t, frames, "fragment 1:9 1:42-116@0", "emit 1:9 1:82-112@20 2:82-102@0", "fragment 1:9 2:42-106@0")
	if f := frames[1]; f.Fragments != 2 || f.Topic != "news" || f.PayloadLength != 10 {
		t.Errorf("inner frame = %+v, want 2 fragments", f)
	}
	frames, _ = assemble(nil, piece(0, 40))
	var gap *dissect.GapError
	if len(frames) != 2 || !errors.As(frames[1].Err, &gap) || gap.Missing != 10 || frames[1].Sequence != 9 {
		t.Errorf("frames of half an event = %q, want it with 10 bytes missing", summaries(frames))
	}
}
