package testbed

import (
	"fmt"
	"slices"
	"strings"

	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// MaxClients bounds the client hosts of a testbed.
const MaxClients = 16

// Setting is what one link does to packets.
type Setting struct {
	Seed uint64          `json:"seed"`
	Up   wire.Impairment `json:"up"`   // from the link's host; of a wire, to the server
	Down wire.Impairment `json:"down"` // to the link's host; of a wire, to the client
}

// Links names the links of a testbed with so many clients. Two hosts have one
// wire, which is called client. More are on a switch, each by a link that has
// its name, the server at the end.
func Links(clients int) []string {
	if clients == 1 {
		return []string{"client"}
	}
	return host.Names(clients)
}

// UpToServer tells which direction of a link leads to the server, if need be
// over the switch: true if it is up, and false for the server's own link.
func UpToServer(link string) bool { return link != "server" }

// ends names what a link's up direction comes from and leads to.
func ends(link string, switched bool) (from, to string) {
	if switched {
		return link, "switch"
	}
	return link, "server"
}

// checkLinks checks that every link is one of names.
func checkLinks(settings map[string]Setting, names []string) error {
	for link := range settings {
		if !slices.Contains(names, link) {
			return fmt.Errorf("no link %q; there are %s", link, strings.Join(names, ", "))
		}
	}
	return nil
}

// directions tells how each link does, up before down.
func directions(names []string, settings map[string]Setting, stats []wire.LinkStats) []Direction {
	var list []Direction
	for i, link := range names {
		from, to := ends(link, len(names) > 1)
		s := settings[link]
		list = append(list,
			direction(link, from, to, s.Seed, &s.Up, &stats[i].Up),
			direction(link, to, from, s.Seed, &s.Down, &stats[i].Down))
	}
	return list
}

func direction(link, from, to string, seed uint64, i *wire.Impairment, s *wire.Stats) Direction {
	return Direction{
		Link: link, From: from, To: to, Seed: seed, Impairment: i.String(),
		Packets: s.Came, Bytes: s.CameBytes, Passed: s.Left, Lost: s.Lost, Duplicated: s.Duplicated, Corrupted: s.Corrupted,
		QueueDrops: s.Overflow, RingDrops: s.RingDrops, Refused: s.Refused, Held: s.Held,
	}
}
