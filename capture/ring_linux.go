package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"rawlab/capture/pcapng"
)

// Ring captures from one interface. One goroutine reads; Stop, Stats and
// Close may be called from others.
type Ring struct {
	name           string
	link           uint16
	snapLen        uint32
	ignoreOutgoing bool
	split          bool // the kernel says which packets are still to be cut
	blockBytes     int
	blocks         int

	reading sync.Mutex // held by Read, and by Close while it unmaps
	mem     []byte
	current int  // the block that is read next
	held    bool // the current block has been given out
	batch   []Packet
	cutter  cutter
	phase   phase
	until   time.Time // the phase's end

	stopping atomic.Bool
	closing  atomic.Bool

	open  sync.Mutex // guards the descriptors against use after close
	fd    int        // -1 when closed
	wake  int        // eventfd, written once to end a wait
	stats Stats      // PACKET_STATISTICS so far: reading it clears it
}

// phase is how far a ring has come to its end.
type phase int

const (
	running   phase = iota
	lingering       // stopped, but packets sent just before are still on their way up
	draining        // nothing new comes in; what is in the ring still goes out
)

// drainLimit bounds the wait for the kernel to give up its last block.
const drainLimit = time.Second

// Read waits for packets and returns the next block of them, which also
// hands the block before back to the kernel. Once ctx is done or Stop was
// called, it returns what came before that, then io.EOF. Closing the ring
// ends it with net.ErrClosed.
func (r *Ring) Read(ctx context.Context) ([]Packet, error) {
	r.reading.Lock()
	defer r.reading.Unlock()
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, r.Stop)()
	}
	r.release()
	for {
		if r.closing.Load() {
			return nil, net.ErrClosed
		}
		if r.ready() {
			if batch := r.take(); len(batch) > 0 {
				return batch, nil
			}
			r.release()
			continue
		}
		if err := r.wait(); err != nil {
			return nil, err
		}
	}
}

// Stop ends the capture in good order: Read still returns every packet that
// came before, then io.EOF. It does not wait.
func (r *Ring) Stop() {
	r.stopping.Store(true)
	r.wakeUp()
}

// wait returns once a block may be ready; io.EOF when none ever will.
func (r *Ring) wait() error {
	switch r.phase {
	case running:
		if !r.stopping.Load() {
			return r.poll(-1)
		}
		r.phase, r.until = lingering, time.Now().Add(retire)
	case lingering:
		if left := time.Until(r.until); left > 0 {
			return r.poll(left)
		}
		if err := r.refuseAll(); err != nil {
			return err
		}
		r.phase, r.until = draining, time.Now().Add(drainLimit)
	case draining:
		if r.filling() == 0 {
			return io.EOF
		}
		if time.Now().After(r.until) {
			return fmt.Errorf("capture on %s: the kernel keeps the last %d packets", r.name, r.filling())
		}
		return r.poll(retire)
	}
	return nil
}

// poll sleeps until the kernel has a block for us, someone wakes us or the
// timeout ends; a negative timeout has no end.
func (r *Ring) poll(timeout time.Duration) error {
	fds := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}, {Fd: int32(r.wake), Events: unix.POLLIN}}
	ms := -1
	if timeout >= 0 {
		ms = int(timeout.Milliseconds()) + 1
		fds = fds[:1] // the wake-up has been heard and stays set
	}
	_, err := unix.Poll(fds, ms)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("capture on %s: poll: %w", r.name, err)
	}
	if fds[0].Revents&unix.POLLERR != 0 {
		return r.socketError()
	}
	return nil
}

// socketError takes the error off the socket; it must not end a drain.
func (r *Ring) socketError() error {
	n, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return fmt.Errorf("capture on %s: %w", r.name, err)
	}
	if n == 0 || r.phase != running {
		return nil
	}
	return fmt.Errorf("capture on %s: %w", r.name, unix.Errno(n))
}

// Stats returns the kernel's counts since the ring was opened. They stay
// readable after Close.
func (r *Ring) Stats() (Stats, error) {
	r.open.Lock()
	defer r.open.Unlock()
	return r.stats, r.count()
}

// count adds what the kernel counted since the last time.
func (r *Ring) count() error {
	if r.fd < 0 {
		return nil
	}
	s, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return fmt.Errorf("capture on %s: PACKET_STATISTICS: %w", r.name, err)
	}
	r.stats.Received += uint64(s.Packets)
	r.stats.Dropped += uint64(s.Drops)
	return nil
}

// LinkType returns the link type of the interface, in pcap's numbers.
func (r *Ring) LinkType() uint16 { return r.link }

// Interfaces describes the one interface, as a file does.
func (r *Ring) Interfaces() []pcapng.Interface {
	return []pcapng.Interface{{Name: r.name, LinkType: r.link, SnapLen: r.snapLen}}
}

// Close ends a Read that waits, then frees the ring. Packets not yet read
// are lost, and the data of those read may no longer be touched.
func (r *Ring) Close() error {
	if r.closing.Swap(true) {
		return nil
	}
	r.wakeUp()
	r.reading.Lock()
	defer r.reading.Unlock()
	r.open.Lock()
	defer r.open.Unlock()
	err := errors.Join(r.count(), unix.Munmap(r.mem), unix.Close(r.fd), unix.Close(r.wake))
	r.mem, r.batch, r.fd, r.wake = nil, nil, -1, -1
	return err
}

func (r *Ring) wakeUp() {
	r.open.Lock()
	defer r.open.Unlock()
	if r.wake >= 0 {
		unix.Write(r.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // fails only if it is set already
	}
}
