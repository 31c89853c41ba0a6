package ack_test

import (
	"fmt"
	"slices"
	"time"

	"rawlab/framing"
	"rawlab/udpq/ack"
	"rawlab/udpq/badwire"
)

// trial is one conversation over a bad wire: both ends emit.
type trial struct {
	Seed                              uint64
	Events                            int // of each end
	Size                              int // of a payload in bytes
	Loss, Duplicate, Reorder, Corrupt int // per cent
	Delay                             time.Duration
	Unordered                         bool
	DeadAfter                         int // datagrams, then the wire carries nothing more; 0: never
	BufferBytes, HeldBytes, PackBytes int
	Slow                              time.Duration // what the application takes for an event
	Congestion                        ack.Congestion
}

// world is what a trial runs in: time, and what is to happen.
type world struct {
	trial
	badwire.World
	carried int
	ends    [2]*end
}

// end is one of the two.
type end struct {
	w         *world
	peer      *end
	send      *ack.Sender
	receive   *ack.Receiver
	emitted   int
	delivered []uint64
	given     error
	looks     int       // which look at the timers counts
	busy      time.Time // until then the application is at what was delivered
}

var start = badwire.Start

// run lets a trial happen and returns the two ends.
func (c trial) run() ([2]*end, error) {
	w := &world{trial: c, World: badwire.New(c.Seed, 1)}
	for i := range w.ends {
		w.ends[i] = &end{w: w, send: ack.NewSender(ack.SenderConfig{BufferBytes: c.BufferBytes, PackBytes: c.PackBytes, Congestion: c.Congestion}), receive: ack.NewReceiver(c.Unordered, c.HeldBytes)}
	}
	w.ends[0].peer, w.ends[1].peer = w.ends[1], w.ends[0]
	for _, e := range w.ends {
		w.Later(0, e.act)
	}
	return w.ends, w.Run(400 * (c.Events + 100))
}

// act emits what there is room for, sends what may leave, and looks again at Wake.
func (e *end) act() error {
	if err := e.send.OnTimer(e.w.Now); err != nil {
		e.given = err
		return nil
	}
	for e.emitted < e.w.Events && e.send.Room() {
		e.emitted++
		f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Sequence: uint64(e.emitted), Topic: []byte("t"), Payload: make([]byte, e.w.Size)}
		b, err := f.Append(nil)
		if err != nil {
			return err
		}
		e.send.Send(b)
		if most := e.w.BufferBytes + len(b); e.send.Buffered() > most {
			return fmt.Errorf("%d bytes buffered, want %d at most", e.send.Buffered(), most)
		}
	}
	for {
		h, frames, ok := e.send.Next(e.w.Now)
		if !ok {
			break
		}
		e.receive.Piggyback(&h)
		e.carry(h.Append(slices.Clone(frames)))
	}
	if e.receive.AckDue(e.w.Now) {
		h := e.receive.Acknowledge()
		e.carry(h.Append(nil))
	}
	e.look()
	return nil
}

// look asks for the next act at the earlier Wake.
func (e *end) look() {
	wake := e.send.Wake(e.w.Now)
	if r := e.receive.Wake(); wake.IsZero() || !r.IsZero() && r.Before(wake) {
		wake = r
	}
	if wake.IsZero() {
		return
	}
	e.looks++
	look := e.looks
	e.w.Later(max(0, wake.Sub(e.w.Now)), func() error {
		if look != e.looks {
			return nil
		}
		return e.act()
	})
}

// carry is the wire.
func (e *end) carry(b []byte) {
	w := e.w
	w.carried++
	wire := badwire.Wire{Duplicate: w.Duplicate, Reorder: w.Reorder, Corrupt: w.Corrupt, Delay: w.Delay, Late: 4 * w.Delay}
	lost := func() bool { return w.Chance(w.Loss) || w.DeadAfter > 0 && w.carried > w.DeadAfter }
	w.Carry(b, wire, lost, e.peer.arrive)
}

// arrive opens a datagram.
func (e *end) arrive(b []byte) error {
	frames, h, found, _ := ack.Split(b)
	if !found || e.given != nil {
		return nil
	}
	e.send.OnAck(e.w.Now, &h)
	if h.Number > 0 {
		for _, ready := range e.receive.Accept(e.w.Now, &h, frames) {
			for f, err := range framing.Unpack(ready) {
				if err != nil {
					return err
				}
				e.delivered = append(e.delivered, f.Sequence)
			}
			e.finish(len(ready))
		}
	}
	if e.receive.Held() > e.w.HeldBytes {
		return fmt.Errorf("%d bytes held, want %d at most", e.receive.Held(), e.w.HeldBytes)
	}
	return e.act()
}

// finish lets the application be done with what was delivered, some time after
// what came before it.
func (e *end) finish(bytes int) {
	if e.w.Slow == 0 {
		e.receive.Done(bytes)
		return
	}
	if e.busy.Before(e.w.Now) {
		e.busy = e.w.Now
	}
	e.busy = e.busy.Add(e.w.Slow)
	e.w.Later(e.busy.Sub(e.w.Now), func() error {
		e.receive.Done(bytes)
		if e.given != nil {
			return nil
		}
		return e.act()
	})
}
