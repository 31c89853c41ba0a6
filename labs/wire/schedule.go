package wire

import (
	"fmt"
	"time"
)

// Phase is what holds for a while.
type Phase struct {
	For        time.Duration
	Impairment Impairment // without schedule and rules of its own
}

// Schedule is a row of phases, over and over, or once and then the
// impairment that it belongs to. It begins when the impairment is set, as far
// as who sets it says so, otherwise with the first packet that meets it.
type Schedule struct {
	Phases []Phase
	Once   bool
}

// at returns what holds at a time since the beginning; nil when it is over,
// or empty.
func (s *Schedule) at(since time.Duration) *Impairment {
	var whole time.Duration
	for i := range s.Phases {
		whole += s.Phases[i].For
	}
	if whole == 0 || s.Once && since >= whole {
		return nil
	}
	since %= whole
	for i := range s.Phases {
		if since < s.Phases[i].For {
			return &s.Phases[i].Impairment
		}
		since -= s.Phases[i].For
	}
	return nil
}

// maxPhases bounds a schedule; each packet looks through it.
const maxPhases = 1000

func (s *Schedule) validate() error {
	if len(s.Phases) > maxPhases {
		return fmt.Errorf("wire: schedule of %d phases, must be at most %d", len(s.Phases), maxPhases)
	}
	for n := range s.Phases {
		p := &s.Phases[n]
		if p.For <= 0 || p.For > 24*time.Hour {
			return fmt.Errorf("wire: phase of %v, must be over 0 and at most 24h", p.For)
		}
		if err := p.Impairment.validatePlain("phase"); err != nil {
			return fmt.Errorf("%w, in phase %d of the schedule", err, n+1)
		}
	}
	return nil
}

// validatePlain holds an impairment that is part of another to its own limits.
func (i *Impairment) validatePlain(part string) error {
	if len(i.Schedule.Phases) > 0 || len(i.Rules) > 0 {
		return fmt.Errorf("wire: a %s cannot have a schedule or rules of its own", part)
	}
	return i.Validate()
}
