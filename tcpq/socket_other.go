//go:build !unix

package tcpq

import (
	"io"
	"net"
)

// direct exists only where a socket is a file descriptor.
type direct struct{ io.Reader }

func newDirect(net.Conn) *direct { return nil }

func (*direct) ReadLate(func() []byte, func()) (int, error) { return 0, io.EOF }

func (*direct) TryWrite([]byte) (int, error) { return 0, nil }
