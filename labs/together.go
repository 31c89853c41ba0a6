package labs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// together is plans being carried out at the same time over one network. No
// two of them have the same protocol, which tells their packets apart.
type together struct {
	options   *Options
	network   Network
	transfers []*transfer
}

// carryOut makes a network, carries plans out over it, all at once, and
// settles the account of each.
func carryOut(ctx context.Context, o *Options, plans []*plan) ([]*report.Evidence, *Recording, error) {
	defer spare(o)()
	ctx, n, err := newNetwork(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	g := &together{options: o, network: n}
	for _, p := range plans {
		t := cmp.Or(p.traffic, o)
		x := &transfer{plan: p, options: t, network: n, clock: n.Clock(), trace: newServerTrace(t.Events)}
		x.trace.several = p.clientele != nil
		x.hosts = [2]Host{x.host(account.Client, n.Client()), x.host(account.Server, n.Server())}
		g.transfers = append(g.transfers, x)
	}
	recording, err := g.run(ctx)
	if closing := n.Close(); err == nil {
		err = closing // after a failure it says the same once more
	}
	if err := cutAs(ctx, err); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", g.title(), err)
	}
	var evidence []*report.Evidence
	for _, x := range g.transfers {
		if len(g.transfers) > 1 {
			x.input.Taps = own(x.input.Taps, x.transport.protocol)
		}
		evidence = append(evidence, x.settleAccount())
	}
	return evidence, recording, nil
}

// run carries out the plans. The path is itself from the start; only what
// loses, doubles, changes or overtakes packets waits until the clients have
// connected, and ends before they part.
func (g *together) run(ctx context.Context) (*Recording, error) {
	if err := g.impair(g.options.path()); err != nil {
		return nil, err
	}
	looks := make([]*sampler, len(g.transfers))
	for i, x := range g.transfers {
		defer x.abandon()
		defer context.AfterFunc(ctx, x.sockets.cutAll)()
		looks[i] = x.sample(ctx)
		defer looks[i].stop()
		if err := x.connect(ctx); err != nil {
			return nil, err
		}
	}
	if err := g.impair(g.options.impairments()); err != nil {
		return nil, err
	}
	stopped := false
	if err := g.scripts(ctx); errors.Is(err, errStopped) {
		stopped = true
		if err := g.settleStopped(ctx); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	if err := g.impair(g.options.path()); err != nil {
		return nil, err
	}
	for i, x := range g.transfers {
		if err := errors.Join(looks[i].stop(), x.rest(ctx), x.disconnect()); err != nil {
			return nil, err
		}
	}
	first := g.transfers[0]
	if err := first.drainWire(ctx); err != nil {
		return nil, err
	}
	for _, x := range g.transfers {
		x.input.End = first.input.End
		if err := x.count(); err != nil {
			return nil, err
		}
	}
	recording, err := g.collect(looks)
	if err == nil {
		recording.stopped = stopped
	}
	return recording, err
}

// scripts runs all of them at once.
func (g *together) scripts(ctx context.Context) error {
	if len(g.transfers) == 1 {
		return g.transfers[0].script(ctx, g.transfers[0])
	}
	errs := make([]error, len(g.transfers))
	var wg sync.WaitGroup
	for i, x := range g.transfers {
		wg.Go(func() { errs[i] = x.script(ctx, x) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// title names the plans.
func (g *together) title() string {
	var titles []string
	for _, x := range g.transfers {
		titles = append(titles, x.title())
	}
	return strings.Join(titles, " and ")
}

func (g *together) impair(i [2]wire.Impairment) error { return g.network.Impair(g.options.Seed, i) }

// collect gathers what all witnesses saw.
func (g *together) collect(looks []*sampler) (*Recording, error) {
	r, err := g.network.Finish()
	if err != nil {
		return nil, err
	}
	if r.CongestionControl, err = g.network.Client().CongestionControl(); err != nil {
		return nil, err
	}
	r.Counted = g.transfers[0].counted
	for i, x := range g.transfers {
		x.collect(r)
		if x.transport.stream {
			r.TCPInfo, r.TCPInfoExcess = looks[i].samples, looks[i].excess
		}
	}
	return r, nil
}

// own keeps the packets of a protocol, and those of neither TCP nor UDP.
func own(taps [2]account.Tap, protocol dissect.Protocol) [2]account.Tap {
	parser := dissect.NewParser(dissect.LinkEthernet)
	for side := range taps {
		var kept []account.Packet
		for _, p := range taps[side].Packets {
			if h, err := parser.Parse(p.Data); err != nil || h.Protocol == protocol || h.Protocol != dissect.TCP && h.Protocol != dissect.UDP {
				kept = append(kept, p)
			}
		}
		taps[side].Packets = kept
	}
	return taps
}
