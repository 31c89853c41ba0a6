package reasons

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

// Watch is a kernel being watched. It is safe for concurrent use.
type Watch struct {
	names  map[uint32]string
	boot   time.Time // when the clock of the records began
	lost   *ebpf.Map
	ring   *ebpf.Map
	code   *ebpf.Program
	attach link.Link

	mu     sync.Mutex
	reader *ringbuf.Reader
}

// Open begins to watch. An error is an [*UnavailableError] that says what is
// lacking.
func Open(c *Config) (*Watch, error) {
	if c == nil {
		c = &Config{}
	}
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, &UnavailableError{"the kernel does not describe its types (BTF, /sys/kernel/btf/vmlinux)", err}
	}
	l, err := readLayout(spec)
	if err != nil {
		return nil, &UnavailableError{"this kernel gives none that are known here (Linux 5.17 is the first)", err}
	}
	w := &Watch{names: l.reasons, boot: booted()}
	if err := w.load(l, c); err != nil {
		w.Close()
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			return nil, &UnavailableError{"need root, or CAP_BPF and CAP_PERFMON, outside of user namespaces: run it with sudo", unix.EPERM}
		}
		return nil, &UnavailableError{"the kernel does not take the program that reads them", err}
	}
	return w, nil
}

func (w *Watch) load(l *layout, c *Config) (err error) {
	size := cmp.Or(c.RingBytes, DefaultRing)
	if w.ring, err = ebpf.NewMap(&ebpf.MapSpec{Name: "drops", Type: ebpf.RingBuf, MaxEntries: uint32(size)}); err != nil {
		return fmt.Errorf("ring buffer of %d bytes: %w", size, err)
	}
	if w.lost, err = ebpf.NewMap(&ebpf.MapSpec{Name: "lost", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}); err != nil {
		return fmt.Errorf("counter: %w", err)
	}
	w.code, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "kfree_skb", Type: ebpf.RawTracepoint, License: "GPL", // the kernel lets only such programs read its memory
		Instructions: program(l, c, w.ring, w.lost),
	})
	if err != nil {
		return err
	}
	if w.attach, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: "kfree_skb", Program: w.code}); err != nil {
		return fmt.Errorf("tracepoint: %w", err)
	}
	w.reader, err = ringbuf.NewReader(w.ring)
	return err
}

// Here returns the inode number of the calling thread's network namespace.
func Here() (uint32, error) {
	var s unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &s); err != nil {
		return 0, fmt.Errorf("network namespace: %w", err)
	}
	return uint32(s.Ino), nil
}

// booted returns when the machine's clock since boot was 0, by the clock of
// the day: as well as the quickest of some looks at both tells.
func booted() (at time.Time) {
	best := time.Duration(math.MaxInt64)
	for range 8 {
		var boot unix.Timespec
		before := time.Now()
		if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
			return before
		}
		if took := time.Since(before); took < best {
			best, at = took, before.Add(took/2-time.Duration(boot.Nano()))
		}
	}
	return at.Round(0)
}

// Take returns the drops that were not taken yet, without waiting.
func (w *Watch) Take() ([]Drop, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var drops []Drop
	var r ringbuf.Record
	w.boot = booted()                     // somebody may have set the clock
	w.reader.SetDeadline(time.Unix(1, 0)) // it still gives what is there
	for {
		err := w.reader.ReadInto(&r)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return drops, nil
		}
		if err != nil {
			return drops, fmt.Errorf("drop reasons: %w", err)
		}
		drops = append(drops, w.parse(r.RawSample))
	}
}

func (w *Watch) parse(b []byte) Drop {
	n := binary.NativeEndian
	reason := n.Uint32(b[recordReason:])
	name, ok := w.names[reason]
	if !ok {
		name = fmt.Sprintf("%#x", reason) // a subsystem's own
	}
	kept := min(int(n.Uint16(b[recordKept:])), PacketBytes)
	return Drop{
		Time: w.boot.Add(time.Duration(n.Uint64(b[recordTime:]))), Reason: name,
		Namespace: n.Uint32(b[recordNamespace:]), Length: int(n.Uint32(b[recordLength:])), Segment: int(n.Uint16(b[recordSegment:])),
		Packet: append([]byte(nil), b[recordPacket:recordPacket+kept]...),
	}
}

// Lost counts the drops that the ring buffer had no room for.
func (w *Watch) Lost() (uint64, error) {
	var n uint64
	err := w.lost.Lookup(uint32(0), &n)
	return n, err
}

// Close ends it.
func (w *Watch) Close() error {
	var errs []error
	if w.attach != nil {
		errs = append(errs, w.attach.Close())
	}
	if w.reader != nil {
		errs = append(errs, w.reader.Close())
	}
	return errors.Join(append(errs, w.code.Close(), w.ring.Close(), w.lost.Close())...)
}
