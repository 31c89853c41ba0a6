package wire

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// thread is one locked thread that waits for packets, due times and
// commands. Timers of the Go runtime are a millisecond coarse, so ppoll is
// the timer, with the kernel's slack turned off.
type thread struct {
	wake     int         // eventfd
	commands chan func() // run between packets
	stopping atomic.Bool
	start    time.Time
}

func newThread() (*thread, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("wire: eventfd: %w", err)
	}
	return &thread{
		wake: wake, start: time.Now(),
		commands: make(chan func(), 1), // one caller at a time: it waits for its answer
	}, nil
}

// loop runs round again and again until stop, and commands in between.
func (t *thread) loop(round func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	for !t.stopping.Load() {
		select {
		case f := <-t.commands:
			f()
		default:
		}
		round()
	}
}

// do runs f on the thread, between packets, and waits for it.
func (t *thread) do(f func()) {
	done := make(chan struct{})
	t.commands <- func() { f(); close(done) }
	t.signal()
	<-done
}

// stop lets the loop end after its round.
func (t *thread) stop() {
	t.stopping.Store(true)
	t.signal()
}

func (t *thread) signal() {
	one := uint64(1)
	unix.Write(t.wake, (*[8]byte)(unsafe.Pointer(&one))[:])
}

// sleep waits until a descriptor is readable, one of the directions has a
// packet due, or someone signals.
func (t *thread) sleep(descriptors []int, directions ...*direction) {
	var room [8]unix.PollFd
	fds := append(room[:0], unix.PollFd{Fd: int32(t.wake), Events: unix.POLLIN})
	for _, fd := range descriptors {
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	if _, err := unix.Ppoll(fds, t.untilDue(directions), nil); err != nil && !errors.Is(err, unix.EINTR) {
		panic(fmt.Sprintf("wire: ppoll: %v", err)) // only a programming error can cause it
	}
	if fds[0].Revents != 0 {
		var count [8]byte
		unix.Read(t.wake, count[:])
	}
}

// untilDue returns how long none of the directions has a packet due; nil if
// none will have.
func (t *thread) untilDue(directions []*direction) *unix.Timespec {
	var soonest *unix.Timespec
	now, least := t.now(), time.Duration(0)
	for _, d := range directions {
		if w, ok := d.wait(now); ok && (soonest == nil || w < least) {
			ts := unix.NsecToTimespec(int64(w))
			soonest, least = &ts, w
		}
	}
	return soonest
}

// now is the time in ns since the Unix epoch, never stepping back.
func (t *thread) now() int64 { return t.start.UnixNano() + int64(time.Since(t.start)) }

func (t *thread) close() error { return unix.Close(t.wake) }
