package host

import (
	"context"
	"fmt"
	"net"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Sockets lists the host's TCP sockets in every state, as the kernel's
// inet_diag tells it.
func (h *Host) Sockets() ([]Socket, error) {
	var list []Socket
	err := h.Do(func() error {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			found, err := netlink.SocketDiagTCP(family)
			if err != nil {
				return fmt.Errorf("host %s: inet_diag: %w", h.Name, err)
			}
			for _, s := range found {
				list = append(list, Socket{
					Local: endpoint(s.ID.Source, s.ID.SourcePort), Remote: endpoint(s.ID.Destination, s.ID.DestinationPort), State: tcpState(s.State),
				})
			}
		}
		return nil
	})
	return sorted(list), err
}

// ListenAs is Listen with options.
func (h *Host) ListenAs(ctx context.Context, network, address string, o Listening) (l net.Listener, err error) {
	var c net.ListenConfig
	c.SetMultipathTCP(false)
	c.Control = func(_, _ string, raw syscall.RawConn) error {
		return control(raw, func(fd int) error { return setReuse(fd, o.Reuse) })
	}
	err = h.Do(func() error {
		l, err = c.Listen(ctx, network, address)
		return err
	})
	if err != nil || o.Backlog == 0 {
		return l, err
	}
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err == nil {
		err = control(raw, func(fd int) error { return unix.Listen(fd, o.Backlog) }) // again: it changes the backlog, listen(2)
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("host %s: backlog of %d: %w", h.Name, o.Backlog, err)
	}
	return l, nil
}

func setReuse(fd int, on bool) error {
	value := 0 // package net has set it
	if on {
		value = 1
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, value)
}

// control runs f on a socket's descriptor.
func control(raw syscall.RawConn, f func(fd int) error) error {
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}
