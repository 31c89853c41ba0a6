package udpq

import (
	"errors"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// prober sends datagrams that Linux must neither fragment nor refuse for what
// it believes of the path: see IP_MTU_DISCOVER in ip(7) and IPV6_DONTFRAG in
// ipv6(7).
type prober struct {
	raw syscall.RawConn
	mu  sync.Mutex // held while the socket is set for probes
}

// newProber returns nil where that cannot be had.
func newProber(conn syscall.Conn) *prober {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	p := &prober{raw: raw}
	if p.set(true) != nil || p.set(false) != nil {
		return nil
	}
	return p
}

// set makes the socket send probes, or what it usually does.
func (p *prober) set(probing bool) error {
	discover, whole := unix.IP_PMTUDISC_WANT, 0
	if probing {
		discover, whole = unix.IP_PMTUDISC_PROBE, 1
	}
	var option error
	err := p.raw.Control(func(fd uintptr) {
		s := int(fd)
		if domain, _ := unix.GetsockoptInt(s, unix.SOL_SOCKET, unix.SO_DOMAIN); domain == unix.AF_INET6 {
			option = errors.Join(
				unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, discover), // the same numbers
				unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_DONTFRAG, whole),
			)
			unix.SetsockoptInt(s, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, discover) // for IPv4 over it, where it is
			return
		}
		option = unix.SetsockoptInt(s, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, discover)
	})
	return errors.Join(err, option)
}

// send calls write while the socket is set for probes.
func (p *prober) send(write func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.set(true); err != nil {
		return err
	}
	err := write()
	if restored := p.set(false); restored != nil {
		return restored
	}
	if errors.Is(err, unix.EMSGSIZE) {
		return errTooLong
	}
	return err
}

// again calls write once more if the kernel refused a datagram for its size:
// it may have met the socket while that was set for probes.
func (p *prober) again(err error, write func() error) error {
	if err == nil || !errors.Is(err, unix.EMSGSIZE) {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return write()
}
