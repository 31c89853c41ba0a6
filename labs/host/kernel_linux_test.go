package host_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"rawlab/labs/host"
	"rawlab/labs/wire"
)

func newKernel(t *testing.T) *host.Kernel {
	t.Helper()
	if !host.Isolated() {
		t.Skip("no right to private namespaces") // IsolateTests fails where they are required
	}
	k, err := host.NewKernel(&host.Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func TestKernelTCPCrossesTheWire(t *testing.T) {
	k := newKernel(t)
	for _, address := range []string{"10.77.0.2:9000", "[fd77::2]:9000"} {
		l, err := k.Server.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		echoed := make(chan error, 1)
		go func() {
			c, err := l.Accept()
			if err == nil {
				_, err = io.Copy(c, c)
				c.Close()
			}
			echoed <- err
		}()
		c, err := k.Client.Dial(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		c.(*net.TCPConn).CloseWrite()
		got, err := io.ReadAll(c)
		if err != nil || string(got) != "hello" {
			t.Errorf("echo over %s = %q, %v", address, got, err)
		}
		if err := <-echoed; err != nil {
			t.Error(err)
		}
		c.Close()
		l.Close()
	}
}

// TestWireLosesWhatItSays sends datagrams one way through loss and delay and
// holds the wire's ledger against what arrived.
func TestWireLosesWhatItSays(t *testing.T) {
	k := newKernel(t)
	server, err := k.Server.ListenPacket(t.Context(), "udp", "10.77.0.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := host.SetReceiveBuffer(server.(*net.UDPConn), 8<<20); err != nil {
		t.Fatal(err)
	}
	const delay = 5 * time.Millisecond
	impaired := wire.Impairment{Loss: 0.1, Delay: delay, Duplicate: 0.05}
	if err := k.Wire.Set(3, [2]wire.Impairment{impaired}); err != nil {
		t.Fatal(err)
	}
	client, err := k.Client.Dial(t.Context(), "udp", "10.77.0.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	const n = 2000
	for range n {
		if _, err := client.Write(make([]byte, 200)); err != nil {
			t.Fatal(err)
		}
	}
	arrived := 0
	for b := make([]byte, 300); ; arrived++ {
		server.SetReadDeadline(time.Now().Add(time.Second))
		if _, _, err := server.ReadFrom(b); err != nil {
			break
		}
	}
	rows, stats, err := k.Wire.Stop()
	if err != nil {
		t.Fatal(err)
	}
	k.Wire = nil
	seen, lost, out := 0, 0, 0
	for _, r := range rows[0] {
		if r.DstPort != 9000 {
			continue
		}
		seen++
		out += int(r.Copies)
		if r.Fate == wire.Lost {
			lost++
		} else if d := time.Duration(r.Out - r.Time); d < delay {
			t.Fatalf("a packet was delayed by %v, want at least %v", d, delay)
		}
	}
	if seen != n || lost == 0 || lost == n || out != arrived {
		t.Errorf("sent %d: wire saw %d, lost %d, sent on %d; %d arrived; stats %+v", n, seen, lost, out, arrived, stats)
	}
}

func TestCounters(t *testing.T) {
	k := newKernel(t)
	before, err := k.Client.Counters()
	if err != nil {
		t.Fatal(err)
	}
	c, err := k.Client.Dial(context.Background(), "udp", "10.77.0.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("nobody home")); err != nil {
		t.Fatal(err)
	}
	// The refusal comes back over the wire and wakes the read.
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Fatal("read succeeded, want connection refused")
	}
	after, err := k.Client.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if d := after.Minus(before); d["Udp.OutDatagrams"] != 1 || d["Icmp.InDestUnreachs"] != 1 {
		t.Errorf("counters moved by %v", d)
	}
}
