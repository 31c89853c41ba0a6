package host_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestVirtualTimeWaitsForSystemCalls has a goroutine of the lab in one system
// call after the other, long enough for the runtime to give its processor to
// others: no time may pass meanwhile, though there always is something due,
// and when nothing is, that is no stall.
func TestVirtualTimeWaitsForSystemCalls(t *testing.T) {
	const calls = 500
	for name, ticking := range map[string]bool{"something is due": true, "nothing is due": false} {
		t.Run(name, func(t *testing.T) {
			v, failed := failing(t)
			if ticking {
				tick := make(chan struct{})
				defer close(tick)
				go func() {
					for {
						timer := v.Clock().NewTimer(time.Millisecond)
						select {
						case <-timer.C():
						case <-tick:
							return
						}
					}
				}()
			}
			moved := 0
			for n := range calls {
				before := v.Clock().Now()
				pause := unix.NsecToTimespec(int64(1+n%400) * 1000)
				if err := unix.Nanosleep(&pause, nil); err != nil && err != unix.EINTR {
					t.Fatal(err)
				}
				if !v.Clock().Now().Equal(before) {
					moved++
				}
			}
			if moved > 0 {
				t.Errorf("time passed in %d of %d system calls, want none", moved, calls)
			}
			select {
			case err := <-failed:
				t.Errorf("failed by %v", err)
			default:
			}
		})
	}
}
