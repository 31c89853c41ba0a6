package host

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TCPInfo asks the kernel how a connection does (TCP_INFO, tcp(7)).
func TCPInfo(conn syscall.Conn) (TCP, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return TCP{}, err
	}
	var info *unix.TCPInfo
	var asked error
	if err := raw.Control(func(fd uintptr) {
		info, asked = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	}); err != nil {
		return TCP{}, err
	}
	if asked != nil {
		return TCP{}, fmt.Errorf("TCP_INFO: %w", asked)
	}
	return TCP{
		State: tcpState(info.State), CongestionWindow: info.Snd_cwnd, SlowStartThreshold: threshold(info.Snd_ssthresh),
		RTT: time.Duration(info.Rtt) * time.Microsecond, RTTVariance: time.Duration(info.Rttvar) * time.Microsecond,
		Unacknowledged: info.Unacked, Lost: info.Lost, Retransmits: info.Total_retrans,
	}, nil
}

// Connections lists the host's TCP sockets that are connected, or about to
// be, with how they do, as the kernel's inet_diag tells it.
func (h *Host) Connections() ([]Connection, error) {
	var connections []Connection
	err := h.Do(func() error {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			sockets, err := netlink.SocketDiagTCPInfo(family)
			if err != nil {
				return fmt.Errorf("host %s: inet_diag: %w", h.Name, err)
			}
			for _, s := range sockets {
				if s.InetDiagMsg.State != tcpListen && s.TCPInfo != nil {
					connections = append(connections, connection(s))
				}
			}
		}
		return nil
	})
	slices.SortFunc(connections, func(a, b Connection) int {
		if c := a.Local.Compare(b.Local); c != 0 {
			return c
		}
		return a.Remote.Compare(b.Remote)
	})
	return connections, err
}

func connection(s *netlink.InetDiagTCPInfoResp) Connection {
	id, i := &s.InetDiagMsg.ID, s.TCPInfo
	c := Connection{
		Local: endpoint(id.Source, id.SourcePort), Remote: endpoint(id.Destination, id.DestinationPort),
		TCP: TCP{
			State: tcpState(s.InetDiagMsg.State), CongestionWindow: i.Snd_cwnd, SlowStartThreshold: threshold(i.Snd_ssthresh),
			RTT: time.Duration(i.Rtt) * time.Microsecond, RTTVariance: time.Duration(i.Rttvar) * time.Microsecond,
			Unacknowledged: i.Unacked, Lost: i.Lost, Retransmits: i.Total_retrans,
		},
	}
	return c
}

func endpoint(ip []byte, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}

const tcpListen = 10
