package labs

import (
	"context"
	"fmt"
	"time"

	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// virtualNetwork is a Network of virtual hosts.
type virtualNetwork struct {
	*host.Virtual
	taps [2]keeper
}

// newVirtualNetwork makes the hosts, the wire and the taps. The context ends
// when the hosts' time cannot go on, with the reason as its cause.
func newVirtualNetwork(ctx context.Context, seed uint64) (context.Context, Network, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	n := &virtualNetwork{}
	v, err := host.NewVirtual(&host.VirtualConfig{
		Seed: seed,
		Fail: cancel,
		Tap: func(side int, now time.Time, outgoing bool, frame []byte) {
			n.taps[side].keep(now, outgoing, frame)
		},
	})
	if err != nil {
		cancel(err)
		return ctx, nil, err
	}
	n.Virtual = v
	return ctx, n, nil
}

func (n *virtualNetwork) Client() Host { return n.Virtual.Client }
func (n *virtualNetwork) Server() Host { return n.Virtual.Server }

func (n *virtualNetwork) Impair(seed uint64, i [2]wire.Impairment) error {
	return n.Virtual.Set(seed, i)
}

func (n *virtualNetwork) Wire() ([2]wire.Stats, error) { return n.Virtual.Stats() }

func (n *virtualNetwork) SetCongestionControl(_ any, name string) error {
	return hasControl(n.Virtual.Client, name)
}

// hasControl refuses a congestion control that a virtual host does not have.
func hasControl(h Host, name string) error {
	own, err := h.CongestionControl()
	if err == nil && name != own {
		err = fmt.Errorf("virtual hosts have no congestion control but %s", own)
	}
	return err
}

func (n *virtualNetwork) Finish() (*Recording, error) {
	rows, stats, err := n.Virtual.Stop()
	if err != nil {
		return nil, err
	}
	r := record(rows, stats)
	for side := range n.taps {
		r.Taps[side].Packets, r.Taps[side].Dropped = n.taps[side].packets, n.taps[side].excess
	}
	return r, nil
}
