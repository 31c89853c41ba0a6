package wire

import (
	"slices"
	"time"
)

// Direction lets tests drive one direction on a clock of their own.
type Direction struct{ d *direction }

func NewDirection(index int, seed uint64, i Impairment, identify Identify) *Direction {
	return &Direction{newDirection(index, seed, i, identify)}
}

func (d *Direction) Set(seed uint64, i Impairment)        { d.d.set(seed, i) }
func (d *Direction) Begin(now int64)                      { d.d.begin(now) }
func (d *Direction) Accept(frame []byte, now int64)       { d.d.accept(frame, now) }
func (d *Direction) Wait(now int64) (time.Duration, bool) { return d.d.wait(now) }
func (d *Direction) Counts() Counts                       { return d.d.counts }
func (d *Direction) Rows() []Row                          { return d.d.ledger.Rows() }

// Departures returns copies of the frames that are due.
func (d *Direction) Departures(now int64) (frames [][]byte) {
	parcels := d.d.departures(now, nil)
	for _, p := range parcels {
		frames = append(frames, slices.Clone(p.frame))
	}
	d.d.recycle(parcels)
	return frames
}
