package labs

import (
	"context"
	"time"

	"rawlab/capture/account"
	"rawlab/internal/clock"
	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// virtualSwitched is a Network of virtual hosts on a switch.
type virtualSwitched struct {
	hosts   *host.VirtualSwitched
	clients []Host
	taps    []keeper // by link
}

// newVirtualSwitched makes the hosts, the switch and the taps; see
// newVirtualNetwork.
func newVirtualSwitched(ctx context.Context, o *Options) (context.Context, Network, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	n := &virtualSwitched{taps: make([]keeper, o.clients+1)}
	var err error
	n.hosts, err = host.NewVirtualSwitched(&host.VirtualConfig{
		Seed: o.Seed,
		Fail: cancel,
		Tap: func(link int, now time.Time, outgoing bool, frame []byte) {
			n.taps[link].keep(now, outgoing, frame)
		},
	}, o.clients)
	if err != nil {
		cancel(err)
		return ctx, nil, err
	}
	for _, h := range n.hosts.Clients {
		n.clients = append(n.clients, h)
	}
	return ctx, n, nil
}

func (n *virtualSwitched) Clock() clock.Clock                 { return n.hosts.Clock() }
func (n *virtualSwitched) Client() Host                       { return &clientHosts{n.clients[0], n.clients} }
func (n *virtualSwitched) ClientHosts() []Host                { return n.clients }
func (n *virtualSwitched) Server() Host                       { return n.hosts.Server }
func (n *virtualSwitched) Translate([]wire.Translation) error { return errOneWire }
func (n *virtualSwitched) Close() error                       { return n.hosts.Close() }

func (n *virtualSwitched) Impair(seed uint64, i [2]wire.Impairment) error {
	return impairLinks(len(n.clients), seed, i, n.hosts.Set)
}

func (n *virtualSwitched) Wire() ([2]wire.Stats, error) {
	s, err := n.hosts.Stats()
	return linkStats(s), err
}

func (n *virtualSwitched) Memory(conn any) (host.Memory, error) { return n.hosts.Memory(conn) }

func (n *virtualSwitched) SetReceiveBuffer(conn any, bytes int) error {
	return n.hosts.SetReceiveBuffer(conn, bytes)
}

func (n *virtualSwitched) SetCongestionControl(_ any, name string) error {
	return hasControl(n.hosts.Server, name)
}

func (n *virtualSwitched) Finish() (*Recording, error) {
	rows, stats, err := n.hosts.Stop()
	if err != nil {
		return nil, err
	}
	r := recordLinks(rows, stats)
	taps := make([]account.Tap, len(n.taps))
	for i := range n.taps {
		taps[i] = account.Tap{Packets: n.taps[i].packets, Dropped: n.taps[i].excess}
	}
	r.Taps = tapsOf(taps)
	return r, nil
}
