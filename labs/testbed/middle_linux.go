package testbed

import (
	"slices"

	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// middle is what joins a testbed's hosts, by links: the wire of two, or the
// switch of more.
type middle interface {
	set(link int, s *Setting) error
	stats() ([]wire.LinkStats, error)
	PID() int
	OnDeath(func(error))
}

// network is the hosts and what joins them.
type network struct {
	hosts []*host.Host // the server is the last
	middle
	links []string // their names, by number
	close func() error
}

// newNetwork makes them; without a ledger, since a testbed may stay up long.
func newNetwork(c *Config) (*network, error) {
	config, links := &host.Config{Forget: true, Hosts: c.Hosts}, Links(c.Clients)
	if c.Clients == 1 {
		k, err := host.NewKernel(config)
		if err != nil {
			return nil, err
		}
		return &network{hosts: []*host.Host{k.Client, k.Server}, links: links, middle: wireOfTwo{k.Wire}, close: k.Close}, nil
	}
	s, err := host.NewSwitched(config, c.Clients)
	if err != nil {
		return nil, err
	}
	hosts := append(slices.Clone(s.Clients), s.Server)
	return &network{hosts: hosts, links: links, middle: switchOfMany{s.Switch, len(links)}, close: s.Close}, nil
}

// wireOfTwo has one link, from the client to the server.
type wireOfTwo struct{ *wire.Process }

func (w wireOfTwo) set(_ int, s *Setting) error {
	return w.Set(s.Seed, [2]wire.Impairment{s.Up, s.Down})
}

func (w wireOfTwo) stats() ([]wire.LinkStats, error) {
	s, err := w.Stats()
	return []wire.LinkStats{{Up: s[0], Down: s[1]}}, err
}

// switchOfMany has the server's link first; a testbed names it last.
type switchOfMany struct {
	*wire.SwitchProcess
	links int
}

func (w switchOfMany) set(link int, s *Setting) error {
	return w.Set((link+1)%w.links, s.Seed, s.Up, s.Down)
}

func (w switchOfMany) stats() ([]wire.LinkStats, error) {
	stats, err := w.Stats()
	if err != nil {
		return nil, err
	}
	return append(stats[1:], stats[0]), nil
}
