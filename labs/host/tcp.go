package host

import (
	"fmt"
	"net/netip"
	"time"
)

// TCP is how one TCP connection does, as its host's stack sees it. Virtual
// hosts do not know of Unacknowledged and Lost, and say 0.
type TCP struct {
	State              string        `json:"state"`          // in the words of RFC 9293
	CongestionWindow   uint32        `json:"cwnd"`           // segments
	SlowStartThreshold uint32        `json:"ssthresh"`       // segments; 0 while it is not in force
	RTT                time.Duration `json:"rtt_ns"`         // smoothed round-trip time
	RTTVariance        time.Duration `json:"rttvar_ns"`      // its mean deviation
	Unacknowledged     uint32        `json:"unacknowledged"` // segments under way
	Lost               uint32        `json:"lost"`           // segments that it takes for lost now
	Retransmits        uint32        `json:"retransmits"`    // segments sent again, from the connection's start
}

// Connection is a TCP connection of a host.
type Connection struct {
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote"`
	TCP
}

// infiniteThreshold and what is above it is a stack's word for "not in force yet".
const infiniteThreshold = 0x7fffffff

func threshold(v uint32) uint32 {
	if v >= infiniteThreshold {
		return 0
	}
	return v
}

// tcpState names a state as RFC 9293, section 3.3.2, does; the numbers are
// those of Linux's tcp_states.h, which gVisor shares.
func tcpState(n uint8) string {
	names := [...]string{"", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
		"CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "SYN-RECEIVED"}
	if int(n) >= len(names) {
		return fmt.Sprintf("state %d", n)
	}
	return names[n]
}
