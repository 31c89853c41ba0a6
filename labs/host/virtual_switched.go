package host

import (
	"errors"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/labs/wire"
)

// VirtualSwitched is a lab of one virtual server and any number of virtual
// client hosts on a switch, on virtual time. Its links are those of
// [Switched]: link 0 is the server's, link i the i-th client's, from 1. Like
// [Virtual] it has the process to itself.
type VirtualSwitched struct {
	Server  *VirtualHost
	Clients []*VirtualHost
	virtualHosts
	sw *wire.VirtualSwitch
}

// NewVirtualSwitched makes the hosts, named as those of [NewSwitched], and
// the switch, whose links pass everything until they are told otherwise, and
// begins to drive their time.
func NewVirtualSwitched(c *VirtualConfig, clients int) (*VirtualSwitched, error) {
	if err := checkClients(clients); err != nil {
		return nil, err
	}
	v := &VirtualSwitched{Server: newVirtualHost(serverName, serverNumber)}
	for i := range clients {
		v.Clients = append(v.Clients, newVirtualHost(clientName(i), clientNumber(i)))
	}
	v.all = append([]*VirtualHost{v.Server}, v.Clients...)
	now, err := v.create(c)
	if err != nil {
		return nil, err
	}
	v.join(c, now)
	v.begin(c, now)
	return v, nil
}

// join puts every host on the switch, with a tap at each.
func (v *VirtualSwitched) join(c *VirtualConfig, now *clock.Virtual) {
	w := &wire.VirtualSwitchConfig{Seed: c.Seed, Identify: framing.Identify, VirtualTime: virtualTime(now)}
	for i, h := range v.all {
		w.Links = append(w.Links, wire.VirtualLink{Hardware: [6]byte([]byte(h.hardware)), Deliver: func(frame []byte) {
			c.Tap(i, now.Now(), false, frame)
			h.cable.deliver(frame)
		}})
		h.cable.out = func(frame []byte) {
			c.Tap(i, now.Now(), true, frame)
			v.sw.Send(i, frame)
		}
	}
	v.sw = wire.NewVirtualSwitch(w)
}

// Set changes one link, as [wire.Switch.Set] does.
func (v *VirtualSwitched) Set(link int, seed uint64, up, down wire.Impairment) error {
	var refused error
	err := v.time.do(func() { refused = v.sw.Set(link, seed, up, down) })
	return errors.Join(err, refused)
}

// Stats returns the counters of every link.
func (v *VirtualSwitched) Stats() ([]wire.LinkStats, error) {
	var s []wire.LinkStats
	err := v.time.do(func() { s = v.sw.Stats() })
	return s, err
}

// Stop ends the switch and returns the ledgers of every link, with the last
// counters.
func (v *VirtualSwitched) Stop() ([]wire.LinkRows, []wire.LinkStats, error) {
	var rows []wire.LinkRows
	var s []wire.LinkStats
	err := v.time.do(func() { s, rows = v.sw.Stats(), v.sw.Stop() })
	return rows, s, err
}
