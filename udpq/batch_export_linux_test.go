package udpq

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// Pair is two sockets on loopback: a client's, connected to a server's.
type Pair struct {
	server, client *socket
	serverConn     *net.UDPConn
	clientConn     net.Conn
}

// Lacking skips a test that this machine cannot run, unless
// RAWLAB_REQUIRE_KERNEL says that it must.
func Lacking(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("RAWLAB_REQUIRE_KERNEL") != "" {
		t.Fatal("RAWLAB_REQUIRE_KERNEL is set, but: " + what)
	}
	t.Skip(what)
}

// NewPair returns a pair, which ends with the test.
func NewPair(t *testing.T, address string, offload bool) *Pair {
	t.Helper()
	addr, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	server, err := net.ListenUDP("udp", addr)
	if err != nil {
		Lacking(t, err.Error()) // a machine without IPv6
	}
	t.Cleanup(func() { server.Close() })
	client, err := net.Dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &Pair{newServerSocket(server, offload), newClientSocket(client, offload), server, client}
}

// Cuts reports whether the client's socket sends trains.
func (p *Pair) Cuts() bool { return p.client.kernel.cuts.Load() }

// Refused reports whether the client's socket has given up batches.
func (p *Pair) Refused() bool { return p.client.kernel.refused.Load() }

// SetBuffers sets the receive buffers of both sockets.
func (p *Pair) SetBuffers(t *testing.T, bytes int) {
	if err := errors.Join(p.serverConn.SetReadBuffer(bytes), p.clientConn.(*net.UDPConn).SetReadBuffer(bytes)); err != nil {
		t.Fatal(err)
	}
	late := time.Now().Add(10 * time.Second) // a datagram that does not come shall fail the test
	p.serverConn.SetReadDeadline(late)
	p.clientConn.SetReadDeadline(late)
}

// WithoutReceive has the server's socket made anew by a kernel that refuses
// recvmmsg.
func (p *Pair) WithoutReceive(t *testing.T, errno syscall.Errno) {
	refuse := func(uintptr, []message) (int, syscall.Errno) { return -1, errno }
	if p.server.kernel = newKernelWith(p.serverConn, serverBatch, false, true, refuse, sendmmsg); p.server.kernel != nil {
		t.Error("recvmmsg is refused and still to be used")
	}
}

// RefuseSend has the kernel refuse a call of sendmmsg on the client's socket
// that starts with a message for which refuse returns an error.
func (p *Pair) RefuseSend(refuse func(first []byte, train bool) syscall.Errno) {
	p.client.kernel.sendmmsg = func(fd uintptr, messages []message) (int, syscall.Errno) {
		for i := range messages {
			h := &messages[i].header
			b := make([]byte, h.Iov.Len)
			copy(b, unsafe.Slice(h.Iov.Base, h.Iov.Len))
			if errno := refuse(b, h.Control != nil); errno != 0 {
				if i == 0 {
					return -1, errno
				}
				return sendmmsg(fd, messages[:i])
			}
		}
		return sendmmsg(fd, messages)
	}
}

// Send sends datagrams from the client, and returns those that the system
// took and those that it did not.
func (p *Pair) Send(datagrams []string) (taken, refused string) {
	return sendOn(p.client, &datagram{}, datagrams)
}

// Answer sends datagrams from the server to the client.
func (p *Pair) Answer(datagrams []string) (taken, refused string) {
	to := p.clientConn.LocalAddr().(*net.UDPAddr).AddrPort()
	return sendOn(p.server, &datagram{from: to}, datagrams)
}

func sendOn(s *socket, to *datagram, datagrams []string) (taken, refused string) {
	var b []byte
	var sizes []int
	for _, d := range datagrams {
		b, sizes = append(b, d...), append(sizes, len(d))
	}
	s.sendAll(b, sizes, to, func(b []byte, err error) {
		if err == nil {
			taken += string(b)
		} else {
			refused += string(b)
		}
	})
	return taken, refused
}

// Receive returns the next count datagrams of the server's socket, and the
// calls it took. All must come from the client.
func (p *Pair) Receive(t *testing.T, count int) (datagrams []string, calls int) {
	t.Helper()
	return receiveOn(t, p.server, count, p.clientConn.LocalAddr().String())
}

// ReceiveAnswers is Receive of the client's socket.
func (p *Pair) ReceiveAnswers(t *testing.T, count int) (datagrams []string, calls int) {
	t.Helper()
	return receiveOn(t, p.client, count, "")
}

func receiveOn(t *testing.T, s *socket, count int, from string) (datagrams []string, calls int) {
	t.Helper()
	for ; len(datagrams) < count; calls++ {
		batch, err := s.receive()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range batch {
			if from != "" && net.UDPAddrFromAddrPort(d.from).String() != from {
				t.Fatalf("a datagram from %v, want from %s", d.from, from)
			}
			datagrams = append(datagrams, string(d.b))
		}
	}
	return datagrams, calls
}

// Overflowed returns the drops that the server's socket knows of.
func (p *Pair) Overflowed() uint64 { return p.server.overflowed() }
