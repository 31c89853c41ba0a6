//go:build !linux

package udpq

import "net"

func own(conn net.Conn) net.Conn { return conn }
