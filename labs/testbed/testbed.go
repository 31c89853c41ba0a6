package testbed

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"rawlab/labs/host"
)

// DefaultName is what a testbed is called unless its user says otherwise.
const DefaultName = "net"

// ErrDown says that there is no testbed of that name.
var ErrDown = errors.New("is not up")

// Config says how a testbed is made.
type Config struct {
	Name    string
	Clients int                    // client hosts, 1 to MaxClients
	Links   map[string]Setting     // by the link's name, see [Links]
	Hosts   map[string]host.Tuning // by the host's name
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$`)

// CheckName refuses a name that would not do for a file.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("name %q: want letters, digits, '-', '_' and '.', at most 31", name)
	}
	return nil
}

// Status is how a testbed does. Times are in nanoseconds where the name says so.
type Status struct {
	Name       string       `json:"name"`
	Uptime     float64      `json:"uptime_s"`
	Hosts      []HostStatus `json:"hosts"`
	Directions []Direction  `json:"directions"`
	Programs   []Program    `json:"programs"`
	Capture    *Capture     `json:"capture,omitempty"` // the one that 'up' asked for
}

// HostNames lists the hosts, for people.
func (s *Status) HostNames() string {
	var names []string
	for i := range s.Hosts {
		names = append(names, s.Hosts[i].Name)
	}
	return strings.Join(names, ", ")
}

// HostStatus is one host of a testbed.
type HostStatus struct {
	Name              string            `json:"name"`
	IPv4              netip.Addr        `json:"ipv4"`
	IPv6              netip.Addr        `json:"ipv6"`
	MTU               int               `json:"mtu"`
	CongestionControl string            `json:"congestion_control"`
	Counters          host.Counters     `json:"counters"`
	Connections       []host.Connection `json:"connections,omitempty"` // where they were asked for
}

// Direction is one direction of a link.
type Direction struct {
	Link       string `json:"link"`
	From       string `json:"from"` // a host, or switch
	To         string `json:"to"`
	Seed       uint64 `json:"seed"`
	Impairment string `json:"impairment"` // in the words of [wire.ParseImpairment]
	Packets    uint64 `json:"packets"`    // that came to the link
	Bytes      uint64 `json:"bytes"`      // of Ethernet frames
	Passed     uint64 `json:"passed"`     // that left it, every copy
	Lost       uint64 `json:"lost"`
	Duplicated uint64 `json:"duplicated"`
	Corrupted  uint64 `json:"corrupted"`
	QueueDrops uint64 `json:"queue_drops"` // the queue before the rate was full
	RingDrops  uint64 `json:"ring_drops"`  // the wire was too slow to take them
	Refused    uint64 `json:"refused"`     // the receiving host's interface did not take them
	Held       int    `json:"held"`        // under way now
}

// Program is one that runs on a host because somebody asked for it.
type Program struct {
	PID     int       `json:"pid"` // as the programs of the testbed see it
	Host    string    `json:"host"`
	Command []string  `json:"command"`
	Started time.Time `json:"started"`
}

// Capture is what a capture came to.
type Capture struct {
	File    string `json:"file,omitempty"`
	Packets uint64 `json:"packets"`
	Dropped uint64 `json:"dropped"` // by the kernel, since the capture was too slow
}
