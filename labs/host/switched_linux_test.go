package host_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// TestSwitchedLinksAreTheirOwn sends from three clients to the server through
// links of different loss, and holds each link's ledger against what arrived.
func TestSwitchedLinksAreTheirOwn(t *testing.T) {
	if !host.Isolated() {
		t.Skip("no right to private namespaces") // IsolateTests fails where they are required
	}
	s, err := host.NewSwitched(&host.Config{Seed: 4}, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	server, err := s.Server.ListenPacket(t.Context(), "udp", ":9000")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := host.SetReceiveBuffer(server.(*net.UDPConn), 8<<20); err != nil {
		t.Fatal(err)
	}
	loss := []float64{0, 0.2, 1}
	for i, share := range loss {
		up := wire.Impairment{Loss: share, Delay: time.Duration(i+1) * time.Millisecond}
		if err := s.Switch.Set(i+1, 4, up, wire.Impairment{}); err != nil {
			t.Fatal(err)
		}
	}
	const n = 500
	for i, c := range s.Clients {
		address := "10.77.0.2:9000"
		if i == 1 {
			address = "[fd77::2]:9000"
		}
		sendNumbered(t, c, address, n)
	}
	arrived := receiveAll(t, server)
	rows, stats, err := s.Switch.Stop()
	s.Switch = nil
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range s.Clients {
		lost, seen := 0, 0
		for _, r := range rows[i+1].Up {
			if r.DstPort != 9000 {
				continue
			}
			seen++
			if r.Fate == wire.Lost {
				lost++
			}
		}
		got := arrived[c.IPv4] + arrived[c.IPv6]
		if seen != n || got != n-lost {
			t.Errorf("%s with %v loss: link saw %d, lost %d; %d arrived; %+v", c.Name, loss[i], seen, lost, got, stats[i+1])
		}
		if low, high := int(n*loss[i])-60, int(n*loss[i])+60; lost < low || lost > high {
			t.Errorf("%s with %v loss lost %d of %d", c.Name, loss[i], lost, n)
		}
	}
}

// TestSwitchedClientsReachEachOther sends from one client to another.
func TestSwitchedClientsReachEachOther(t *testing.T) {
	if !host.Isolated() {
		t.Skip("no right to private namespaces") // IsolateTests fails where they are required
	}
	s, err := host.NewSwitched(nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	to, err := s.Clients[1].ListenPacket(t.Context(), "udp", ":9000")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	const delay = 2 * time.Millisecond
	for link := 1; link <= 2; link++ { // up from the one, down to the other
		if err := s.Switch.Set(link, 1, wire.Impairment{Delay: delay}, wire.Impairment{Delay: delay}); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	sendNumbered(t, s.Clients[0], netip.AddrPortFrom(s.Clients[1].IPv4, 9000).String(), 1)
	to.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, _, err := to.ReadFrom(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 2*delay {
		t.Errorf("crossed two links in %v, want at least %v", took, 2*delay)
	}
}

func sendNumbered(t *testing.T, from *host.Host, address string, n int) {
	t.Helper()
	c, err := from.Dial(t.Context(), "udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range n {
		if _, err := c.Write(binary.BigEndian.AppendUint64(nil, uint64(i))); err != nil {
			t.Fatal(err)
		}
	}
}

// receiveAll counts datagrams by where they came from, until none comes.
func receiveAll(t *testing.T, c net.PacketConn) map[netip.Addr]int {
	t.Helper()
	got := map[netip.Addr]int{}
	for b := make([]byte, 100); ; {
		c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		_, from, err := c.ReadFrom(b)
		if err != nil {
			return got
		}
		got[from.(*net.UDPAddr).AddrPort().Addr().Unmap()]++
	}
}

// TestVirtualSwitchedLosesWhatSwitchedLoses: fates do not depend on the kind
// of hosts.
func TestVirtualSwitchedLosesWhatSwitchedLoses(t *testing.T) {
	if !host.Isolated() {
		t.Skip("no right to private namespaces") // IsolateTests fails where they are required
	}
	const n = 200
	virtual := sendOverVirtualLinks(t, n)
	s, err := host.NewSwitched(&host.Config{Seed: 4}, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	server, err := s.Server.ListenPacket(t.Context(), "udp", numberedAddress)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := host.SetReceiveBuffer(server.(*net.UDPConn), 8<<20); err != nil {
		t.Fatal(err)
	}
	dial := func(i int) (net.Conn, error) { return s.Clients[i].Dial(t.Context(), "udp", numberedAddress) }
	kernel := sendOverLinks(t, n, s.Switch.Set, dial, server, time.Now)
	for _, c := range s.Clients {
		// A kernel may let two packets change places: each CPU has a queue of its own.
		if k, v := slices.Sorted(slices.Values(kernel[c.IPv4])), virtual.arrived[c.IPv4]; !slices.Equal(k, v) {
			t.Errorf("of %s's arrived on kernel hosts %v, on virtual ones %v", c.Name, k, v)
		}
	}
}
