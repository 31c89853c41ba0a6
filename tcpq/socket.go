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

// reader returns a reader of the frames that a server sends.
func (s *socket) reader(limit int) *framing.Reader {
	if s.direct != nil {
		return framing.NewReader(s.direct, limit)
	}
	return framing.NewReader(s.Conn, limit)
}

// newReader returns a reader of the connection's frames.
func (c *conn) newReader() *framing.Reader {
	if c.net.direct != nil {
		return framing.NewReader(lateInlet{inlet{c}}, c.server.config.FrameLimit)
	}
	return framing.NewReader(inlet{c}, c.server.config.FrameLimit)
}

// tryWrite returns the way to write without waiting, nil if there is none.
func (c *conn) tryWrite() func([]byte) (int, error) {
	direct := c.net.direct
	if direct == nil {
		return nil
	}
	return func(b []byte) (int, error) {
		n, err := direct.TryWrite(b)
		c.server.sent.Add(uint64(n))
		return n, err
	}
}
