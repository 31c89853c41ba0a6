package wire

import (
	"fmt"
	"time"
)

const (
	// DefaultQueue is netem's queue limit in packets; it holds where a rate is set and no queue.
	DefaultQueue = 1000
	// maxHeld bounds the packets under way on one direction, whatever the impairment.
	maxHeld = 1 << 17
)

// Impairment is what one direction of the wire does to packets. The zero
// value passes everything at once. Shares are from 0 to 1.
type Impairment struct {
	Loss         float64       // share lost, each packet on its own
	Burst        Gilbert       // loss in bursts, in place of Loss
	Duplicate    float64       // share sent twice
	Corrupt      float64       // share with one bit flipped
	Layer        Layer         // whose bytes Corrupt is after; none: any behind the Ethernet header
	Reorder      float64       // share that skips the delay and so overtakes
	Gap          int           // packets from one that overtakes to the next that may, at least; 0 and 1: no matter
	Delay        time.Duration // added to every packet
	Jitter       time.Duration // how far the delay spreads around Delay
	Distribution Distribution  // of the jitter
	Rate         int64         // bits per second of Ethernet frames; 0 is no limit
	Queue        int           // packets that may wait for the rate; 0 is DefaultQueue, or no limit with QueueBytes
	QueueBytes   int           // bytes that may wait for the rate; 0 is no limit
	AQM          AQM           // which packets a queue that builds up drops
	Down         bool          // everything is lost

	Schedule Schedule // what holds instead, one after the other
	Rules    []Rule   // what holds instead for some packets, whenever they come; the first that matches
}

// Validate says which value is out of its range.
func (i *Impairment) Validate() error {
	for _, err := range []error{i.validateShares(), i.validateTimes(), i.validateQueue(), i.Schedule.validate()} {
		if err != nil {
			return err
		}
	}
	for n := range i.Rules {
		if err := i.Rules[n].validate(); err != nil {
			return err
		}
	}
	return nil
}

func (i *Impairment) validateShares() error {
	shares := []struct {
		name  string
		value float64
	}{
		{"loss", i.Loss}, {"duplicate", i.Duplicate}, {"corrupt", i.Corrupt}, {"reorder", i.Reorder},
		{"gemodel p", i.Burst.P}, {"gemodel r", i.Burst.R}, {"gemodel 1-h", i.Burst.BadLoss}, {"gemodel 1-k", i.Burst.GoodLoss},
	}
	for _, s := range shares {
		if !(s.value >= 0 && s.value <= 1) {
			return fmt.Errorf("wire: %s of %v%%, must be 0%% to 100%%", s.name, s.value*100)
		}
	}
	if i.Loss > 0 && i.Burst.on() {
		return fmt.Errorf("wire: loss of %v%% and gemodel: one or the other", i.Loss*100)
	}
	return nil
}

func (i *Impairment) validateTimes() error {
	switch {
	case i.Delay < 0 || i.Delay > time.Minute:
		return fmt.Errorf("wire: delay of %v, must be 0 to 1m", i.Delay)
	case i.Jitter < 0 || i.Jitter > time.Minute:
		return fmt.Errorf("wire: jitter of %v, must be 0 to 1m", i.Jitter)
	case i.Distribution >= distributions:
		return fmt.Errorf("wire: distribution %d, there are %d", i.Distribution, distributions)
	case i.Distribution == Uniform && i.Jitter > i.Delay:
		return fmt.Errorf("wire: jitter of %v, must be 0 to the delay of %v: no packet arrives before it was sent", i.Jitter, i.Delay)
	case i.Reorder > 0 && i.Delay == 0:
		return fmt.Errorf("wire: reorder needs a delay: a packet overtakes by skipping it")
	case i.Gap < 0 || i.Gap > maxGap:
		return fmt.Errorf("wire: gap of %d packets, must be 0 to %d", i.Gap, maxGap)
	case i.Gap > 0 && i.Reorder == 0:
		return fmt.Errorf("wire: gap says how far apart packets overtake: it needs a share to reorder")
	case i.Layer >= layers:
		return fmt.Errorf("wire: layer %d, there are %d", i.Layer, layers)
	}
	return nil
}

func (i *Impairment) validateQueue() error {
	switch {
	case i.Rate < 0 || i.Rate > 0 && i.Rate < 1000 || i.Rate > maxRate:
		return fmt.Errorf("wire: rate of %d bit/s, must be 0 (no limit) or 1000 to %d", i.Rate, int64(maxRate))
	case i.Queue < 0 || i.Queue > maxHeld:
		return fmt.Errorf("wire: queue of %d packets, must be 0 to %d", i.Queue, maxHeld)
	case i.QueueBytes < 0 || i.QueueBytes > 1<<30:
		return fmt.Errorf("wire: queue of %d bytes, must be 0 to %d", i.QueueBytes, 1<<30)
	case i.Queue > 0 && i.QueueBytes > 0:
		return fmt.Errorf("wire: queue of %d packets and of %d bytes: one or the other", i.Queue, i.QueueBytes)
	case i.AQM >= aqms:
		return fmt.Errorf("wire: aqm %d, there are %d", i.AQM, aqms)
	}
	return nil
}

// Timed reports whether time decides which packets are lost, besides the
// seed: with a schedule it does. What a full queue drops is a fate apart.
func (i *Impairment) Timed() bool { return len(i.Schedule.Phases) > 0 }

// Path returns what of the impairment belongs to the path itself: delay, rate
// and queue. It never loses, doubles, changes or overtakes a packet, but for
// a queue that overflows.
func (i *Impairment) Path() Impairment {
	p := Impairment{Delay: i.Delay, Rate: i.Rate, Queue: i.Queue, QueueBytes: i.QueueBytes, AQM: i.AQM}
	for _, r := range i.Rules {
		p.Rules = append(p.Rules, Rule{Selector: r.Selector, Impairment: r.Impairment.Path()})
	}
	return p
}

// draws reports whether packets meet different fates under i, apart from
// what rate and queue do.
func (i *Impairment) draws() bool {
	return i.Loss > 0 || i.Burst != (Gilbert{}) || i.Duplicate > 0 || i.Corrupt > 0 || i.Reorder > 0 || i.Gap > 1 ||
		i.Jitter > 0 || i.Down || len(i.Schedule.Phases) > 0 || len(i.Rules) > 0
}
