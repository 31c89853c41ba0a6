package wire

import "time"

// VirtualConfig says what a virtual wire runs on.
type VirtualConfig struct {
	Impairments [2]Impairment // of the two directions
	Seed        uint64
	Identify    Identify
	Deliver     [2]func(frame []byte) // given each frame at the end of a direction; the frame is valid during the call
	VirtualTime
}

// VirtualTime is the clock of what runs on virtual time.
type VirtualTime struct {
	Now   func() time.Time
	After func(d time.Duration, f func()) // runs f once d has passed
}

// Virtual is a wire without interfaces or threads: frames are handed to it
// and leave it on a clock that its caller drives.
type Virtual struct {
	lanes [2]*virtualLane
}

// NewVirtual returns a wire that carries frames at once.
func NewVirtual(c *VirtualConfig) *Virtual {
	v := &Virtual{}
	for i := range v.lanes {
		v.lanes[i] = newVirtualLane(&c.VirtualTime, newDirection(i, c.Seed, c.Impairments[i], c.Identify), c.Deliver[i])
	}
	return v
}

// Send puts a frame on the wire; it stays the caller's. Nothing is delivered
// before Send returns.
func (v *Virtual) Send(direction int, frame []byte) {
	v.lanes[direction].send(frame)
}

// Set does as [Wire.Set].
func (v *Virtual) Set(seed uint64, impairments [2]Impairment) error {
	for i := range impairments {
		if err := impairments[i].Validate(); err != nil {
			return err
		}
	}
	for i, l := range v.lanes {
		l.set(seed, impairments[i])
	}
	return nil
}

// Translate does as [Wire.Translate].
func (v *Virtual) Translate(list []Translation) error {
	if err := validateTranslations(list); err != nil {
		return err
	}
	for _, l := range v.lanes {
		l.mu.Lock()
		l.direction.translations = list
		l.mu.Unlock()
	}
	return nil
}

// Stats returns both directions' counters.
func (v *Virtual) Stats() [2]Stats {
	var s [2]Stats
	for i, l := range v.lanes {
		s[i] = l.stats()
	}
	return s
}

// Stop ends the wire and returns its ledger by direction. What is still
// under way is never delivered and has the fate Held.
func (v *Virtual) Stop() [2][]Row {
	var rows [2][]Row
	for i, l := range v.lanes {
		rows[i] = l.stop()
	}
	return rows
}
