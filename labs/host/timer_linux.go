package host

import (
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// timerEnv marks a process that was started to measure a bare timer.
const timerEnv = "RAWLAB_TIMER"

const (
	timerInterval   = 5 * time.Millisecond
	maxTimerSamples = 1 << 18 // 20 minutes; what comes later is not measured
)

// BareTimer measures, in a process of its own, how late this machine wakes a
// thread that does nothing but wait for a timer, by ppoll as the wire does:
// so much of the wire's lateness is the machine's.
type BareTimer struct {
	cmd *exec.Cmd
	in  io.Closer
	out io.Reader
}

// StartBareTimer begins to measure.
func StartBareTimer() (*BareTimer, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), timerEnv+"=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is the lab's to handle
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("bare timer: start process: %w", err)
	}
	return &BareTimer{cmd: cmd, in: in, out: out}, nil
}

// Stop ends the measurement and returns how late each wake-up was, of one at
// least.
func (b *BareTimer) Stop() ([]time.Duration, error) {
	b.in.Close() // the process ends when its input does
	var late []time.Duration
	err := gob.NewDecoder(b.out).Decode(&late)
	if ended := b.cmd.Wait(); err == nil {
		err = ended
	}
	if err != nil {
		return nil, fmt.Errorf("bare timer: %w", err)
	}
	return late, nil
}

// serveTimer is the process. Standard input ends when it is to.
func serveTimer() int {
	runtime.LockOSThread()
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	var late []time.Duration
	input := []unix.PollFd{{Fd: 0, Events: unix.POLLIN}}
	for {
		due := time.Now().Add(timerInterval)
		wait := unix.NsecToTimespec(int64(timerInterval))
		n, err := unix.Ppoll(input, &wait, nil)
		switch {
		case n > 0 && len(late) > 0:
			return tellLate(late)
		case n > 0: // it ended before there was anything to tell
			input = nil
			continue
		}
		if err == nil && len(late) < maxTimerSamples {
			late = append(late, time.Since(due))
		}
		if input == nil && err == nil {
			return tellLate(late)
		}
	}
}

func tellLate(late []time.Duration) int {
	if gob.NewEncoder(os.Stdout).Encode(late) != nil {
		return 1
	}
	return 0
}
