package host

import (
	"maps"
	"net"
	"slices"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// Connections lists the host's TCP sockets that are connected, or about to
// be, in the order of their making. What it tells of them is what the stack
// has for TCP_INFO.
func (h *VirtualHost) Connections() ([]Connection, error) {
	var connections []Connection
	err := h.time.do(func() {
		for _, id := range slices.Sorted(maps.Keys(h.time.open)) {
			if s := h.time.open[id]; s.host == h && s.network == "tcp" && s.remote != nil {
				connections = append(connections, s.connection())
			}
		}
	})
	return connections, err
}

// connection tells how a TCP socket does. It is called on the loop.
func (s *vsocket) connection() Connection {
	var c Connection
	if a, ok := s.local.(*net.TCPAddr); ok {
		c.Local = a.AddrPort()
	}
	if a, ok := s.remote.(*net.TCPAddr); ok {
		c.Remote = a.AddrPort()
	}
	var info tcpip.TCPInfoOption
	if s.ep.GetSockOpt(&info) == nil {
		c.State = tcpState(uint8(info.State))
		c.CongestionWindow, c.SlowStartThreshold = info.SndCwnd, threshold(info.SndSsthresh)
		c.RTT, c.RTTVariance = info.RTT, info.RTTVar
	}
	if stats, ok := s.ep.Stats().(*tcp.Stats); ok {
		c.Retransmits = uint32(stats.SendErrors.Retransmits.Value())
	}
	return c
}
