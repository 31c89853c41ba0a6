package host

import (
	"fmt"
	"net/netip"
)

// MaxClients bounds the client hosts of a switched lab; but for the first's,
// their addresses end in 11 and up.
const MaxClients = 64

// Names names the hosts of a lab with so many clients: client, client2 and so
// on, and server at the end.
func Names(clients int) []string {
	var names []string
	for i := range clients {
		names = append(names, clientName(i))
	}
	return append(names, serverName)
}

const (
	serverName   = "server"
	serverNumber = 2 // in which its addresses end
)

// clientName names the i-th client host, from 0.
func clientName(i int) string {
	if i == 0 {
		return "client"
	}
	return fmt.Sprintf("client%d", i+1)
}

// clientNumber is in what the addresses of the i-th client host end, from 0.
func clientNumber(i int) byte {
	if i == 0 {
		return 1
	}
	return byte(10 + i)
}

// addresses are those of the host with a number below 100; both end in the
// same digits.
func addresses(number byte) (ip4, ip6 netip.Addr) {
	digits := number/10<<4 | number%10
	return netip.AddrFrom4([4]byte{10, 77, 0, number}), netip.AddrFrom16([16]byte{0xfd, 0x77, 15: digits})
}

// checkClients refuses a number of clients that cannot be.
func checkClients(n int) error {
	if n < 1 || n > MaxClients {
		return fmt.Errorf("host: %d client hosts, must be 1 to %d", n, MaxClients)
	}
	return nil
}

// ServerEnv marks a process that package labs started to be a server on a
// host; see labs.RunRole.
const ServerEnv = "RAWLAB_LAB_SERVER"
