package wire

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Config says what a wire connects and how.
type Config struct {
	Interfaces  [2]string     // in this process's network namespace; direction 0 leads from the first to the second
	Impairments [2]Impairment // of the two directions
	Seed        uint64
	Identify    Identify // see the package's documentation
	Forget      bool     // keep counters only and no ledger, for a wire that stays up long
}

// Wire carries packets between two interfaces until it is stopped.
type Wire struct {
	lanes [2]*lane
	wg    sync.WaitGroup
}

// lane is one direction with its thread.
type lane struct {
	direction *direction
	in, out   *port
	wake      int         // eventfd
	commands  chan func() // run between packets by the lane's thread
	stopping  atomic.Bool
	start     time.Time
}

// Start attaches to both interfaces and begins to carry packets.
func Start(c *Config) (*Wire, error) {
	ports, err := openPorts(c.Interfaces)
	if err != nil {
		return nil, err
	}
	w := &Wire{}
	for i := range w.lanes {
		wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		if err != nil {
			return nil, fmt.Errorf("wire: eventfd: %w", err)
		}
		w.lanes[i] = &lane{
			direction: newDirection(i, c.Seed, c.Impairments[i], c.Identify),
			in:        ports[i], out: ports[1-i], wake: wake,
			commands: make(chan func(), 1), // one caller at a time: it waits for its answer
			start:    time.Now(),
		}
		w.lanes[i].direction.ledger.forget = c.Forget
	}
	for _, l := range w.lanes {
		w.wg.Go(l.run)
	}
	return w, nil
}

func openPorts(names [2]string) (ports [2]*port, err error) {
	for i, name := range names {
		link, err := net.InterfaceByName(name)
		if err == nil {
			ports[i], err = openPort(link.Index)
		}
		if err != nil {
			if i == 1 {
				ports[0].close()
			}
			return ports, fmt.Errorf("wire: %s: %w", name, err)
		}
	}
	return ports, nil
}

// Set changes the impairment of both directions and starts their plans
// anew. When it returns, every further packet falls under it.
func (w *Wire) Set(seed uint64, impairments [2]Impairment) error {
	for i := range impairments {
		if err := impairments[i].Validate(); err != nil {
			return err
		}
	}
	for i, l := range w.lanes {
		l.do(func() { l.direction.set(seed, impairments[i]) })
	}
	return nil
}

// Stats returns both directions' counters.
func (w *Wire) Stats() [2]Stats {
	var s [2]Stats
	for i, l := range w.lanes {
		l.do(func() {
			s[i] = Stats{
				Counts:    l.direction.counts,
				RingDrops: l.in.drops(), Refused: l.out.refused,
				Missing: l.direction.ledger.Missing, Held: l.direction.line.len(), Packets: l.direction.ledger.n,
			}
		})
	}
	return s
}

// Stop ends the wire and returns its ledger by direction. What is still
// under way is never delivered and has the fate Held.
func (w *Wire) Stop() [2][]Row {
	for _, l := range w.lanes {
		l.stopping.Store(true)
		l.signal()
	}
	w.wg.Wait()
	var rows [2][]Row
	for i, l := range w.lanes {
		rows[i] = l.direction.ledger.Rows()
		l.in.close()
		unix.Close(l.wake)
	}
	return rows
}

// do runs f on the lane's thread, between packets, and waits for it.
func (l *lane) do(f func()) {
	done := make(chan struct{})
	l.commands <- func() { f(); close(done) }
	l.signal()
	<-done
}

func (l *lane) signal() {
	one := uint64(1)
	unix.Write(l.wake, (*[8]byte)(unsafe.Pointer(&one))[:])
}

// run is the lane's thread: it waits for a packet, a due time or a command,
// whichever is first. Timers of the Go runtime are a millisecond coarse, so
// ppoll is the timer, with the kernel's slack turned off.
func (l *lane) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	var out [][]byte
	for !l.stopping.Load() {
		l.obey()
		out = l.direction.departures(l.now(), out[:0])
		l.out.send(out)
		l.direction.recycle(out)
		frames := l.in.receive()
		if len(frames) == 0 {
			l.sleep()
			continue
		}
		now := l.now()
		for _, f := range frames {
			l.direction.accept(f, now)
		}
	}
}

// obey runs a command if one came.
func (l *lane) obey() {
	select {
	case f := <-l.commands:
		f()
	default:
	}
}

// sleep waits until something is to be done.
func (l *lane) sleep() {
	var timeout *unix.Timespec
	if d, ok := l.direction.wait(l.now()); ok {
		ts := unix.NsecToTimespec(int64(d))
		timeout = &ts
	}
	fds := [2]unix.PollFd{{Fd: int32(l.in.rx), Events: unix.POLLIN}, {Fd: int32(l.wake), Events: unix.POLLIN}}
	if _, err := unix.Ppoll(fds[:], timeout, nil); err != nil && !errors.Is(err, unix.EINTR) {
		panic(fmt.Sprintf("wire: ppoll: %v", err)) // only a programming error can cause it
	}
	if fds[1].Revents == 0 {
		return
	}
	var count [8]byte
	unix.Read(l.wake, count[:])
}

// now is the time in ns since the Unix epoch, never stepping back.
func (l *lane) now() int64 { return l.start.UnixNano() + int64(time.Since(l.start)) }
