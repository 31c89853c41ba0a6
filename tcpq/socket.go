package tcpq

import (
	"net"

	"rawlab/framing"
)

// socket is a connection as the hot path wants it: one that can write without
// waiting and read without holding a buffer meanwhile. Not every connection
// can; then direct is nil.
type socket struct {
	net.Conn
	direct *direct
}

func newSocket(c net.Conn) socket { return socket{c, newDirect(c)} }

// reader returns a reader of the connection's frames.
func (s *socket) reader(limit int) *framing.Reader {
	if s.direct != nil {
		return framing.NewReader(s.direct, limit)
	}
	return framing.NewReader(s.Conn, limit)
}

// tryWrite returns the way to write without waiting, nil if there is none.
func (s *socket) tryWrite() func([]byte) (int, error) {
	if s.direct == nil {
		return nil
	}
	return s.direct.TryWrite
}
