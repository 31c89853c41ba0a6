package tcpq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// ErrNotTLS means that what answers at the address does not speak TLS.
var ErrNotTLS = errors.New("the server does not speak TLS there: use tcp://, or start it with a certificate")

// shake makes a connection a secure one, if the configuration wants that.
// One that fails is closed.
func (c *Client) shake(ctx context.Context, conn net.Conn) (net.Conn, error) {
	if c.config.TLS == nil {
		return conn, nil
	}
	secure := tls.Client(conn, c.config.TLS)
	err := secure.HandshakeContext(ctx)
	if err == nil {
		return secure, nil
	}
	conn.Close()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if _, plain := errors.AsType[tls.RecordHeaderError](err); plain {
		return nil, ErrNotTLS
	}
	return nil, fmt.Errorf("TLS: %w", err)
}
