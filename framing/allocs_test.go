package framing_test

import (
	"bytes"
	"testing"

	"rawlab/framing"
)

// TestHotPathAllocatesNothing holds for what is done for each event: stamp it,
// pass it on in a run, take it off the stream.
func TestHotPathAllocatesNothing(t *testing.T) {
	stream := emits(t, "news", 1, 1000)
	var f framing.Frame
	stamp, err := framing.NewStamp(&framing.Frame{Kind: framing.KindEmit, Origin: 1, Topic: []byte("news")})
	if err != nil {
		t.Fatal(err)
	}
	source := bytes.NewReader(nil)
	r, buf := framing.NewReader(source, 0), make([]byte, 0, 1<<10)
	for name, step := range map[string]func(){
		"stamp": func() { stamp.Append(buf, 1, 2, stream[:100]) },
		"run": func() {
			source.Reset(stream)
			if err := r.Await(); err != nil {
				t.Fatal(err)
			}
			for n := 0; n < 1000; {
				run, ok := r.Run(1)
				if n += run.Count; !ok {
					if err := r.Await(); err != nil {
						t.Fatal(err)
					}
				}
			}
		},
		"take": func() {
			source.Reset(stream)
			for n := 0; n < 1000; n++ {
				if ok, err := r.Take(&f); err != nil {
					t.Fatal(err)
				} else if !ok {
					n--
					if err := r.Await(); err != nil {
						t.Fatal(err)
					}
				}
			}
		},
	} {
		for range 10 {
			step() // buffers grow to their size
		}
		if allocs := testing.AllocsPerRun(20, step); allocs != 0 {
			t.Errorf("%s: %v allocations for 1000 events, want 0", name, allocs)
		}
	}
}
