package host

import (
	"errors"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/labs/wire"
)

// Virtual is a lab of two virtual hosts, client and server, with a wire
// between them, on virtual time. Direction 0 of the wire leads from the
// client to the server. It has the process to itself: the next one waits
// until it is closed, and no other goroutine may be busy meanwhile.
type Virtual struct {
	Client, Server *VirtualHost
	virtualHosts
	wire *wire.Virtual
}

// NewVirtual makes the hosts and the wire, which passes everything until it
// is told otherwise, and begins to drive their time.
func NewVirtual(c *VirtualConfig) (*Virtual, error) {
	v := &Virtual{Client: newVirtualHost(clientName(0), clientNumber(0)), Server: newVirtualHost(serverName, serverNumber)}
	v.all = []*VirtualHost{v.Client, v.Server}
	now, err := v.create(c)
	if err != nil {
		return nil, err
	}
	v.join(c, now)
	v.begin(c, now)
	return v, nil
}

// join lays the wire between two hosts, with a tap at each.
func (v *Virtual) join(c *VirtualConfig, now *clock.Virtual) {
	w := &wire.VirtualConfig{
		Seed: c.Seed, Identify: framing.Identify, VirtualTime: virtualTime(now),
	}
	for i, h := range v.all {
		w.Deliver[1-i] = func(frame []byte) {
			c.Tap(i, now.Now(), false, frame)
			h.cable.deliver(frame)
		}
		h.cable.out = func(frame []byte) {
			c.Tap(i, now.Now(), true, frame)
			v.wire.Send(i, frame)
		}
	}
	v.wire = wire.NewVirtual(w)
}

// Set changes the wire, as [wire.Wire.Set] does.
func (v *Virtual) Set(seed uint64, impairments [2]wire.Impairment) error {
	var refused error
	err := v.time.do(func() { refused = v.wire.Set(seed, impairments) })
	return errors.Join(err, refused)
}

// Translate puts a network address translator before the client, as
// [wire.Wire.Translate] does.
func (v *Virtual) Translate(list []wire.Translation) error {
	var refused error
	err := v.time.do(func() { refused = v.wire.Translate(list) })
	return errors.Join(err, refused)
}

// Stats returns the wire's counters, by direction.
func (v *Virtual) Stats() ([2]wire.Stats, error) {
	var s [2]wire.Stats
	err := v.time.do(func() { s = v.wire.Stats() })
	return s, err
}

// Stop ends the wire and returns its ledger by direction, with the last counters.
func (v *Virtual) Stop() ([2][]wire.Row, [2]wire.Stats, error) {
	var rows [2][]wire.Row
	var s [2]wire.Stats
	err := v.time.do(func() { s, rows = v.wire.Stats(), v.wire.Stop() })
	return rows, s, err
}
