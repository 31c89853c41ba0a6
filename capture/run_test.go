package capture_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture"
	"rawlab/capture/pcapng"
)

// script is a source that gives its batches, then its error.
type script struct {
	batches [][]capture.Packet
	err     error
}

func (s *script) Interfaces() []pcapng.Interface {
	return []pcapng.Interface{{Name: "lo", LinkType: pcapng.LinkEthernet}}
}

func (s *script) Read(ctx context.Context) ([]capture.Packet, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(s.batches) == 0 {
		return nil, s.err
	}
	b := s.batches[0]
	s.batches = s.batches[1:]
	return b, nil
}

// counter is a sink that fails at a packet, if told to.
type counter struct {
	written, flushed, failAt int
}

var errFull = errors.New("no space")

func (c *counter) Write(*capture.Packet) error {
	if c.written++; c.written == c.failAt {
		return errFull
	}
	return nil
}

func (c *counter) Flush() error { c.flushed++; return nil }

func TestRun(t *testing.T) {
	errBroken := errors.New("broken")
	done, cancel := context.WithCancel(t.Context())
	cancel()
	even := func(p *capture.Packet) (bool, error) { return p.Length%2 == 0, nil }
	for name, c := range map[string]struct {
		ctx    context.Context
		err    error
		config *capture.RunConfig
		failAt int

		taken, flushed int
		want           error
	}{
		"all":           {err: io.EOF, taken: 5, flushed: 1},
		"live":          {err: io.EOF, config: &capture.RunConfig{Live: true}, taken: 5, flushed: 3},
		"count":         {err: io.EOF, config: &capture.RunConfig{Count: 4}, taken: 4, flushed: 1},
		"filter":        {err: io.EOF, config: &capture.RunConfig{Filter: even}, taken: 2, flushed: 1},
		"filter, count": {err: io.EOF, config: &capture.RunConfig{Filter: even, Count: 1}, taken: 1, flushed: 1},
		"source fails":  {err: errBroken, taken: 5, flushed: 1, want: errBroken},
		"sink fails":    {err: io.EOF, failAt: 3, taken: 2, flushed: 1, want: errFull},
		"interrupted":   {ctx: done, flushed: 1},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if c.ctx != nil {
				ctx = c.ctx
			}
			s := &script{batches: [][]capture.Packet{{{Length: 1}, {Length: 2}, {Length: 3}}, {{Length: 4}, {Length: 5}}}, err: c.err}
			sink := &counter{failAt: c.failAt}
			taken, err := capture.Run(ctx, s, sink, c.config)
			if taken != c.taken || sink.flushed != c.flushed || !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("Run = %d, %v with %d flushes, want %d, %v with %d", taken, err, sink.flushed, c.taken, c.want, c.flushed)
			}
		})
	}
}

// TestWriterKeepsAll reads a file, writes it anew and reads that.
func TestWriterKeepsAll(t *testing.T) {
	packets := []capture.Packet{
		{Time: time.Unix(5, 6).UTC(), Data: []byte{1, 2}, Length: 9, Outgoing: true, Flags: pcapng.FlagOutbound, Comments: []string{"a", "b"}},
		{Time: time.Unix(7, 8).UTC(), Data: []byte{3}, Length: 1},
	}
	var b bytes.Buffer
	s := &script{batches: [][]capture.Packet{packets}, err: io.EOF}
	w, err := capture.NewWriter(&b, s, "udp")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := capture.Run(t.Context(), s, w, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.WriteStats([]capture.Stats{{Received: 2}}), w.Flush()); err != nil {
		t.Fatal(err)
	}
	f, err := capture.NewFile(&b)
	if err != nil {
		t.Fatal(err)
	}
	var got []capture.Packet
	for p, err := range capture.Packets(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		c := *p
		c.Data = bytes.Clone(p.Data)
		got = append(got, c)
	}
	if d := cmp.Diff(packets, got); d != "" {
		t.Errorf("packets (-want +got):\n%s", d)
	}
	if i := f.Interfaces(); len(i) != 1 || i[0].Name != "lo" || i[0].Filter != "udp" {
		t.Errorf("interfaces %+v, want lo with its filter", i)
	}
}

// TestTrimFile cuts a file in its last block and trims it: the packets
// before are whole and the end is clean.
func TestTrimFile(t *testing.T) {
	var b bytes.Buffer
	s := &script{batches: [][]capture.Packet{{{Data: []byte{1}}, {Data: []byte{2}}, {Data: []byte{3}}}}, err: io.EOF}
	w, err := capture.NewWriter(&b, s, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := capture.Run(t.Context(), s, w, nil); err != nil {
		t.Fatal(err)
	}
	for cut, want := range map[int]int{0: 3, 1: 2, 30: 2, 40: 1} {
		path := filepath.Join(t.TempDir(), "cut.pcapng")
		if err := os.WriteFile(path, b.Bytes()[:b.Len()-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := capture.TrimFile(path); n != want || err != nil {
			t.Errorf("cut by %d: TrimFile = %d, %v, want %d", cut, n, err, want)
		}
		kept, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := capture.NewFile(bytes.NewReader(kept))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range capture.Packets(t.Context(), f) {
			if err != nil {
				t.Errorf("cut by %d: %v", cut, err)
			}
			n++
		}
		if n != want {
			t.Errorf("cut by %d: %d packets left, want %d", cut, n, want)
		}
	}
}
