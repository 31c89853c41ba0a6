package jetstream_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"rawlab/internal/queue/jetstream"
	"rawlab/internal/queue/storetest"
)

// BenchmarkAppend appends runs of events of about 50 bytes; ns/op is per
// event. The broker runs in the same process.
func BenchmarkAppend(b *testing.B) {
	for _, run := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("run=", run), func(b *testing.B) {
			s := benchStore(b)
			var answers sync.WaitGroup
			b.ResetTimer()
			for n := 0; n < b.N; n += run {
				answers.Add(1)
				frames := storetest.Frames(7, uint64(n+1), uint64(n+1+run))
				s.Append("a", time.Unix(int64(n), 0), frames, run, func(_ []byte, err error) {
					if err != nil {
						b.Error(err)
					}
					answers.Done()
				})
			}
			answers.Wait()
		})
	}
}

// BenchmarkAlone waits for each event before the next: ns/op is the way to the
// broker and back, and that of the event to who follows.
func BenchmarkAlone(b *testing.B) {
	s := benchStore(b)
	b.ResetTimer()
	for n := range uint64(b.N) {
		if err := storetest.Append(s, "a", storetest.Start, storetest.Frames(7, n+1, n+2), 1); err != nil {
			b.Fatal(err)
		}
	}
}

func benchStore(b *testing.B) *jetstream.Store {
	b.Helper()
	s, err := jetstream.Open(&jetstream.Config{URL: startBroker(b).url()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	if err := s.Open("a", func(uint64, []byte, int) {}); err != nil {
		b.Fatal(err)
	}
	return s
}
