package host

import (
	"cmp"
	"net/netip"
	"slices"
)

// Socket is a TCP socket of a host in whatever state, also one that no
// program has any more, as its stack lists it.
type Socket struct {
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote"` // port 0 of one that listens
	State  string         `json:"state"`  // in the words of RFC 9293
}

// Listening says how a listener is opened.
type Listening struct {
	Backlog int  // connections that may wait to be accepted; 0: the host's own
	Reuse   bool // SO_REUSEADDR
}

// sorted puts sockets in the order of their addresses.
func sorted(s []Socket) []Socket {
	slices.SortFunc(s, func(a, b Socket) int {
		return cmp.Or(a.Local.Compare(b.Local), a.Remote.Compare(b.Remote), cmp.Compare(a.State, b.State))
	})
	return s
}
