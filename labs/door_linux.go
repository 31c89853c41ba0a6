package labs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/labs/host"
)

// door watches what a host's stack lets in. A raw socket gets a copy of every
// UDP datagram where the kernel has decided to deliver it: behind the
// firewall's input hook, after reassembly, before the checksum is looked at
// and a socket looked for (Linux, ip_local_deliver_finish).
type door struct {
	sockets []*doorSocket // one for each version of IP
}

// doorSocket is one raw socket, bound to an address of the host.
type doorSocket struct {
	conn  *net.IPConn
	local netip.Addr
	wg    sync.WaitGroup
	seen  []account.Admission
	extra uint64 // beyond maxAdmissions
	err   error
}

// maxAdmissions bounds what one socket of a door notes (32 bytes each).
const maxAdmissions = 1 << 23

func openDoor(h *host.Host) (*door, error) {
	d := &door{}
	for network, local := range map[string]netip.Addr{"ip4:17": h.IPv4, "ip6:17": h.IPv6} {
		s, err := openDoorSocket(h, network, local)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("door of host %s: %w", h.Name, err), d.close())
		}
		if s != nil {
			d.sockets = append(d.sockets, s)
		}
	}
	return d, nil
}

// openDoorSocket returns nil where the kernel has no IPv6.
func openDoorSocket(h *host.Host, network string, local netip.Addr) (*doorSocket, error) {
	conn, err := h.ListenPacket(context.Background(), network, local.String())
	if local.Is6() && (errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &doorSocket{conn: conn.(*net.IPConn), local: local}
	if err := host.SetReceiveBuffer(s.conn, largeBuffer); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s.wg.Go(s.run)
	return s, nil
}

func (s *doorSocket) run() {
	b := make([]byte, 1<<16)
	for {
		n, from, err := s.conn.ReadFromIP(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			s.err = s.drain(b)
			return
		}
		if err != nil {
			s.err = err
			return
		}
		addr, _ := netip.AddrFromSlice(from.IP)
		s.note(addr.Unmap(), b[:n])
	}
}

// drain takes what is in the socket and does not wait.
func (s *doorSocket) drain(b []byte) error {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for {
			n, from, err := unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
			if err != nil {
				if !errors.Is(err, unix.EAGAIN) {
					failed = err
				}
				return
			}
			switch a := from.(type) {
			case *unix.SockaddrInet4:
				s.note(netip.AddrFrom4(a.Addr), withoutIPv4(b[:n]))
			case *unix.SockaddrInet6:
				s.note(netip.AddrFrom16(a.Addr), b[:n])
			}
		}
	})
	return errors.Join(err, failed)
}

// withoutIPv4 takes off the header that a raw socket of IPv4 gives too
// (raw(7)).
func withoutIPv4(packet []byte) []byte {
	if len(packet) < 20 {
		return nil
	}
	return packet[min(len(packet), int(packet[0]&15)*4):]
}

// note notes a datagram of the lab's server or for it.
func (s *doorSocket) note(from netip.Addr, datagram []byte) {
	if len(datagram) < 8 || binary.BigEndian.Uint16(datagram) != serverPort && binary.BigEndian.Uint16(datagram[2:]) != serverPort {
		return
	}
	if len(s.seen) == maxAdmissions {
		s.extra++
		return
	}
	s.seen = append(s.seen, account.Admit(datagram, dissect.VerifyUDP(from, s.local, datagram)))
}

// finish ends the watch and returns all that had come.
func (d *door) finish() (*account.Door, error) {
	all := &account.Door{}
	var errs []error
	for _, s := range d.sockets {
		errs = append(errs, s.conn.SetReadDeadline(time.Unix(1, 0)))
		s.wg.Wait()
		m, err := host.ReceiveMemory(s.conn)
		errs = append(errs, s.err, err)
		all.Admissions = append(all.Admissions, s.seen...)
		all.Missed += uint64(m.Drops) + s.extra
	}
	return all, errors.Join(errs...)
}

func (d *door) close() error {
	var errs []error
	for _, s := range d.sockets {
		errs = append(errs, s.conn.Close())
		s.wg.Wait()
	}
	return errors.Join(errs...)
}
