package labs

import (
	"errors"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// clientHosts are several, each behind a link of its own to a switch, where
// other runs have one. Together they count and list what one would; to open
// sockets one of them is chosen, see transfer.clientHost.
type clientHosts struct {
	Host // the first
	all  []Host
}

// Counters are the sums of all hosts'.
func (c *clientHosts) Counters() (host.Counters, error) {
	sum := host.Counters{}
	for _, h := range c.all {
		one, err := h.Counters()
		if err != nil {
			return nil, err
		}
		for name, n := range one {
			sum[name] += n
		}
	}
	return sum, nil
}

// Firewall reports whether any host has one.
func (c *clientHosts) Firewall() (bool, error) {
	for _, h := range c.all {
		if has, err := h.Firewall(); has || err != nil {
			return has, err
		}
	}
	return false, nil
}

// Connections are those of all hosts.
func (c *clientHosts) Connections() ([]host.Connection, error) { return ofAll(c.all, Host.Connections) }

// Sockets are those of all hosts.
func (c *clientHosts) Sockets() ([]host.Socket, error) { return ofAll(c.all, Host.Sockets) }

func ofAll[T any](hosts []Host, of func(Host) ([]T, error)) ([]T, error) {
	var list []T
	for _, h := range hosts {
		one, err := of(h)
		if err != nil {
			return nil, err
		}
		list = append(list, one...)
	}
	return list, nil
}

// clientHost is the host of the client with an origin: its own, where the run
// has several.
func (x *transfer) clientHost(origin uint64) Host {
	if n, ok := x.network.(interface{ ClientHosts() []Host }); ok {
		return x.host(account.Client, n.ClientHosts()[origin-1])
	}
	return x.hosts[account.Client]
}

// impairLinks changes the links of all clients; the server's own does nothing
// to anybody.
func impairLinks(clients int, seed uint64, i [2]wire.Impairment, set func(link int, seed uint64, up, down wire.Impairment) error) error {
	for link := 1; link <= clients; link++ {
		if err := set(link, seed, i[account.ToServer], i[account.ToSubscriber]); err != nil {
			return err
		}
	}
	return nil
}

// linkStats adds up what all links count, by direction; the server's link is
// behind the others and sees the same packets again.
func linkStats(links []wire.LinkStats) (sum [2]wire.Stats) {
	for i, l := range links {
		for leg, s := range [2]*wire.Stats{account.ToServer: &l.Up, account.ToSubscriber: &l.Down} {
			to := &sum[leg]
			if i == 0 {
				to = &sum[1-leg] // what comes up the server's link goes down another's
			} else {
				to.Packets += s.Packets
			}
			to.RingDrops += s.RingDrops
			to.Refused += s.Refused
			to.Missing += s.Missing
			to.Held += s.Held
		}
	}
	return sum
}

// recordLinks starts a recording with what the links know: what each client's
// did to its packets.
func recordLinks(rows []wire.LinkRows, stats []wire.LinkStats) *Recording {
	r := &Recording{}
	sums := linkStats(stats)
	var legs [2][][]account.Passage
	for i, l := range rows {
		for leg, list := range [2][]wire.Row{account.ToServer: l.Up, account.ToSubscriber: l.Down} {
			if i == 0 { // the server's: it has to let all pass
				for k := range list {
					if list[k].Fate != wire.Passed {
						sums[1-leg].Missing++
					}
				}
				continue
			}
			w := passages(list)
			for k := range w.Passages {
				w.Passages[k].Link = i
			}
			legs[leg] = append(legs[leg], w.Passages)
			r.Lateness = append(r.Lateness, lateness(list)...)
		}
	}
	for leg := range legs {
		r.Wire[leg] = account.Wire{
			Passages: inOrder(legs[leg], func(p *account.Passage) time.Time { return p.Time }),
			Missed:   sums[leg].RingDrops + sums[leg].Refused + sums[leg].Missing,
		}
	}
	return r
}

// tapsOf puts the taps of the server, which is the first, and of all clients
// side by side.
func tapsOf(hosts []account.Tap) (taps [2]account.Tap) {
	taps[account.Server] = hosts[0]
	var lists [][]account.Packet
	for _, t := range hosts[1:] {
		lists = append(lists, t.Packets)
		taps[account.Client].Dropped += t.Dropped
	}
	taps[account.Client].Packets = inOrder(lists, func(p *account.Packet) time.Time { return p.Time })
	return taps
}

// inOrder merges lists by time; what one has keeps its order.
func inOrder[T any](lists [][]T, at func(*T) time.Time) []T {
	var all []T
	for {
		first := -1
		for i := range lists {
			if len(lists[i]) > 0 && (first < 0 || at(&lists[i][0]).Before(at(&lists[first][0]))) {
				first = i
			}
		}
		if first < 0 {
			return all
		}
		all = append(all, lists[first][0])
		lists[first] = lists[first][1:]
	}
}

var errOneWire = errors.New("labs: hosts on a switch have no translator of addresses")
