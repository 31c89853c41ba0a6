package fec_test

import (
	"bytes"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/udpq/fec"
)

// FuzzDecoder reads steps out of bytes: a kind, a number, and what the kind
// wants. Whatever comes, what is delivered is frames, and memory is bounded.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte{1, 0, 1, 0, 2, 3, 1, 9, 9, 9}, false)
	f.Add([]byte("\x01\x00\x01\x02\x00\x01\x08\x02\x00\x60\xff\x03\xff"), true)
	f.Fuzz(func(t *testing.T, steps []byte, unordered bool) {
		const held = 4 << 10
		d, now := fec.NewDecoder(fec.Params{Data: 4, Parity: 2, Depth: 2}, unordered, 0, held), start
		next := func() (b byte) {
			if len(steps) > 0 {
				b, steps = steps[0], steps[1:]
			}
			return b
		}
		number := func() uint64 { return uint64(next())<<(next()%57) + uint64(next()) }
		for len(steps) > 0 {
			var h fec.Header
			var frames []byte
			switch next() % 4 {
			case 0:
				now = now.Add(time.Duration(next()) * time.Millisecond)
				check(t, d.OnTimer(now))
				continue
			case 1:
				h.Number, frames = max(1, number()), frame(t, 1, int(next()))
			case 2:
				n := min(len(steps), int(next()))
				h.Parity = framing.Parity{First: number(), Data: next(), Redundant: 2, Index: next() % 2, Shard: bytes.Clone(steps[:min(n, len(steps))])}
				h.Parity.Data = max(1, h.Parity.Data)
			case 3: // a datagram off the wire
				n := min(len(steps), int(next()))
				found := false
				if frames, h, found, _ = fec.Split(steps[:min(n, len(steps))]); !found {
					continue
				}
			}
			check(t, d.Accept(now, &h, frames))
			if d.Held() > held {
				t.Fatalf("%d bytes held, want %d at most", d.Held(), held)
			}
		}
		if wake := d.Wake(); !wake.IsZero() {
			check(t, d.OnTimer(wake.Add(time.Hour)))
			if d.Held() != 0 || !d.Wake().IsZero() {
				t.Fatalf("at rest: %d bytes held, wake %v", d.Held(), d.Wake())
			}
		}
	})
}

func check(t *testing.T, list [][]byte) {
	t.Helper()
	for _, b := range list {
		if len(b) == 0 {
			t.Fatal("nothing delivered as a datagram")
		}
		for _, err := range framing.Unpack(b) {
			if err != nil {
				t.Fatalf("delivered % x: %v", b, err)
			}
		}
	}
}

// FuzzSplit: a header that is found encodes to what it was.
func FuzzSplit(f *testing.F) {
	f.Add(fec.AppendNumber(frame(f, 1, 3), 7))
	e := fec.NewEncoder(eightTwo)
	e.Add(start, frame(f, 1, 3))
	e.Parity(func(b []byte) { f.Add(bytes.Clone(b)) })
	f.Fuzz(func(t *testing.T, b []byte) {
		frames, h, found, _ := fec.Split(b)
		if !found {
			return
		}
		if h.Number > 0 {
			n := 0
			for _, err := range framing.Unpack(frames) {
				if err != nil {
					t.Fatalf("frames of a datagram that was found: %v", err)
				}
				n++
			}
			if n == 0 {
				t.Fatal("a numbered datagram without frames")
			}
			return
		}
		if len(frames) > 0 || h.Parity.Data == 0 || h.Parity.Index >= h.Parity.Redundant {
			t.Fatalf("Split() = %d bytes of frames and %+v", len(frames), h.Parity)
		}
	})
}
