package labs_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rawlab/capture"
	"rawlab/capture/account"
	"rawlab/capture/tcpflow"
	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// conversation is one TCP connection between kernel hosts, with a tap at each.
type conversation struct {
	kernel         *host.Kernel
	client, server *net.TCPConn
	before         [2]host.Counters
	rings          [2]*capture.Ring
	taps           [2]account.Tap
	wg             sync.WaitGroup
}

// converse connects over a wire that delays. The server's receive buffer has
// so many bytes; 0: as usual.
func converse(t *testing.T, delay time.Duration, buffer int) *conversation {
	t.Helper()
	if !host.Isolated() {
		t.Skip("no right to private namespaces") // IsolateTests fails where they are required
	}
	k, err := host.NewKernel(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	c := &conversation{kernel: k}
	c.tap(t)
	i := wire.Impairment{Delay: delay}
	if err := k.Wire.Set(1, [2]wire.Impairment{i, i}); err != nil {
		t.Fatal(err)
	}
	for side, h := range []*host.Host{k.Client, k.Server} {
		if c.before[side], err = h.Counters(); err != nil {
			t.Fatal(err)
		}
	}
	l, err := k.Server.Listen(t.Context(), "tcp", "10.77.0.2:9700")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if buffer > 0 {
		if err := host.SetReceiveBuffer(l.(*net.TCPListener), buffer); err != nil {
			t.Fatal(err)
		}
	}
	near, err := k.Client.Dial(t.Context(), "tcp", "10.77.0.2:9700")
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.client, c.server = near.(*net.TCPConn), far.(*net.TCPConn)
	t.Cleanup(func() { near.Close(); far.Close() })
	return c
}

func (c *conversation) tap(t *testing.T) {
	t.Helper()
	for side, h := range []*host.Host{c.kernel.Client, c.kernel.Server} {
		err := h.Do(func() (err error) {
			c.rings[side], err = capture.OpenRing(&capture.RingConfig{Interface: host.Interface})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		c.wg.Go(func() {
			for {
				batch, err := c.rings[side].Read(context.Background())
				for _, p := range batch {
					c.taps[side].Packets = append(c.taps[side].Packets, account.Packet{Time: p.Time, Data: append([]byte{}, p.Data...), Outgoing: p.Outgoing})
				}
				if err != nil {
					return
				}
			}
		})
	}
}

// finish returns the flow as each host's tap saw it, with what the host has
// counted until now.
func (c *conversation) finish(t *testing.T) (flows [2]tcpflow.Flow, counted [2]host.Counters) {
	t.Helper()
	for side := range flows {
		counted[side] = c.count(t, side)
	}
	for _, r := range c.rings {
		r.Stop()
	}
	c.wg.Wait()
	for side, r := range c.rings {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		_, all := analyzed(&c.taps[side])
		if len(all) != 1 {
			t.Fatalf("%d flows at side %d, want 1", len(all), side)
		}
		flows[side] = all[0]
	}
	return flows, counted
}

func (c *conversation) count(t *testing.T, side int) host.Counters {
	t.Helper()
	after, err := []*host.Host{c.kernel.Client, c.kernel.Server}[side].Counters()
	if err != nil {
		t.Fatal(err)
	}
	return after.Minus(c.before[side])
}

// eventually looks again and again until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("a minute has passed, and not yet: %s", what)
		}
	}
}

// acknowledged waits until the client has nothing under way.
func (c *conversation) acknowledged(t *testing.T) {
	t.Helper()
	eventually(t, "everything is acknowledged", func() bool {
		i, err := host.TCPInfo(c.client)
		if err != nil {
			t.Fatal(err)
		}
		return i.Unacknowledged == 0
	})
}

// TestNagleOnKernelHosts writes little by little, with and without
// TCP_NODELAY: with it every write leaves at once, without it those that come
// while one is under way leave together once that is acknowledged (RFC 896).
func TestNagleOnKernelHosts(t *testing.T) {
	t.Parallel()
	for name, noDelay := range map[string]bool{"TCP_NODELAY": true, "Nagle": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const writes, rounds = 5, 6
			flows, counted, held := littleWrites(t, noDelay, writes, rounds)
			for held {
				t.Log("the writes of a round were held up: once more")
				flows, counted, held = littleWrites(t, noDelay, writes, rounds)
			}
			d := flows[account.Client].ToServer
			again := d.Retransmissions() // a busy machine acknowledges late, and the tail is probed
			sent := d.Segments - 1 - again
			t.Logf("%d segments of %d writes, %d again, Nagle waits %+v, off %v", sent, writes*rounds, again, d.Nagle, d.NagleOff)
			if n := counted[account.Client]["Tcp.RetransSegs"]; n != int64(again) {
				t.Errorf("the kernel sent %d segments again, told are %d", n, again)
			}
			if noDelay {
				if !d.NagleOff || d.Nagle.Count != 0 || sent != writes*rounds {
					t.Errorf("%d segments, waits %+v, off %v: want each of %d writes in its own, none waiting", sent, d.Nagle, d.NagleOff, writes*rounds)
				}
				return
			}
			if d.NagleOff || sent != 2*rounds {
				t.Errorf("%d segments, off %v: want in each of %d rounds the first write, and the others together", sent, d.NagleOff, rounds)
			}
			if d.Nagle.Count != rounds || d.Nagle.Longest < 20*time.Millisecond {
				t.Errorf("Nagle waits %+v, want one in each of %d rounds, of a round trip of 20 ms or more", d.Nagle, rounds)
			}
		})
	}
}

