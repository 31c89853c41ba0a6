package fec_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"rawlab/framing"
	"rawlab/udpq/badwire"
	"rawlab/udpq/fec"
)

const ms = time.Millisecond

// trial is one way over a bad wire.
type trial struct {
	Seed                              uint64
	Params                            fec.Params
	Datagrams, Frames, Size           int // frames in each, bytes of a payload, at most
	Every                             time.Duration
	Loss, Duplicate, Reorder, Corrupt int // per cent
	Burst                             int // mean length in datagrams of what is lost at a time
	Delay                             time.Duration
	Unordered                         bool
	HeldBytes                         int
}

// world is what a trial runs in: time, and what is to happen.
type world struct {
	trial
	badwire.World
	send      *fec.Sender
	receive   *fec.Decoder
	sent      [][]byte        // the frames of each datagram, by number from 1
	bad       bool            // the wire loses everything at the moment
	hit       map[uint64]bool // numbers that did not arrive as they were
	groups    map[uint64]*loss
	delivered []uint64
	looks     int // which look at the timers counts
}

// loss is what the wire did to a group.
type loss struct {
	members []uint64
	parity  int
}

var start = badwire.Start

// run lets a trial happen.
func (c trial) run() (*world, error) {
	w := &world{
		trial: c, World: badwire.New(c.Seed, 1),
		send: fec.NewSender(c.Params, 0, 0), receive: fec.NewDecoder(c.Params, c.Unordered, 0, c.HeldBytes),
		sent: [][]byte{nil}, hit: make(map[uint64]bool), groups: make(map[uint64]*loss),
	}
	w.Later(0, w.emit)
	return w, w.Run(100 * (c.Datagrams + 100))
}

// emit sends the next datagram, and asks for the one after.
func (w *world) emit() error {
	if len(w.sent) > w.Datagrams {
		return nil
	}
	var frames []byte
	for range 1 + w.Random.IntN(w.Frames) {
		payload := make([]byte, 8+w.Random.IntN(w.Size+1))
		for i := range payload {
			payload[i] = byte(w.Random.Uint32())
		}
		binary.BigEndian.PutUint64(payload, uint64(len(w.sent)))
		var err error
		if frames, err = (&framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Topic: []byte("t"), Payload: payload}).Append(frames); err != nil {
			return err
		}
	}
	w.sent = append(w.sent, frames)
	if !w.send.Room() {
		return fmt.Errorf("no room for datagram %d", len(w.sent)-1)
	}
	w.send.Send(w.Now, frames)
	w.Later(time.Duration(w.Random.Int64N(int64(2*w.Every)+1)), w.emit)
	return w.act()
}

// act sends what may leave, and looks again at Wake.
func (w *world) act() error {
	w.send.OnTimer(w.Now)
	for {
		b, frames, ok := w.send.Next(w.Now)
		if !ok {
			break
		}
		if _, h, found, _ := fec.Split(b); !found || (h.Number > 0) != (len(frames) > 0) {
			return fmt.Errorf("Next() = % x with %d bytes of frames", b, len(frames))
		}
		w.carry(b)
	}
	if err := w.take(w.receive.OnTimer(w.Now)); err != nil {
		return err
	}
	wake := w.send.Wake(w.Now)
	if r := w.receive.Wake(); wake.IsZero() || !r.IsZero() && r.Before(wake) {
		wake = r
	}
	if wake.IsZero() {
		return nil
	}
	w.looks++
	look := w.looks
	w.Later(max(0, wake.Sub(w.Now)), func() error {
		if look != w.looks {
			return nil
		}
		return w.act()
	})
	return nil
}

// carry is the wire.
func (w *world) carry(b []byte) {
	wire := badwire.Wire{Duplicate: w.Duplicate, Reorder: w.Reorder, Corrupt: w.Corrupt, Delay: w.Delay, Late: 20*ms - 1}
	c := w.Carry(b, wire, w.lose, w.arrive)
	w.note(b, c.Arrives > c.Corrupted)
}

// lose says whether the wire loses the next datagram: of the two states of
// Gilbert and Elliott, the bad one loses all.
func (w *world) lose() bool {
	if w.Burst <= 1 {
		return w.Chance(w.Loss)
	}
	if w.bad {
		w.bad = w.Random.IntN(w.Burst) > 0
	} else {
		w.bad = w.Random.Float64()*float64(w.Burst)*float64(100-w.Loss) < float64(w.Loss)
	}
	return w.bad
}

// note remembers what became of a datagram, and of what group it is.
func (w *world) note(b []byte, arrives bool) {
	_, h, _, _ := fec.Split(b)
	if h.Number > 0 {
		w.hit[h.Number] = !arrives
		return
	}
	g := w.groups[h.Parity.First]
	if g == nil {
		g = new(loss)
		for i := range h.Parity.Data {
			g.members = append(g.members, h.Parity.First+uint64(i)*uint64(w.Params.Depth))
		}
		w.groups[h.Parity.First] = g
	}
	if arrives {
		g.parity++
	}
}

// arrive opens a datagram.
func (w *world) arrive(b []byte) error {
	frames, h, found, _ := fec.Split(b)
	if !found {
		return nil
	}
	err := w.take(w.receive.Accept(w.Now, &h, frames))
	if held := w.receive.Held(); held > w.HeldBytes {
		return fmt.Errorf("%d bytes held, want %d at most", held, w.HeldBytes)
	}
	if err != nil {
		return err
	}
	return w.act()
}

// take checks what is delivered: byte for byte what was sent.
func (w *world) take(list [][]byte) error {
	for _, frames := range list {
		number := uint64(0)
		for f, err := range framing.Unpack(frames) {
			if err != nil {
				return err
			}
			number = binary.BigEndian.Uint64(f.Payload)
		}
		if number >= uint64(len(w.sent)) || !slices.Equal(frames, w.sent[number]) {
			return fmt.Errorf("delivered as %d what was never sent", number)
		}
		w.delivered = append(w.delivered, number)
	}
	return nil
}
