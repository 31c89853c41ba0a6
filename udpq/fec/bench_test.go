package fec_test

import (
	"testing"

	"rawlab/udpq/fec"
)

// BenchmarkEncode is what protection costs at the sender: one event of 128
// bytes in a datagram, its number, and its share of the parity.
func BenchmarkEncode(b *testing.B) {
	s, f := fec.NewSender(eightTwo, 0, 0), frame(b, 1, 128)
	s.Release()
	b.ReportAllocs()
	for b.Loop() {
		s.Send(start, f)
		for _, _, ok := s.Next(start); ok; _, _, ok = s.Next(start) {
		}
	}
}

// BenchmarkDecode is what it costs at the receiver for each such datagram,
// when nothing is lost and when one of ten is.
func BenchmarkDecode(b *testing.B) {
	for name, lost := range map[string]int{"whole": -1, "repaired": 4} {
		b.Run(name, func(b *testing.B) {
			var groups [][]fec.Header
			var frames [][]byte
			const cycle = 512 // groups, numbered on in the loop
			s := fec.NewSender(eightTwo, 0, 0)
			s.Release()
			for range cycle {
				var group []fec.Header
				for range 8 {
					s.Send(start, frame(b, 1, 128))
				}
				for _, d := range leave(s, start) {
					f, h, _, _ := fec.Split(d)
					group, frames = append(group, h), append(frames, f)
				}
				groups = append(groups, group)
			}
			d := fec.NewDecoder(eightTwo, false, 0, 0)
			b.ReportAllocs()
			delivered, shift, n := 0, uint64(0), 0
			for b.Loop() { // a datagram of events each, and every eighth time parity
				if n == 10*cycle {
					n, shift = 0, shift+8*cycle
				}
				for first := true; first || n%10 >= 8; first = false {
					h := groups[n/10][n%10]
					if h.Number > 0 {
						h.Number += shift
					} else {
						h.Parity.First += shift
					}
					if n%10 != lost {
						delivered += len(d.Accept(start, &h, frames[n]))
					}
					n++
				}
			}
			if delivered < b.N-16 || d.Stats().Unrepaired > 0 {
				b.Fatalf("%d of %d delivered, %+v", delivered, b.N, d.Stats())
			}
		})
	}
}
