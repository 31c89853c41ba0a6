package labs_test

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/labs/host"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// Acknowledged events and TCP's Reno share a wire of 10 Mbit/s and 20 ms each way, the
// queue of which holds a round trip and a half: each gets a quarter at least.
func TestAcknowledgedEventsShareWithTCP(t *testing.T) {
	if !host.Isolated() {
		t.Skip("no right to private namespaces") // IsolateTests fails where they are required
	}
	if testing.Short() {
		t.Skip("takes seconds of real time")
	}
	reno := host.Tuning{CongestionControl: "reno"} // which is always there
	k, err := host.NewKernel(&host.Config{Seed: 1, Hosts: map[string]host.Tuning{"client": reno, "server": reno}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	share(t, k)
}

func share(t *testing.T, k *host.Kernel) {
	i := wire.Impairment{Rate: 10_000_000, Delay: 20 * time.Millisecond, QueueBytes: 75_000} // 10 Mbit/s · 40 ms = 50 kB
	if err := k.Wire.Set(1, [2]wire.Impairment{i, i}); err != nil {
		t.Fatal(err)
	}
	const settling, lasting = 2 * time.Second, 8 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), settling+lasting)
	defer cancel()
	events := shareEvents(t, ctx, k)
	segments := shareTCP(t, ctx, k)
	time.Sleep(settling) // what is measured is how they go on
	e, s := events(), segments()
	<-ctx.Done()
	a, b := float64(events()-e), float64(segments()-s)
	share, jain := a/(a+b), (a+b)*(a+b)/(2*(a*a+b*b))
	t.Logf("events %.2f Mbit/s, TCP %.2f Mbit/s: the events have %.0f %%, Jain's index %.3f", a*8e-6/lasting.Seconds(), b*8e-6/lasting.Seconds(), 100*share, jain)
	if share < 0.25 || share > 0.75 {
		t.Errorf("the events have %.0f %% of the bytes, want 25 to 75 %%", 100*share)
	}
}

// shareEvents emits as much as there is room for, and returns what says how
// many bytes of it have been received.
func shareEvents(t *testing.T, ctx context.Context, k *host.Kernel) func() uint64 {
	t.Helper()
	conn, err := k.Server.ListenPacket(ctx, "udp", "10.77.0.2:9700")
	if err != nil {
		t.Fatal(err)
	}
	s := udpq.NewServer(nil)
	serving, stop := context.WithCancel(context.Background())
	served := make(chan error, 1) // the one end of Serve
	go func() { served <- s.Serve(serving, conn) }()
	c, err := udpq.Dial(ctx, "10.77.0.2:9700", &udpq.ClientConfig{
		Dial: k.Client.Dial, Reliability: udpq.ReliabilityAck, PackBudget: framing.DefaultDatagram, CloseTimeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, 1000)
	emitted := make(chan error, 1) // why the emitter has ended
	go func() {
		for ctx.Err() == nil {
			if _, err := c.Emit("news", payload); err != nil {
				emitted <- err
				return
			}
		}
		emitted <- nil
	}()
	t.Cleanup(func() {
		if err := <-emitted; err != nil {
			t.Errorf("Emit() = %v", err)
		}
		c.Close() // leaves what waits
		stop()
		if err := <-served; err != nil {
			t.Errorf("Serve() = %v", err)
		}
	})
	return func() uint64 { return s.Stats().Received * uint64(len(payload)) }
}

// shareTCP writes as much as TCP takes, and returns what says how many bytes
// of it have been received.
func shareTCP(t *testing.T, ctx context.Context, k *host.Kernel) func() uint64 {
	t.Helper()
	l, err := k.Server.Listen(ctx, "tcp", "10.77.0.2:9701")
	if err != nil {
		t.Fatal(err)
	}
	c, err := k.Client.Dial(ctx, "tcp", "10.77.0.2:9701")
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	count := new(counting)
	ends := make(chan struct{}, 2)
	go func() {
		io.Copy(count, server) // until it is closed
		ends <- struct{}{}
	}()
	go func() {
		for b := make([]byte, 16<<10); ; {
			if _, err := c.Write(b); err != nil {
				ends <- struct{}{}
				return // until it is closed
			}
		}
	}()
	t.Cleanup(func() {
		for _, closing := range []io.Closer{c, server, l} {
			closing.Close()
		}
		<-ends
		<-ends
	})
	return count.n.Load
}

// counting counts what is written to it.
type counting struct{ n atomic.Uint64 }

func (c *counting) Write(b []byte) (int, error) {
	c.n.Add(uint64(len(b)))
	return len(b), nil
}
