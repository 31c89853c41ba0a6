package disk_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue/disk"
)

// BenchmarkAppend has writers that each wait until their append is safe.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64} {
		for _, batch := range []int{1, 100} {
			b.Run(fmt.Sprintf("%d writers, %d events each", writers, batch), func(b *testing.B) { benchmarkAppend(b, writers, batch) })
		}
	}
}

func benchmarkAppend(b *testing.B, writers, batch int) {
	s, err := disk.Open(b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	var frames []byte
	for n := range uint64(batch) {
		f := framing.Frame{Kind: framing.KindEvent, Origin: 1, Sequence: n + 1, Topic: []byte("news"), Payload: make([]byte, 128)}
		frames, _ = f.Append(frames)
	}
	if err := s.Open("news", func(uint64, []byte, int) {}); err != nil {
		b.Fatal(err)
	}
	var all sync.WaitGroup
	b.ResetTimer()
	began := time.Now()
	for w := range writers {
		all.Go(func() {
			answer := make(chan error, 1)
			done := func(_ []byte, err error) { answer <- err }
			for range (b.N + w) / writers {
				s.Append("news", began, frames, batch, done)
				if err := <-answer; err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)*float64(batch)/b.Elapsed().Seconds(), "events/s")
	b.StopTimer()
	first, next := s.Bounds("news")
	s.Trim("news", next)
	if err := s.Close(); err != nil || first != 1 {
		b.Error(err)
	}
}
