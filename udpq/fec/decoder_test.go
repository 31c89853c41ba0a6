package fec_test

import (
	"bytes"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/udpq/fec"
)

// receive gives a datagram to a decoder and returns what it delivers.
func receive(t testing.TB, d *fec.Decoder, now time.Time, b []byte) (list [][]byte) {
	t.Helper()
	frames, h, found, invalid := fec.Split(b)
	if !found || invalid > 0 {
		t.Fatalf("Split(% x): found %v, %d invalid", b, found, invalid)
	}
	for _, frames := range d.Accept(now, &h, frames) {
		list = append(list, bytes.Clone(frames))
	}
	return list
}

// leave returns every datagram that a sender has.
func leave(s *fec.Sender, now time.Time) (list [][]byte) {
	for b, _, ok := s.Next(now); ok; b, _, ok = s.Next(now) {
		list = append(list, bytes.Clone(b))
	}
	return list
}

var eightTwo = fec.Params{Data: 8, Parity: 2, Depth: 1}

// An event that is alone is protected once DefaultFlush has passed.
func TestLoneDatagram(t *testing.T) {
	s, d := fec.NewSender(eightTwo, 0, 0), fec.NewDecoder(eightTwo, false, 0, 0)
	want := frame(t, 1, 100)
	s.Send(start, want)
	if n := len(leave(s, start)); n != 1 {
		t.Fatalf("%d datagrams at first, want the event alone", n)
	}
	wake := s.Wake(start)
	s.OnTimer(wake.Add(-1))
	if n := len(leave(s, wake)); wake.Sub(start) != fec.DefaultFlush || n != 0 || s.Idle() {
		t.Fatalf("Wake() = %v after the start with %d datagrams before, idle %v, want %v, none, false", wake.Sub(start), n, s.Idle(), fec.DefaultFlush)
	}
	s.OnTimer(wake)
	parity := leave(s, wake)
	if len(parity) != 2 || !s.Idle() || !s.Wake(wake).IsZero() {
		t.Fatalf("%d datagrams of parity, idle %v, want 2, true", len(parity), s.Idle())
	}
	if got := receive(t, d, wake, parity[1]); len(got) != 1 || !bytes.Equal(got[0], want) {
		t.Errorf("out of parity came %q, want %q", got, want)
	}
	if got := receive(t, d, wake, parity[0]); len(got) != 0 {
		t.Errorf("out of more parity came %q, want nothing", got)
	}
	if st, want := d.Stats(), (fec.DecoderStats{Parity: 2, Repaired: 1}); st != want {
		t.Errorf("Stats() = %+v, want %+v", st, want)
	}
}

// What cannot be repaired is given up after DefaultWait, and no sooner.
func TestGivenUp(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		s, d := fec.NewSender(eightTwo, 0, 0), fec.NewDecoder(eightTwo, unordered, 0, 0)
		for n := range 9 {
			s.Send(start, frame(t, n, n))
		}
		s.Finish()
		delivered := 0
		sent := leave(s, start)
		for i, b := range sent {
			if i < 3 {
				continue // more than there is parity
			}
			delivered += len(receive(t, d, start, b))
		}
		at := 0
		if unordered {
			at = 6
		}
		wake := d.Wake()
		early := len(d.OnTimer(wake.Add(-1)))
		if delivered != at || early != 0 || wake.Sub(start) != fec.DefaultWait {
			t.Errorf("unordered %v: %d delivered at once, %d before %v, want %d, 0, %v", unordered, delivered, early, wake.Sub(start), at, fec.DefaultWait)
		}
		if got := len(d.OnTimer(wake)) + delivered; got != 6 || d.Stats().Unrepaired != 3 {
			t.Errorf("unordered %v: %d delivered in the end, %+v, want 6, 3 given up", unordered, got, d.Stats())
		}
		late, counted := len(receive(t, d, wake, sent[0])), d.Stats()
		if want := (fec.DecoderStats{Parity: 4, Unrepaired: 3, Late: 1}); !unordered && (late != 0 || counted != want) {
			t.Errorf("a late datagram: %d delivered, %+v, want none, %+v", late, counted, want)
		}
		if want := (fec.DecoderStats{Parity: 4, Unrepaired: 2}); unordered && (late != 1 || counted != want) {
			t.Errorf("a late datagram, unordered: %d delivered, %+v, want 1, %+v", late, counted, want)
		}
		if d.OnTimer(d.Wake()); d.Held() != 0 || !d.Wake().IsZero() {
			t.Errorf("unordered %v: at rest %d bytes held, wake %v, want none, never", unordered, d.Held(), d.Wake())
		}
	}
}

// Parity that a sender of this conversation cannot have made is refused.
func TestForeignParity(t *testing.T) {
	shard := make([]byte, 100)
	for name, p := range map[string]framing.Parity{
		"more data":         {First: 1, Data: 9, Redundant: 2, Shard: shard},
		"other parity":      {First: 1, Data: 8, Redundant: 3, Shard: shard},
		"no first":          {First: 0, Data: 8, Redundant: 2, Shard: shard},
		"past all numbers":  {First: 1<<64 - 2, Data: 8, Redundant: 2, Shard: shard},
		"no room for frame": {First: 1, Data: 8, Redundant: 2, Shard: shard[:20]},
	} {
		d := fec.NewDecoder(eightTwo, false, 0, 0)
		got := d.Accept(start, &fec.Header{Parity: p}, nil)
		if len(got) != 0 || d.Stats() != (fec.DecoderStats{Invalid: 1}) || !d.Wake().IsZero() {
			t.Errorf("%s: delivered %q, Stats() = %+v, want nothing, 1 invalid", name, got, d.Stats())
		}
	}
}

// What parity that was not made of this data rebuilds is no event.
func TestWrongParity(t *testing.T) {
	s, d := fec.NewSender(eightTwo, 0, 0), fec.NewDecoder(eightTwo, false, 0, 0)
	for n := range 8 {
		s.Send(start, frame(t, n, 10))
	}
	for i, b := range leave(s, start) {
		frames, h, _, _ := fec.Split(b)
		if h.Number == 3 {
			continue
		}
		if i >= 8 {
			h.Parity.Shard[20] ^= 1 // and whoever did it mended the checksum
		}
		for _, got := range d.Accept(start, &h, frames) {
			if f, _, err := framing.Parse(got, len(got)); err != nil || f.Sequence > 1 {
				t.Errorf("delivered %+v, %v, want what came before the missing one", f, err)
			}
		}
	}
	if st := d.Stats(); st.Invalid != 1 || st.Repaired != 0 {
		t.Errorf("Stats() = %+v, want 1 invalid, none repaired", st)
	}
	if got := d.OnTimer(start.Add(fec.DefaultWait)); len(got) != 5 || d.Stats().Unrepaired != 1 {
		t.Errorf("%d delivered in the end, %+v, want 5, 1 given up", len(got), d.Stats())
	}
}

// A sender leaps: everything between is given up, in no more steps than the
// window has places.
func TestLeap(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		d := fec.NewDecoder(eightTwo, unordered, 0, 0)
		f := frame(t, 1, 1)
		for _, number := range []uint64{1, 2, 1 << 40, 1<<40 + 1, 1 << 62, 1<<64 - 1} {
			receive(t, d, start, fec.AppendNumber(bytes.Clone(f), number))
		}
		d.OnTimer(start.Add(fec.DefaultWait))
		if got, want := d.Stats().Unrepaired, uint64(1<<62-5); got != want {
			t.Errorf("unordered %v: %d given up, want %d", unordered, got, want)
		}
	}
}
