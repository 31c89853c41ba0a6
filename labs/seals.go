package labs

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"

	"rawlab/capture/account"
	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq/dtls"
)

// seals know what was enciphered into which datagram of DTLS: a lab's ends
// tell, so that its account can be as exact as of plain UDP. On the wire
// nobody does.
type seals struct {
	mu      sync.Mutex
	clear   map[string][]byte // by the datagram
	strange []string          // datagrams that were of no association to the server
	socket  *dtls.Socket      // the server's
}

func newSeals() *seals { return &seals{clear: map[string][]byte{}} }

// opened returns what was enciphered, by the datagram's bytes.
func (s *seals) opened() map[string][]byte {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clear
}

// refuse notes a datagram of no association, and tells the trace of the events
// in it.
func (s *seals) refuse(datagram []byte, trace func(queue.TraceEvent)) {
	s.mu.Lock()
	s.strange = append(s.strange, string(datagram))
	clear := s.clear[string(datagram)]
	s.mu.Unlock()
	for _, id := range emitted(clear) {
		trace(queue.TraceEvent{Stage: queue.Dropped, Fate: queue.FateUnauthorized, Origin: id.Origin, Sequence: id.Sequence})
	}
}

// strangers counts the datagrams of no association, and those with events
// among them.
func (s *seals) strangers() (all, events int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.strange {
		if len(emitted(s.clear[d])) > 0 {
			events++
		}
	}
	return len(s.strange), events
}

// emitted lists the events that a client's datagram carries.
func emitted(datagram []byte) (ids []eventID) {
	for f, err := range framing.Unpack(datagram) {
		if err == nil && f.Kind == framing.KindEmit {
			ids = append(ids, account.ID{Origin: f.Origin, Sequence: f.Sequence})
		}
	}
	return ids
}

// seal joins what one end has enciphered with the record that leaves.
type seal struct {
	seals   *seals
	writing sync.Mutex // one at a time
	mu      sync.Mutex
	plain   []byte // being written; nil: nothing
}

// through has write encipher b.
func (s *seal) through(b []byte, write func() (int, error)) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.set(b)
	defer s.set(nil)
	return write()
}

func (s *seal) set(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plain = b
}

// note is given each datagram that leaves: the record around what is being
// written, or one of a handshake, or an alert.
func (s *seal) note(datagram []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plain == nil || len(datagram) <= len(s.plain) || datagram[0] != applicationData && datagram[0] != withID {
		return
	}
	s.seals.mu.Lock()
	defer s.seals.mu.Unlock()
	s.seals.clear[string(datagram)] = append([]byte{}, s.plain...)
	s.plain = nil
}

// dialing opens a socket.
type dialing = func(ctx context.Context, network, addr string) (net.Conn, error)

// dial wraps a client's way of dialing: above DTLS and below it.
func (s *seals) dial(c dtls.ClientConfig) dialing {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		one := &seal{seals: s}
		below := c
		below.Open = func(ctx context.Context, network, addr string) (net.Conn, error) {
			raw, err := c.Open(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &sealedConn{raw, one}, nil
		}
		conn, err := below.Dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &sealingConn{conn, one}, nil
	}
}

// sealingConn is what a client of udpq writes to.
type sealingConn struct {
	net.Conn
	seal *seal
}

func (c *sealingConn) Write(b []byte) (int, error) {
	return c.seal.through(b, func() (int, error) { return c.Conn.Write(b) })
}

// sealedConn is what its records leave by.
type sealedConn struct {
	net.Conn
	seal *seal
}

func (c *sealedConn) Write(b []byte) (int, error) {
	c.seal.note(b)
	return c.Conn.Write(b)
}

// listen wraps a server's socket: above DTLS and below it.
func (s *seals) listen(conn net.PacketConn, c *dtls.Config) (net.PacketConn, error) {
	one := &seal{seals: s}
	socket, err := dtls.Listen(&sealedSocket{conn, one}, c)
	if err != nil {
		return nil, err
	}
	s.socket = socket
	return &sealingSocket{socket, one}, nil
}

// sealingSocket is what a udpq server writes to.
type sealingSocket struct {
	*dtls.Socket
	seal *seal
}

func (c *sealingSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	return c.seal.through(b, func() (int, error) { return c.Socket.WriteTo(b, to) })
}

// sealedSocket is what its records leave by.
type sealedSocket struct {
	net.PacketConn
	seal *seal
}

func (c *sealedSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	c.seal.note(b)
	return c.PacketConn.WriteTo(b, to)
}

// SyscallConn returns the kernel's socket.
func (c *sealedSocket) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.PacketConn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