// littleWrites writes ten bytes at a time, in rounds that end when all has been
// acknowledged. Where the machine held up a round for half a round trip, an
// acknowledgement may have come between two of its writes.
func littleWrites(t *testing.T, noDelay bool, writes, rounds int) (flows [2]tcpflow.Flow, counted [2]host.Counters, held bool) {
	t.Helper()
	c := converse(t, 10*time.Millisecond, 0)
	if err := c.client.SetNoDelay(noDelay); err != nil {
		t.Fatal(err)
	}
	for range rounds {
		began := time.Now()
		for range writes {
			if _, err := c.client.Write([]byte("ten bytes.")); err != nil {
				t.Fatal(err)
			}
		}
		held = held || time.Since(began) > 10*time.Millisecond
		if _, err := io.ReadFull(c.server, make([]byte, 10*writes)); err != nil {
			t.Fatal(err)
		}
		c.acknowledged(t)
		time.Sleep(5 * time.Millisecond) // who writes as soon as that has come looks as if he had waited for it
	}
	flows, counted = c.finish(t)
	return flows, counted, held
}

// TestDelayedAcksOnKernelHosts has a receiver that hopes for data to send its
// acknowledgements with, and counts those that it sent alone in the end.
func TestDelayedAcksOnKernelHosts(t *testing.T) {
	t.Parallel()
	const rounds = 8
	c := converse(t, 0, 0)
	for range rounds {
		waitWithAcks(t, c.server)
		if _, err := c.client.Write([]byte("a question without an answer")); err != nil {
			t.Fatal(err)
		}
		c.acknowledged(t)
	}
	flows, counted := c.finish(t)
	told, kernel := flows[account.Server].ToServer.DelayedAcks, counted[account.Server]["TcpExt.DelayedACKs"]
	t.Logf("delayed acknowledgements: told %+v, the kernel counts %d", told, kernel)
	if int64(told.Count) != kernel || kernel < rounds/2 {
		t.Errorf("%d delayed acknowledgements are told, the kernel counts %d, of %d segments", told.Count, kernel, rounds)
	}
	if told.Count > 0 && told.Longest < 40*time.Millisecond { // TCP_DELACK_MIN
		t.Errorf("the longest waited %v, where Linux waits for 40 ms at least", told.Longest)
	}
	if n := flows[account.Client].ToServer.DelayedAcks.Count; n != 0 {
		t.Errorf("the sender's tap tells %d delayed acknowledgements, which it cannot know of", n)
	}
}

// waitWithAcks has the kernel delay the next acknowledgements (TCP_QUICKACK,
// tcp(7)), as it does where data goes both ways.
func waitWithAcks(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// TestZeroWindowsOnKernelHosts has a reader that stops: its window closes, the
// sender probes it, and it opens when he reads on.
func TestZeroWindowsOnKernelHosts(t *testing.T) {
	t.Parallel()
	c := converse(t, time.Millisecond, 16<<10)
	const all = 256 << 10
	written := make(chan error, 1) // the one end of writing
	go func() {
		_, err := c.client.Write(make([]byte, all))
		written <- err
	}()
	eventually(t, "the window was probed twice", func() bool {
		return c.count(t, account.Client)["TcpExt.TCPWinProbe"] >= 2
	})
	if _, err := io.ReadFull(c.server, make([]byte, all)); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	c.acknowledged(t)
	flows, counted := c.finish(t)
	d, k := flows[account.Server].ToServer, counted[account.Server]
	t.Logf("told %+v and %d probes; the kernels: to zero %d, from zero %d, wanted zero %d, probes %d", d.ZeroWindows, flows[account.Client].ToServer.Probes,
		k["TcpExt.TCPToZeroWindowAdv"], k["TcpExt.TCPFromZeroWindowAdv"], k["TcpExt.TCPWantZeroWindowAdv"], counted[account.Client]["TcpExt.TCPWinProbe"])
	if d.ZeroWindows.Count == 0 || int64(d.ZeroWindows.Count) != k["TcpExt.TCPToZeroWindowAdv"] || int64(d.ZeroWindows.Count) != k["TcpExt.TCPFromZeroWindowAdv"] {
		t.Errorf("%d zero windows are told, the kernel closed it %d times and opened it %d times", d.ZeroWindows.Count, k["TcpExt.TCPToZeroWindowAdv"], k["TcpExt.TCPFromZeroWindowAdv"])
	}
	if d.LeastWindow != 0 || d.ZeroWindows.Longest < 200*time.Millisecond { // the least time to a probe
		t.Errorf("least window %d, closed for %v at most", d.LeastWindow, d.ZeroWindows.Longest)
	}
	if probes := flows[account.Client].ToServer.Probes; int64(probes) != counted[account.Client]["TcpExt.TCPWinProbe"] {
		t.Errorf("%d probes are told, the sender's kernel counts %d", probes, counted[account.Client]["TcpExt.TCPWinProbe"])
	}
}
