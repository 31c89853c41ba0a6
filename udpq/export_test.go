package udpq

import "net"

// What tests look into.
var (
	Couple  = couple
	CountIn = countIn
	ProofOf = proofOf
)

// CookieFor returns what an address is asked to show.
func (s *Server) CookieFor(addr net.Addr) uint64 {
	return s.seals.cookie(s.config.Clock.Now(), addrPort(addr))
}

// Uncouple returns the datagrams of a train.
func Uncouple(train string, size int) (datagrams []string) {
	for _, d := range uncouple(nil, datagram{b: []byte(train)}, size) {
		datagrams = append(datagrams, string(d.b))
	}
	return datagrams
}
