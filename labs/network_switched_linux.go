package labs

import (
	"context"
	"errors"

	"rawlab/capture"
	"rawlab/capture/account"
	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// kernelSwitched is a Network of kernel hosts on a switch.
type kernelSwitched struct {
	kernelSockets
	hosts   *host.Switched
	clients []Host
	taps    []*tap // by link
	doors   []*door
}

// newKernelSwitched makes the hosts, the switch and the taps; see
// newKernelNetwork.
func newKernelSwitched(ctx context.Context, o *Options) (context.Context, Network, error) {
	s, err := host.NewSwitched(&host.Config{Seed: o.Seed, Hosts: o.tuning()}, o.clients)
	if err != nil {
		return ctx, nil, err
	}
	n := &kernelSwitched{hosts: s}
	for _, h := range s.Clients {
		n.clients = append(n.clients, h)
	}
	for link, h := range append([]*host.Host{s.Server}, s.Clients...) {
		blocks := o.ringBlocks()
		if link > 0 {
			blocks = max(leastBlocks, blocks/o.clients)
		}
		t, err := newTap(h, blocks)
		if err != nil {
			return ctx, nil, errors.Join(err, n.Close())
		}
		n.taps = append(n.taps, t)
		d, err := openDoor(h)
		if err != nil {
			return ctx, nil, errors.Join(err, n.Close())
		}
		n.doors = append(n.doors, d)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	s.Switch.OnDeath(cancel)
	return ctx, n, nil
}

// leastBlocks are as many as a tap's ring has, however many hosts share the
// memory of one.
const leastBlocks = capture.DefaultBlocks / 8

func (n *kernelSwitched) Client() Host                       { return &clientHosts{n.clients[0], n.clients} }
func (n *kernelSwitched) ClientHosts() []Host                { return n.clients }
func (n *kernelSwitched) Server() Host                       { return n.hosts.Server }
func (n *kernelSwitched) Translate([]wire.Translation) error { return errOneWire }

func (n *kernelSwitched) Impair(seed uint64, i [2]wire.Impairment) error {
	return impairLinks(len(n.clients), seed, i, n.hosts.Switch.Set)
}

func (n *kernelSwitched) Wire() ([2]wire.Stats, error) {
	s, err := n.hosts.Switch.Stats()
	return linkStats(s), err
}

func (n *kernelSwitched) Finish() (*Recording, error) {
	rows, stats, err := n.hosts.Switch.Stop()
	n.hosts.Switch = nil
	if err != nil {
		return nil, err
	}
	r := recordLinks(rows, stats)
	taps := make([]account.Tap, len(n.taps))
	together := &account.Door{}
	for link, t := range n.taps {
		if taps[link], err = t.finish(); err != nil {
			return nil, err
		}
		door, err := n.doors[link].finish()
		if err != nil {
			return nil, err
		}
		if link == 0 {
			r.Doors[account.Server] = door
			continue
		}
		together.Admissions = append(together.Admissions, door.Admissions...)
		together.Missed += door.Missed
	}
	r.Taps, r.Doors[account.Client] = tapsOf(taps), together
	return r, nil
}

func (n *kernelSwitched) Close() error {
	var errs []error
	for _, t := range n.taps {
		errs = append(errs, t.close())
	}
	for _, d := range n.doors {
		errs = append(errs, d.close())
	}
	return errors.Join(append(errs, n.hosts.Close())...)
}
