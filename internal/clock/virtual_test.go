package clock_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rawlab/internal/clock"
)

var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestVirtualTimeStandsUntilStepped(t *testing.T) {
	v := clock.NewVirtual(start)
	if v.Step() {
		t.Error("Step() with nothing due = true")
	}
	timer := v.NewTimer(time.Minute)
	if got := v.Now(); !got.Equal(start) {
		t.Errorf("Now() = %v before a step, want %v", got, start)
	}
	if !v.Step() {
		t.Error("Step() with a timer due = false")
	}
	if got, want := <-timer.C(), start.Add(time.Minute); !got.Equal(want) || !v.Now().Equal(want) {
		t.Errorf("the timer says %v, the clock %v, want %v", got, v.Now(), want)
	}
}

func TestVirtualTimersStopAndReset(t *testing.T) {
	v := clock.NewVirtual(start)
	timer := v.NewTimer(time.Second)
	if !timer.Stop() || timer.Stop() {
		t.Error("Stop() must be true while the timer waits, false afterwards")
	}
	if timer.Reset(2 * time.Second) {
		t.Error("Reset() of a stopped timer = true")
	}
	v.Step()
	if v.Elapsed() != 2*time.Second {
		t.Errorf("woken after %v, want 2s", v.Elapsed())
	}
	timer.Reset(time.Second) // what was not received is gone, as with *time.Timer
	select {
	case at := <-timer.C():
		t.Errorf("received %v from a timer that was reset", at)
	default:
	}
	ran := make(chan struct{})
	v.AfterFunc(-time.Second, func() { close(ran) }) // what should have been long ago is due now
	v.Step()
	<-ran
	if v.Elapsed() != 2*time.Second {
		t.Errorf("time went to %v", v.Elapsed())
	}
}

// TestSleepersOfOneMoment holds that those wake in one step that went to sleep
// after the same one, and the others in the steps that follow, in that order.
func TestSleepersOfOneMoment(t *testing.T) {
	v := clock.NewVirtual(start)
	var timers []clock.Timer
	for n := range 3 {
		for range 2 {
			timers = append(timers, v.NewTimer(time.Duration(3-n)))
		}
		if n < 2 {
			v.Call(1, func() {})
			v.Step()
		}
	}
	for n := range 3 {
		if !v.Step() || v.Elapsed() != 3 {
			t.Fatalf("step %d: time is %v, want 3ns", n, v.Elapsed())
		}
		for i, timer := range timers {
			select {
			case <-timer.C():
				if i/2 != n {
					t.Errorf("step %d woke timer %d", n, i)
				}
			default:
				if i/2 == n {
					t.Errorf("step %d did not wake timer %d", n, i)
				}
			}
		}
	}
}

// TestVirtualOrder holds that time never goes back, that calls run in the
// order of due time and asking, and that timers of a moment come after its
// calls.
func TestVirtualOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := clock.NewVirtual(start)
		delays := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 40).Draw(t, "delays")
		var ran, want []int
		var timers []clock.Timer
		for i, d := range delays {
			if i%3 == 2 {
				timers = append(timers, v.NewTimer(time.Duration(d)))
				continue
			}
			want = append(want, i)
			v.Call(time.Duration(d), func() {
				ran = append(ran, i)
				for _, timer := range timers {
					select {
					case at := <-timer.C():
						if !at.Before(v.Now()) {
							t.Fatalf("a timer due at %v woke before call %d", at, i)
						}
					default:
					}
				}
			})
		}
		for last := v.Now(); v.Step(); last = v.Now() {
			if v.Now().Before(last) {
				t.Fatalf("time went back from %v to %v", last, v.Now())
			}
		}
		slices.SortStableFunc(want, func(a, b int) int { return delays[a] - delays[b] })
		if !slices.Equal(ran, want) {
			t.Errorf("calls ran as %v, want %v", ran, want)
		}
	})
}
