package host_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// newVirtualSwitched makes virtual hosts on a switch; tap sees every frame.
func newVirtualSwitched(t *testing.T, clients int, tap func(host int, now time.Time, outgoing bool, frame []byte)) *host.VirtualSwitched {
	t.Helper()
	v, err := host.NewVirtualSwitched(&host.VirtualConfig{Seed: 4, Tap: tap, Fail: func(err error) { t.Error(err) }}, clients)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func ignore(int, time.Time, bool, []byte) {}

// numbered is a lab whose clients have each sent numbered datagrams to the
// server over a link with a loss of its own.
type numbered struct {
	rows    []wire.LinkRows
	stats   []wire.LinkStats
	arrived map[netip.Addr][]uint64
}

var lossOfLink = []float64{0, 0, 0.2, 1} // by link; the server's is the first

// sendOverLinks carries it out on hosts of either kind, n datagrams each.
func sendOverLinks(t *testing.T, n int, set func(link int, seed uint64, up, down wire.Impairment) error,
	dial func(client int) (net.Conn, error), server net.PacketConn, now func() time.Time,
) map[netip.Addr][]uint64 {
	t.Helper()
	for link, loss := range lossOfLink {
		if err := set(link, 4, wire.Impairment{Loss: loss, Delay: time.Duration(link) * time.Millisecond}, wire.Impairment{}); err != nil {
			t.Fatal(err)
		}
	}
	for client := range lossOfLink[1:] {
		c, err := dial(client)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if _, err := c.Write(binary.BigEndian.AppendUint64(nil, uint64(i))); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
	}
	arrived := map[netip.Addr][]uint64{}
	for b := make([]byte, 100); ; {
		server.SetReadDeadline(now().Add(500 * time.Millisecond))
		_, from, err := server.ReadFrom(b)
		if err != nil {
			return arrived
		}
		address := from.(*net.UDPAddr).AddrPort().Addr().Unmap()
		arrived[address] = append(arrived[address], binary.BigEndian.Uint64(b))
	}
}

const numberedAddress = "10.77.0.2:9000"

func sendOverVirtualLinks(t *testing.T, n int) *numbered {
	v := newVirtualSwitched(t, 3, ignore)
	server, err := v.Server.ListenPacket(t.Context(), "udp", numberedAddress)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.SetReceiveBuffer(server, 8<<20); err != nil {
		t.Fatal(err)
	}
	dial := func(i int) (net.Conn, error) { return v.Clients[i].Dial(t.Context(), "udp", numberedAddress) }
	r := &numbered{arrived: sendOverLinks(t, n, v.Set, dial, server, v.Clock().Now)}
	if r.rows, r.stats, err = v.Stop(); err != nil {
		t.Fatal(err)
	}
	v.Close()
	return r
}

func TestVirtualSwitchedLinksAreTheirOwn(t *testing.T) {
	const n = 500
	r := sendOverVirtualLinks(t, n)
	for link, address := range []string{"", "10.77.0.1", "10.77.0.11", "10.77.0.12"} {
		if link == 0 {
			continue
		}
		lost := 0
		for _, row := range r.rows[link].Up {
			if row.Fate == wire.Lost {
				lost++
			}
		}
		got := len(r.arrived[netip.MustParseAddr(address)])
		if s := r.stats[link].Up; s.Came != n || int(s.Lost) != lost || got != n-lost {
			t.Errorf("link %d: saw %d, lost %d by the ledger and %d by count; %d arrived", link, s.Came, lost, s.Lost, got)
		}
		if mean := lossOfLink[link] * n; float64(lost) < mean-60 || float64(lost) > mean+60 {
			t.Errorf("link %d lost %d of %d, want about %v", link, lost, n, mean)
		}
	}
	if down := r.stats[0].Down; down.Came != uint64(len(r.arrived[netip.MustParseAddr("10.77.0.1")])+len(r.arrived[netip.MustParseAddr("10.77.0.11")])) {
		t.Errorf("the server's link took %d, not what arrived", down.Came)
	}
}

// TestVirtualSwitchedClientsReachEachOther crosses two links by IPv6, whose
// delays add up to the nanosecond.
func TestVirtualSwitchedClientsReachEachOther(t *testing.T) {
	v := newVirtualSwitched(t, 2, ignore)
	for link := 1; link <= 2; link++ {
		if err := v.Set(link, 1, wire.Impairment{Delay: tick}, wire.Impairment{Delay: 3 * tick}); err != nil {
			t.Fatal(err)
		}
	}
	to, err := v.Clients[1].ListenPacket(t.Context(), "udp", "[fd77::11]:9000")
	if err != nil {
		t.Fatal(err)
	}
	from, err := v.Clients[0].Dial(t.Context(), "udp", "[fd77::11]:9000")
	if err != nil {
		t.Fatal(err)
	}
	began := v.Clock().Now()
	if _, err := from.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	if n, _, err := to.ReadFrom(b); err != nil || string(b[:n]) != "hello" {
		t.Errorf("got %q, %v", b[:n], err)
	}
	if took := v.Clock().Now().Sub(began); took != 4*tick {
		t.Errorf("crossed two links in %v, want %v", took, 4*tick)
	}
	if err := v.Set(3, 1, wire.Impairment{}, wire.Impairment{}); err == nil {
		t.Error("Set of a link that is not there succeeded")
	}
}

// TestVirtualSwitchedRepeatsToTheByte has three clients speak TCP at once
// over bad links, again and again, and compares what all taps saw.
func TestVirtualSwitchedRepeatsToTheByte(t *testing.T) {
	runs := 20
	if testing.Short() {
		runs = 4
	}
	var first [sha256.Size]byte
	for i := range runs {
		order := []int{0, 1, 2} // of starting the clients' goroutines, which must not matter
		if i%2 == 1 {
			slices.Reverse(order)
		}
		got := captureOfThree(t, order)
		if i == 0 {
			first = got
		}
		if got != first {
			t.Fatalf("run %d: the capture is not that of the first", i+1)
		}
	}
}

// captureOfThree returns a digest of all that the taps saw, with its times.
func captureOfThree(t *testing.T, order []int) [sha256.Size]byte {
	t.Helper()
	var mu sync.Mutex // hosts still speak after the switch was stopped
	seen := sha256.New()
	v := newVirtualSwitched(t, 3, func(host int, now time.Time, outgoing bool, frame []byte) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(seen, "%d %d %t %x\n", host, now.UnixNano(), outgoing, frame)
	})
	for link := range 4 {
		i := wire.Impairment{Loss: 0.02 * float64(link), Delay: tick, Jitter: time.Duration(link) * time.Millisecond, Reorder: 0.05}
		if err := v.Set(link, uint64(link), i, i); err != nil {
			t.Fatal(err)
		}
	}
	l, err := v.Server.Listen(t.Context(), "tcp", echoAddress)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for range v.Clients {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			wg.Go(func() {
				io.Copy(c, c)
				c.Close()
			})
		}
		l.Close()
	})
	for _, i := range order {
		wg.Go(func() { echo(t, v.Clients[i], bytes.Repeat([]byte{byte(i)}, 50_000)) })
	}
	wg.Wait()
	if _, _, err := v.Stop(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	digest := [sha256.Size]byte(seen.Sum(nil))
	mu.Unlock()
	v.Close()
	return digest
}

// echo sends bytes and wants them back.
func echo(t *testing.T, from *host.VirtualHost, sent []byte) {
	c, err := from.Dial(t.Context(), "tcp", echoAddress)
	if err != nil {
		t.Error(err)
		return
	}
	go func() {
		c.Write(sent)
		c.(interface{ CloseWrite() error }).CloseWrite()
	}()
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%s: %d bytes came back, %v, want the %d sent", from.Name, len(got), err, len(sent))
	}
	c.Close()
}
