package testbed

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// drainWait is how long, in milliseconds, the relay waits for a program's
// last words once it has ended: the kernel moves them through the terminal a
// moment later.
const drainWait = 20

// runOnTerminal gives the program a terminal of its own, in which it is the
// leader, and relays between that and the terminal of this process.
func runOnTerminal(p *peer, q *execRequest) (int, error) {
	master, slave, err := openTerminal()
	if err != nil {
		return 0, err
	}
	defer master.Close()
	copySize(master)
	q.Terminal = true
	came := catch(withoutWindow())
	defer signal.Stop(came)
	_, err = p.ask(&request{Exec: q}, slave, slave, slave)
	slave.Close()
	if err != nil {
		return 0, err
	}
	defer p.relaySignals(came)()
	before, err := term.MakeRaw(int(os.Stdin.Fd()))
	if err != nil {
		return 0, err
	}
	defer term.Restore(int(os.Stdin.Fd()), before)
	defer followSize(master)()
	go io.Copy(master, os.Stdin) // blocked in a read when all is over; the process ends then
	ended, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		relayOutput(master, ended)
	}()
	r, err := p.next()
	close(ended)
	<-finished
	if err != nil {
		return 0, err
	}
	return r.Code, nil
}

// openTerminal opens a pair as pty(7) describes.
func openTerminal() (master, slave *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("/dev/ptmx: %w", err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
		return nil, nil, fmt.Errorf("terminal for the program: %w", err)
	}
	return master, slave, nil
}

// relayOutput copies what the program writes until it has ended and nothing
// more comes. Others may hold the terminal longer: jobs in its background.
func relayOutput(master *os.File, ended <-chan struct{}) {
	b := make([]byte, 32<<10)
	for over := false; ; {
		select {
		case <-ended:
			over = true
		default:
		}
		fds := []unix.PollFd{{Fd: int32(master.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, drainWait)
		if err == unix.EINTR || err == nil && n == 0 && !over {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		n, err = master.Read(b)
		if err != nil {
			return // EIO: nobody has the terminal any more
		}
		if _, err := os.Stdout.Write(b[:n]); err != nil {
			return
		}
	}
}

func copySize(master *os.File) {
	if size, err := unix.IoctlGetWinsize(int(os.Stdin.Fd()), unix.TIOCGWINSZ); err == nil {
		unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, size)
	}
}

// followSize keeps both terminals the same size until stop is called.
func followSize(master *os.File) (stop func()) {
	changed := make(chan os.Signal, 1) // one is enough: the size is read afterwards
	signal.Notify(changed, syscall.SIGWINCH)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-changed:
				copySize(master)
			case <-done:
				return
			}
		}
	})
	return func() {
		signal.Stop(changed)
		close(done)
		wg.Wait()
	}
}
