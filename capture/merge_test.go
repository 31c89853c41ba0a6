package capture_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/capture"
	"rawlab/capture/pcapng"
)

// late is a source that gives each batch some time after its last packet, in
// one buffer, as a ring does.
type late struct {
	interfaces []pcapng.Interface
	batches    [][]capture.Packet
	delay      time.Duration
	err        error
	buffer     []capture.Packet
}

func (l *late) Interfaces() []pcapng.Interface { return l.interfaces }

func (l *late) Read(ctx context.Context) ([]capture.Packet, error) {
	for i := range l.buffer {
		l.buffer[i].Length = -1 // whoever still looks at it will notice
	}
	if len(l.batches) == 0 {
		return nil, l.err
	}
	l.buffer = append(l.buffer[:0], l.batches[0]...)
	l.batches = l.batches[1:]
	if len(l.buffer) > 0 {
		time.Sleep(time.Until(l.buffer[len(l.buffer)-1].Time.Add(l.delay)))
	}
	return l.buffer, nil
}

// TestMerge: whatever batches packets come in, they leave in the order of
// their times, each once, with the interface that it came from.
func TestMerge(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			var sources []capture.Source
			total := 0
			for i := range 1 + random.IntN(4) {
				l := &late{interfaces: make([]pcapng.Interface, 1+i%2), delay: time.Duration(random.IntN(10)) * time.Millisecond, err: io.EOF}
				at := time.Now()
				for range random.IntN(30) {
					var batch []capture.Packet
					first := at
					for range random.IntN(20) {
						if at = at.Add(time.Duration(random.IntN(3_000_000)) + 1); at.Sub(first) > 10*time.Millisecond {
							break // a ring hands over what has waited for so long
						}
						total++
						batch = append(batch, capture.Packet{Time: at, Length: total, Interface: random.IntN(len(l.interfaces))})
					}
					l.batches = append(l.batches, batch)
					at = at.Add(time.Duration(random.IntN(200)) * time.Millisecond * time.Duration(random.IntN(2)))
				}
				sources = append(sources, l)
			}
			m := capture.Merge(sources...)
			var got []capture.Packet
			for p, err := range capture.Packets(t.Context(), m) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, *p)
			}
			m.Close()
			if len(got) != total || !slices.IsSortedFunc(got, func(a, b capture.Packet) int { return a.Time.Compare(b.Time) }) {
				t.Errorf("seed %d: %d packets, want %d in order", seed, len(got), total)
			}
			slices.SortFunc(got, func(a, b capture.Packet) int { return cmp.Compare(a.Length, b.Length) })
			for i, p := range got {
				if p.Length != i+1 || p.Interface >= len(m.Interfaces()) {
					t.Fatalf("seed %d: packet %d came as %d of interface %d", seed, i+1, p.Length, p.Interface)
				}
			}
		})
	}
}

// A merge ends with the first error, and when nobody reads it to its end.
func TestMergeEndsEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		now := time.Now()
		many := &late{batches: [][]capture.Packet{{{Time: now, Length: 1}}, {{Time: now.Add(time.Hour), Length: 2}}}, err: broken}
		other := &late{batches: [][]capture.Packet{{{Time: now, Length: 1}}, {{Time: now.Add(time.Minute), Length: 1}}}, err: io.EOF}
		m := capture.Merge(many, other)
		var seen []string
		for p, err := range capture.Packets(t.Context(), m) {
			seen = append(seen, fmt.Sprint(p != nil, err))
		}
		m.Close()
		if want := []string{"true <nil>", "true <nil>", "true <nil>", "true <nil>", "false broken"}; !slices.Equal(seen, want) {
			t.Errorf("Packets gave %v, want %v", seen, want)
		}

		m = capture.Merge(&late{batches: [][]capture.Packet{{{Time: now}}, {{Time: now}}}, err: io.EOF}, &late{err: io.EOF})
		if _, err := m.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.Close()
	})
}
