package host

import (
	"net/netip"
	"time"
)

// TCP is how one TCP connection does, as its host's kernel sees it.
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
