package bench

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// precisely runs f on a thread whose sleeps end within microseconds: Go's
// own timers are a millisecond coarse.
func precisely(f func()) {
	runtime.LockOSThread() // never unlocked: the thread ends with its goroutine, and its slack with it
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	f()
}

// sleep waits for about d, or less when a signal comes.
func sleep(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &t, nil)
}
