package host_test

import (
	"context"
	"math"
	"net"
	"slices"
	"testing"
	"time"

	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// oneWay sends n datagrams of a size from client to server under an
// impairment, pace apart, and returns the wire's rows of them.
func oneWay(t *testing.T, words string, n, size int, pace time.Duration) []wire.Row {
	t.Helper()
	k := newKernel(t)
	server, err := k.Server.ListenPacket(t.Context(), "udp", "10.77.0.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := host.SetReceiveBuffer(server.(*net.UDPConn), 16<<20); err != nil {
		t.Fatal(err)
	}
	i, err := wire.ParseImpairment(words)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Wire.Set(3, [2]wire.Impairment{i}); err != nil {
		t.Fatal(err)
	}
	client, err := k.Client.Dial(t.Context(), "udp", "10.77.0.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for payload := make([]byte, size-42); n > 0; n-- {
		if _, err := client.Write(payload); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pace)
	}
	empty(t, k)
	rows, _, err := k.Wire.Stop()
	if err != nil {
		t.Fatal(err)
	}
	k.Wire = nil
	return slices.DeleteFunc(rows[0], func(r wire.Row) bool { return r.DstPort != 9000 })
}

// empty waits until nothing is under way.
func empty(t *testing.T, k *host.Kernel) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for still := 0; still < 3; time.Sleep(20 * time.Millisecond) {
		s, err := k.Wire.Stats()
		if err != nil {
			t.Fatal(err)
		}
		if still++; s[0].Held > 0 {
			still = 0
		}
		if ctx.Err() != nil {
			t.Fatalf("the wire holds %d packets for a minute", s[0].Held)
		}
	}
}

// TestRateOverKernelHosts holds what really left against the rate.
func TestRateOverKernelHosts(t *testing.T) {
	for _, c := range []struct {
		words string
		bits  float64
		n     int
	}{{"rate 4mbit queue 5000", 4e6, 1000}, {"rate 40mbit queue 64mb delay 5ms aqm codel", 40e6, 5000}} {
		rows := oneWay(t, c.words, c.n, 1000, 0)
		var left, due []int64
		var late time.Duration
		for i := range rows {
			if r := &rows[i]; r.Out != 0 {
				left, due, late = append(left, r.Out), append(due, r.Due), max(late, r.Lateness())
			}
		}
		took := float64(left[len(left)-1] - left[0])
		want := float64(len(left)-1) * 8000 / c.bits * 1e9
		t.Logf("%s: %d of %d frames left in %.1f ms, %+.3f %% of what the rate allows; the wire was at most %v late", c.words, len(left), len(rows), took/1e6, 100*(took/want-1), late)
		// The first and the last frame may be as late as the machine made them.
		if math.Abs(took-want) > 0.005*want+float64(late) {
			t.Errorf("%s: took %.1f ms, want %.1f", c.words, took/1e6, want/1e6)
		}
		if planned := float64(due[len(due)-1] - due[0]); math.Abs(planned/want-1) > 0.005 {
			t.Errorf("%s: planned to take %.1f ms, want %.1f", c.words, planned/1e6, want/1e6)
		}
	}
}

// TestDelayErrorIsTold: no packet leaves the wire early, and none late unless
// the machine is.
func TestDelayErrorIsTold(t *testing.T) {
	timer, err := host.StartBareTimer()
	if err != nil {
		t.Fatal(err)
	}
	rows := oneWay(t, "delay 5ms 1ms distribution normal", 2000, 200, 100*time.Microsecond)
	var late []time.Duration
	for i := range rows {
		r := &rows[i]
		if r.Out == 0 || r.Out < r.Due || r.Due < r.Time {
			t.Fatalf("came at %d, due at %d, left at %d", r.Time, r.Due, r.Out)
		}
		late = append(late, r.Lateness())
	}
	slices.Sort(late)
	p50, p99 := late[len(late)/2], late[len(late)*99/100]
	t.Logf("%d packets: late by %v (p50), %v (p99), %v (at most)", len(late), p50, p99, late[len(late)-1])
	bare, err := timer.Stop()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(bare)
	if machine := bare[len(bare)/2]; p50 > 2*time.Millisecond && p50 > 10*machine {
		t.Errorf("late by %v (p50), where a bare timer is by %v", p50, machine)
	}
}
