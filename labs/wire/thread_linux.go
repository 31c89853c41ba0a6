package wire

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// systemCall is how a thread calls the kernel: [unix.Syscall6], or in a
// process that is the wire's alone [unix.RawSyscall6], which does not tell
// Go's scheduler. That would take the thread for blocked and set others to
// work meanwhile, at a cost far above the call's own. It needs a processor of
// the scheduler's for each thread; signals end the call where it must stop.
// What a call points to is on the heap, where nothing moves.
type systemCall func(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err syscall.Errno)

// thread is one locked thread that waits for packets, due times and
// commands. Timers of the Go runtime are a millisecond coarse, so ppoll is
// the timer, with the kernel's slack turned off.
type thread struct {
	call     systemCall
	wake     int         // eventfd
	commands chan func() // run between packets
	stopping atomic.Bool
	start    time.Time
	polled   []unix.PollFd
	until    unix.Timespec
	epoch    int64 // ns since the Unix epoch at the start
}

func newThread(call systemCall) (*thread, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("wire: eventfd: %w", err)
	}
	start := time.Now()
	return &thread{
		call: call, wake: wake, start: start, epoch: start.UnixNano(),
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
// packet due, or someone signals. With patience it waits that long at most,
// and does not look at the descriptors: the kernel need not wake it for each
// packet.
func (t *thread) sleep(patience time.Duration, descriptors []int, directions ...*direction) {
	t.polled = append(t.polled[:0], unix.PollFd{Fd: int32(t.wake), Events: unix.POLLIN})
	if patience == 0 {
		for _, fd := range descriptors {
			t.polled = append(t.polled, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
	}
	var until uintptr
	if wait, ok := t.timeout(patience, directions); ok {
		t.until = unix.NsecToTimespec(int64(wait))
		until = uintptr(unsafe.Pointer(&t.until))
	}
	_, _, err := t.call(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&t.polled[0])), uintptr(len(t.polled)), until, 0, 0, 0)
	if err != 0 && err != unix.EINTR {
		panic(fmt.Sprintf("wire: ppoll: %v", err)) // only a programming error can cause it
	}
	if t.polled[0].Revents != 0 {
		var count [8]byte
		unix.Read(t.wake, count[:])
	}
}

// timeout returns how long none of the directions has a packet due, and no
// longer than the patience, if there is one; false is for ever.
func (t *thread) timeout(patience time.Duration, directions []*direction) (least time.Duration, ends bool) {
	least, ends = patience, patience > 0
	now := t.now()
	for _, d := range directions {
		if w, ok := d.wait(now); ok && (!ends || w < least) {
			least, ends = w, true
		}
	}
	return least, ends
}

// now is the time in ns since the Unix epoch, never stepping back.
func (t *thread) now() int64 { return t.epoch + int64(time.Since(t.start)) }

// read returns now, and what the machine's clock, which may have been set
// since the start, says at the same moment.
func (t *thread) read() (now, wall int64) {
	at := time.Now()
	return t.epoch + int64(at.Sub(t.start)), at.UnixNano()
}

func (t *thread) close() error { return unix.Close(t.wake) }
