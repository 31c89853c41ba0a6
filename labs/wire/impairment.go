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
	Loss      float64       // share lost
	Duplicate float64       // share sent twice
	Corrupt   float64       // share with one bit flipped behind the Ethernet header
	Reorder   float64       // share that skips the delay and so overtakes
	Delay     time.Duration // added to every packet
	Jitter    time.Duration // uniform, up to this much less or more than Delay
	Rate      int64         // bits per second of Ethernet frames; 0 is no limit
	Queue     int           // packets that may wait for the rate; 0 is DefaultQueue
}

// Validate says which value is out of its range.
func (i *Impairment) Validate() error {
	shares := []struct {
		name  string
		value float64
	}{{"loss", i.Loss}, {"duplicate", i.Duplicate}, {"corrupt", i.Corrupt}, {"reorder", i.Reorder}}
	for _, s := range shares {
		if !(s.value >= 0 && s.value <= 1) {
			return fmt.Errorf("wire: %s of %v%%, must be 0%% to 100%%", s.name, s.value*100)
		}
	}
	switch {
	case i.Delay < 0 || i.Delay > time.Minute:
		return fmt.Errorf("wire: delay of %v, must be 0 to 1m", i.Delay)
	case i.Jitter < 0 || i.Jitter > i.Delay:
		return fmt.Errorf("wire: jitter of %v, must be 0 to the delay of %v: no packet arrives before it was sent", i.Jitter, i.Delay)
	case i.Reorder > 0 && i.Delay == 0:
		return fmt.Errorf("wire: reorder needs a delay: a packet overtakes by skipping it")
	case i.Rate < 0 || i.Rate > 0 && i.Rate < 1000:
		return fmt.Errorf("wire: rate of %d bit/s, must be 0 (no limit) or at least 1000", i.Rate)
	case i.Queue < 0 || i.Queue > maxHeld:
		return fmt.Errorf("wire: queue of %d packets, must be 0 to %d", i.Queue, maxHeld)
	}
	return nil
}
