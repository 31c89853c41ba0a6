package queue_test

import (
	"slices"
	"time"

	"rawlab/internal/clock"
)

// manualClock moves when a test says so, and runs what is due on the spot.
type manualClock struct {
	now    time.Time
	timers []*manualTimer // that wait, in the order in which they were set
}

type manualTimer struct {
	clock *manualClock
	due   time.Time
	run   func()
}

func (c *manualClock) Now() time.Time { return c.now }

func (c *manualClock) AfterFunc(d time.Duration, f func()) clock.Timer {
	t := &manualTimer{clock: c, run: f}
	t.Reset(d)
	return t
}

func (c *manualClock) NewTimer(time.Duration) clock.Timer { panic("the queue waits for nothing") }

func (t *manualTimer) C() <-chan time.Time { return nil }

func (t *manualTimer) Stop() bool {
	before := len(t.clock.timers)
	t.clock.timers = slices.DeleteFunc(t.clock.timers, func(x *manualTimer) bool { return x == t })
	return len(t.clock.timers) < before
}

func (t *manualTimer) Reset(d time.Duration) bool {
	waited := t.Stop()
	t.due = t.clock.now.Add(d)
	t.clock.timers = append(t.clock.timers, t)
	return waited
}

// advance moves the clock, stopping at every timer on its way.
func (c *manualClock) advance(d time.Duration) {
	end := c.now.Add(d)
	for {
		var next *manualTimer
		for _, t := range c.timers {
			if !t.due.After(end) && (next == nil || t.due.Before(next.due)) {
				next = t
			}
		}
		if next == nil {
			break
		}
		c.now = next.due
		next.Stop()
		next.run()
	}
	c.now = end
}
