package host

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Config says how kernel hosts are made. The zero value, or nil, makes them
// as the machine's defaults are.
type Config struct {
	Seed   uint64            // of the wire
	Forget bool              // the wire keeps counters only and no ledger
	Hosts  map[string]Tuning // by the host's name
}

// Tuning is what one host has of its own.
type Tuning struct {
	MTU               int               // bytes of an IP packet on its link; 0 is MaxMTU
	CongestionControl string            // of its TCP; "" is the machine's default
	Sysctls           map[string]string // below net., such as "net.ipv4.tcp_sack": "0"
}

// The sizes that a link's MTU may have: the least that IPv4 demands (RFC 791,
// section 3.2) and the most that fits the wire's frames. Under 1280 bytes the
// kernel gives a link no IPv6 (RFC 8200, section 5).
const (
	MinMTU = 68
	MaxMTU = 1500
)

func (t *Tuning) mtu() int {
	if t.MTU == 0 {
		return MaxMTU
	}
	return t.MTU
}

// Validate says which value cannot be, as far as that shows before a host is
// made.
func (t *Tuning) Validate() error {
	if m := t.mtu(); m < MinMTU || m > MaxMTU {
		return fmt.Errorf("MTU of %d bytes, must be %d to %d", m, MinMTU, MaxMTU)
	}
	for _, name := range t.sysctls() {
		if _, err := sysctlPath(name); err != nil {
			return err
		}
	}
	return nil
}

// sysctls returns the names in the order in which they are set.
func (t *Tuning) sysctls() []string { return slices.Sorted(maps.Keys(t.Sysctls)) }

// sysctlPath returns the file of a sysctl, below /proc/sys. Only those of the
// network belong to a host.
func sysctlPath(name string) (string, error) {
	parts := strings.Split(name, ".")
	if strings.Contains(name, "/") {
		parts = strings.Split(name, "/") // sysctl(8) takes both; an interface's name may hold a dot
	}
	path := strings.Join(parts, "/")
	if parts[0] != "net" || len(parts) < 2 || slices.Contains(parts, "") || slices.Contains(parts, "..") {
		return "", fmt.Errorf("sysctl %q: a host has only those of its network, such as net.ipv4.tcp_sack", name)
	}
	return path, nil
}
