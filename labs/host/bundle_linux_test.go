package host_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"rawlab/capture"
	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// TestBundledFramesArriveAsTheyWere floods the wire and holds what the
// server's interface saw against the wire's rows, frame for frame.
func TestBundledFramesArriveAsTheyWere(t *testing.T) {
	for _, words := range []string{"", "delay 1ms", "delay 2ms 500us corrupt 1% duplicate 1%"} {
		t.Run(words, func(t *testing.T) {
			k := newKernel(t)
			i, err := wire.ParseImpairment(words)
			if err != nil {
				t.Fatal(err)
			}
			if err := k.Wire.Set(5, [2]wire.Impairment{i}); err != nil {
				t.Fatal(err)
			}
			frames := tap(t, k.Server)
			for _, address := range []string{"10.77.0.2", "fd77::2"} {
				stream(t, k, net.JoinHostPort(address, "9001"))
				datagrams(t, k, net.JoinHostPort(address, "9002"))
			}
			empty(t, k)
			stats, err := k.Wire.Stats()
			if err != nil {
				t.Fatal(err)
			}
			rows, _, err := k.Wire.Stop()
			if err != nil {
				t.Fatal(err)
			}
			k.Wire = nil
			chatter := outHashes(slices.DeleteFunc(slices.Clone(rows[0]), isFlood))
			left := outHashes(slices.DeleteFunc(rows[0], func(r wire.Row) bool { return !isFlood(r) }))
			got := slices.DeleteFunc(frames(), func(h uint64) bool { return slices.Contains(chatter, h) })
			t.Logf("%d frames left, %d in bundles", len(left), stats[0].Bundled)
			if stats[0].Bundled < 1000 {
				t.Errorf("%d frames in bundles: nothing was tried", stats[0].Bundled)
			}
			slices.Sort(left)
			slices.Sort(got)
			if !slices.Equal(left, got) {
				t.Errorf("%d frames left the wire, %d came, and they are not the same", len(left), len(got))
			}
		})
	}
}

// isFlood tells what the test sends from what kernels say by themselves, such
// as their reports of multicast groups: a tap may see those, or open too late.
func isFlood(r wire.Row) bool { return r.DstPort == 9001 || r.DstPort == 9002 }

// outHashes returns the hash of every copy that left.
func outHashes(rows []wire.Row) (hashes []uint64) {
	for _, r := range rows {
		for copy := range r.Copies {
			if copy == 0 {
				hashes = append(hashes, r.OutHash)
			} else {
				hashes = append(hashes, r.Hash)
			}
		}
	}
	return hashes
}

// tap captures what comes to a host until the function that it returns asks
// for the hashes.
func tap(t *testing.T, h *host.Host) func() []uint64 {
	t.Helper()
	var ring *capture.Ring
	err := h.Do(func() (err error) {
		ring, err = capture.OpenRing(&capture.RingConfig{Interface: host.Interface, IgnoreOutgoing: true, Blocks: 256})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan []uint64)
	go func() {
		var hashes []uint64
		for p, err := range capture.Packets(context.Background(), ring) {
			if err != nil {
				t.Error(err)
				break
			}
			hashes = append(hashes, wire.Hash(p.Data))
		}
		done <- hashes
	}()
	return func() []uint64 {
		ring.Stop()
		hashes := <-done
		if s, err := ring.Stats(); err != nil || s.Dropped > 0 {
			t.Errorf("the tap missed %d frames (%v)", s.Dropped, err)
		}
		if err := ring.Close(); err != nil {
			t.Error(err)
		}
		return hashes
	}
}

// stream sends pieces of many sizes over TCP and waits for the last byte.
func stream(t *testing.T, k *host.Kernel, address string) {
	t.Helper()
	l, err := k.Server.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := k.Client.Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var sent bytes.Buffer
	for n := 1; n < 1<<17; n += 1 + n/9 {
		sent.Write(bytes.Repeat([]byte{byte(n)}, n))
	}
	want := bytes.Clone(sent.Bytes())
	go func() {
		for n := 1; sent.Len() > 0; n += 1 + n/9 {
			if _, err := c.Write(sent.Next(n)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the stream is not what was sent (%v)", err)
	}
}

// datagrams sends a flood of them, in runs of one size, and waits for nobody.
func datagrams(t *testing.T, k *host.Kernel, address string) {
	t.Helper()
	c, err := k.Client.Dial(t.Context(), "udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, 1400)
	for i := range 4000 {
		size := 1 + (i/50*37)%len(b)
		if _, err := c.Write(b[:size]); err != nil && !errors.Is(err, unix.ECONNREFUSED) { // nobody listens
			t.Fatal(err)
		}
	}
}
