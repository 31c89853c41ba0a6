// Package clock is time behind one small interface, so that servers,
// clients and labs run on real time or on a lab's virtual time alike.
// Nothing above this package calls time.Now, time.Sleep or time.AfterFunc.
package clock

import "time"

// Clock tells the time and wakes sleepers.
type Clock interface {
	Now() time.Time
	// AfterFunc runs f in its own goroutine once d has passed.
	AfterFunc(d time.Duration, f func()) Timer
	// NewTimer returns a timer whose channel receives once d has passed.
	NewTimer(d time.Duration) Timer
}

// Timer is one wait. It behaves as *time.Timer does.
type Timer interface {
	C() <-chan time.Time // nil for a timer made by AfterFunc
	Stop() bool
	Reset(d time.Duration) bool
}

// Real is the machine's own time.
var Real Clock = realClock{}

// Or returns c, or Real if c is nil.
func Or(c Clock) Clock {
	if c == nil {
		return Real
	}
	return c
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

func (realClock) AfterFunc(d time.Duration, f func()) Timer {
	return realTimer{time.AfterFunc(d, f)}
}

func (realClock) NewTimer(d time.Duration) Timer { return realTimer{time.NewTimer(d)} }

type realTimer struct{ *time.Timer }

func (t realTimer) C() <-chan time.Time { return t.Timer.C }
