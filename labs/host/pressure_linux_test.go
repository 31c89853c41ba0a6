package host_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// TestNothingLostUnseen sends datagrams flat out, faster than the wire takes
// them, and looks for every one that the kernel took.
func TestNothingLostUnseen(t *testing.T) {
	k := newKernel(t)
	sink, err := k.Server.ListenPacket(t.Context(), "udp", "10.77.0.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	const senders, each, size = 2, 200_000, 64
	before, err := k.Client.Counters()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	var wg sync.WaitGroup
	for range senders {
		c, err := k.Client.Dial(t.Context(), "udp", "10.77.0.2:9000")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		wg.Go(func() { blast(t, c, each, size) })
	}
	wg.Wait()
	took := time.Since(start)
	stats := settled(t, k)
	after, err := k.Client.Counters()
	if err != nil {
		t.Fatal(err)
	}
	moved := after.Minus(before)
	taken := moved["Udp.OutDatagrams"]
	dropped := moved["Link.TxDropped"] + moved["Qdisc.Dropped"]
	missing := taken - dropped - int64(stats.Came) - int64(stats.RingDrops)
	t.Logf("%d datagrams in %v (%.0f per second): wire %d, ring drops %d, link drops %d, qdisc drops %d, send errors %d",
		taken, took, float64(taken)/took.Seconds(), stats.Came, stats.RingDrops, moved["Link.TxDropped"], moved["Qdisc.Dropped"], moved["Udp.SndbufErrors"])
	if missing > 0 || missing < -3 { // the hosts' own IPv6 may say a word or two
		t.Errorf("%d of %d datagrams are in no counter", missing, taken)
	}
}

func blast(t *testing.T, c io.Writer, n, size int) {
	b := make([]byte, size)
	for range n {
		if _, err := c.Write(b); err != nil && !isFull(err) {
			t.Error(err)
			return
		}
	}
}

func isFull(err error) bool { _, ok := err.(net.Error); return ok }

// settled waits until no more packets come and returns what leads to the server.
func settled(t *testing.T, k *host.Kernel) wire.Stats {
	t.Helper()
	var last wire.Stats
	for {
		s, err := k.Wire.Stats()
		if err != nil {
			t.Fatal(err)
		}
		if s[0].Came == last.Came && s[0].Held == 0 {
			return s[0]
		}
		last = s[0]
		time.Sleep(50 * time.Millisecond)
	}
}
