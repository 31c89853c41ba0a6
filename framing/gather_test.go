package framing_test

import (
	"bytes"
	"slices"
	"testing"

	"rawlab/framing"
)

// sealedEmits are emits of origin 1 with checksums, numbered from first on.
func sealedEmits(t testing.TB, topic string, first, n int) (datagram []byte) {
	for i := range n {
		datagram = append(datagram, encode(t, framing.Frame{
			Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Sequence: uint64(first + i), Time: uint64(i),
			Topic: []byte(topic), Payload: bytes.Repeat([]byte{byte(i)}, i%3),
		})...)
	}
	return datagram
}

func TestGatherOverDatagrams(t *testing.T) {
	run := framing.Run{Origin: 1}
	for first := 1; first < 100; first += 9 {
		b := sealedEmits(t, "news", first, 9)
		if n := run.Gather(b, true); n != len(b) {
			t.Fatalf("Gather took %d bytes from event %d on, want %d", n, first, len(b))
		}
		clear(b) // the run keeps copies
	}
	if run.Count != 99 || run.Sequence != 1 || string(run.Topic) != "news" || run.WantAck {
		t.Fatalf("run = %d events from %d of %q, wanting acks %v; want events 1 to 99 of news", run.Count, run.Sequence, run.Topic, run.WantAck)
	}
	rest := run.Frames
	for want := uint64(1); len(rest) > 0; want++ {
		f, n, err := framing.Parse(rest, 0)
		i := int(want-1) % 9
		if err != nil || f.Kind != framing.KindEvent || f.Flags != 0 || f.Origin != 1 || f.Sequence != want || f.Time != uint64(i) ||
			string(f.Topic) != "news" || !bytes.Equal(f.Payload, bytes.Repeat([]byte{byte(i)}, i%3)) {
			t.Fatalf("frame %d of the run = %+v, %v", want, f, err)
		}
		rest = rest[n:]
	}
	if run.Empty(); run.Count != 0 || len(run.Frames) != 0 || run.Origin != 1 {
		t.Errorf("after Empty the run is %+v", run)
	}
}

func TestGatherStopsAtWhatIsSpecial(t *testing.T) {
	next := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Sequence: 4, Topic: []byte("news")}
	for name, change := range map[string]func(*framing.Frame){
		"kind":            func(f *framing.Frame) { f.Kind = framing.KindPing },
		"event":           func(f *framing.Frame) { f.Kind = framing.KindEvent },
		"no checksum":     func(f *framing.Frame) { f.Flags = 0 },
		"offset":          func(f *framing.Frame) { f.Flags |= framing.FlagOffset },
		"request":         func(f *framing.Frame) { f.Flags |= framing.FlagRequest },
		"reply":           func(f *framing.Frame) { f.Flags |= framing.FlagReply },
		"other wish":      func(f *framing.Frame) { f.Flags |= framing.FlagWantAck },
		"code":            func(f *framing.Frame) { f.Code = framing.CodeFull },
		"origin":          func(f *framing.Frame) { f.Origin = 2 },
		"hole":            func(f *framing.Frame) { f.Sequence = 5 },
		"twice":           func(f *framing.Frame) { f.Sequence = 3 },
		"topic":           func(f *framing.Frame) { f.Topic = []byte("tops") },
		"length of topic": func(f *framing.Frame) { f.Topic = []byte("new"); f.Payload = []byte("s") },
	} {
		f, run := next, framing.Run{Origin: 1}
		change(&f)
		before := sealedEmits(t, "news", 1, 3)
		if n := run.Gather(slices.Concat(before, encode(t, f), before), true); n != len(before) || run.Count != 3 {
			t.Errorf("%s: Gather took %d bytes and %d events, want %d and 3", name, n, run.Count, len(before))
		}
	}
	for name, f := range map[string]framing.Frame{
		"no number": {Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Topic: []byte("news")},
		"no topic":  {Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Sequence: 1},
	} {
		run := framing.Run{Origin: 1}
		if n := run.Gather(encode(t, f), true); n != 0 || run.Count != 0 {
			t.Errorf("%s: Gather took %d bytes", name, n)
		}
	}
}

// TestGatherTakesNoDamage holds that what does not arrive whole is never part
// of a run, wherever it is cut or changed.
func TestGatherTakesNoDamage(t *testing.T) {
	whole := sealedEmits(t, "news", 1, 2)
	first := len(sealedEmits(t, "news", 1, 1))
	for cut := range len(whole) {
		run := framing.Run{Origin: 1}
		if n := run.Gather(whole[:cut], true); n > cut || n != 0 && n != first || run.Count > 1 {
			t.Fatalf("cut at %d, Gather took %d bytes, %d events", cut, n, run.Count)
		}
	}
	for i := range first {
		run, b := framing.Run{Origin: 1}, bytes.Clone(whole)
		b[i] ^= 0x20
		if n := run.Gather(b, true); n != 0 || run.Count != 0 || len(run.Frames) != 0 {
			t.Fatalf("with byte %d changed, Gather took %d bytes", i, n)
		}
	}
}
