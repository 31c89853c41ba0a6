package wire

import (
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	blockBytes = 1 << 16
	ringFrames = 1 << 14 // a tenth of a second at full speed
	leastRing  = 1 << 11 // where many ports share those
	batch      = 64      // frames taken or sent per call
)

// port is the wire's end of one host's cable: a TPACKET_V2 ring in (V3 hands
// over whole blocks, up to a millisecond late) and sendmmsg out.
type port struct {
	rx, tx  int
	ring    []byte
	next    int // frame of the ring to look at
	taken   int // frames handed out and not yet given back
	came    []arrival
	last    int64 // when the latest frame came
	outbox  *outbox
	dropped uint64 // by the kernel because the ring was full
	refused uint64 // frames that the interface did not take

	full     time.Time // since when it has taken none for want of room; zero: it has
	tooLarge int       // bytes of a frame that found no room for so long that it never will; 0: none
	holder   *holder   // nil: its host cannot be held
}

// arrival is a frame and when the kernel took it from the cable: ns on the
// thread's clock, never stepping back.
type arrival struct {
	frame []byte
	at    int64
}

// openPort attaches to an interface of the current network namespace, with a
// ring of that many frames, a power of 2.
func openPort(ifindex, frames int, call systemCall) (*port, error) {
	p := &port{rx: -1, tx: -1}
	if err := p.open(ifindex, frames); err != nil {
		p.close()
		return nil, err
	}
	p.outbox = newOutbox(p.tx, call)
	return p, nil
}

func (p *port) open(ifindex, frames int) (err error) {
	const kind = unix.SOCK_RAW | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	if p.rx, err = unix.Socket(unix.AF_PACKET, kind, 0); err != nil {
		return fmt.Errorf("wire: packet socket: %w", err)
	}
	if p.tx, err = unix.Socket(unix.AF_PACKET, kind, 0); err != nil {
		return fmt.Errorf("wire: packet socket: %w", err)
	}
	size := frames * frameBytes
	req := unix.TpacketReq{Block_size: blockBytes, Block_nr: uint32(size / blockBytes), Frame_size: frameBytes, Frame_nr: uint32(frames)}
	steps := []struct {
		what string
		do   func() error
	}{
		{"PACKET_IGNORE_OUTGOING", func() error { return unix.SetsockoptInt(p.rx, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1) }},
		{"TPACKET_V2", func() error { return unix.SetsockoptInt(p.rx, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2) }},
		{"PACKET_RX_RING", func() error { return unix.SetsockoptTpacketReq(p.rx, unix.SOL_PACKET, unix.PACKET_RX_RING, &req) }},
		{"mmap", func() error {
			p.ring, err = unix.Mmap(p.rx, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			return err
		}},
		{"bind", func() error {
			return unix.Bind(p.rx, &unix.SockaddrLinklayer{Protocol: bigEndian16(unix.ETH_P_ALL), Ifindex: ifindex})
		}},
		{"bind to send", func() error { return unix.Bind(p.tx, &unix.SockaddrLinklayer{Ifindex: ifindex}) }},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("wire: %s: %w", s.what, err)
		}
	}
	// Room for a burst; the default is kept where the kernel refuses more.
	unix.SetsockoptInt(p.tx, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 16<<20)
	return nil
}

// receive returns frames that have come, at most batch, and what t's clock
// says now; they are valid until the next call. None means that the ring is
// empty.
func (p *port) receive(t *thread) (came []arrival, now int64) {
	p.giveBack()
	for len(p.came) < batch {
		at := (p.next + p.taken) & (p.frames() - 1) * frameBytes
		f := p.ring[at : at+frameBytes]
		if atomic.LoadUint32(statusOf(f))&unix.TP_STATUS_USER == 0 {
			break
		}
		h := (*unix.Tpacket2Hdr)(unsafe.Pointer(&f[0]))
		p.came = append(p.came, arrival{f[h.Mac : uint32(h.Mac)+h.Snaplen], int64(h.Sec)*1e9 + int64(h.Nsec)})
		p.taken++
	}
	if p.holder != nil {
		p.holder.watch(p)
	}
	now, wall := t.read() // after the last frame came, so that none comes in the future
	for i := range p.came {
		p.last = min(now, max(p.last, p.came[i].at-wall+now))
		p.came[i].at = p.last
	}
	return p.came, now
}

// frames is how many the ring has room for.
func (p *port) frames() int { return len(p.ring) / frameBytes }

func (p *port) giveBack() {
	for ; p.taken > 0; p.taken-- {
		atomic.StoreUint32(statusOf(p.ring[p.next*frameBytes:]), unix.TP_STATUS_KERNEL)
		p.next = (p.next + 1) & (p.frames() - 1)
	}
	p.came = p.came[:0]
}

func statusOf(frame []byte) *uint32 { return (*uint32)(unsafe.Pointer(&frame[0])) }

// send puts parcels on the cable, waiting where the interface is busy.
func (p *port) send(parcels []parcel) {
	for len(parcels) > 0 {
		sent, err := p.outbox.send(parcels)
		switch {
		case sent > 0:
			if p.full = (time.Time{}); len(parcels[sent-1].frame) >= p.tooLarge {
				p.tooLarge = 0
			}
			parcels = parcels[sent:]
		case err == unix.ENOBUFS && p.neverFits(len(parcels[0].frame)):
			p.refused++
			parcels = parcels[1:]
		case err == unix.EAGAIN, err == unix.EINTR, err == unix.ENOBUFS:
			unix.Poll([]unix.PollFd{{Fd: int32(p.tx), Events: unix.POLLOUT}}, 1)
		case p.outbox.bundles:
			p.outbox.bundles = false // by a kernel that cannot cut them
		default:
			p.refused++
			parcels = parcels[1:]
		}
	}
}

// neverFits reports whether a frame is one that the other end of the cable
// drops for its size, since somebody has narrowed it there. The kernel says
// the same of that and of a full queue; but a queue empties.
func (p *port) neverFits(size int) bool {
	switch now := time.Now(); {
	case p.tooLarge > 0 && size >= p.tooLarge:
		return true
	case p.full.IsZero():
		p.full = now
	case now.Sub(p.full) > fullTime:
		p.full, p.tooLarge = time.Time{}, size
		return true
	}
	return false
}

// fullTime is far longer than a host needs to empty its queue.
const fullTime = time.Second

// drops returns how many packets never made it into the ring.
func (p *port) drops() uint64 {
	if s, err := unix.GetsockoptTpacketStats(p.rx, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		p.dropped += uint64(s.Drops) // reading clears the kernel's counter
	}
	return p.dropped
}

func (p *port) close() {
	if p.holder != nil {
		p.holder.close()
	}
	if p.ring != nil {
		unix.Munmap(p.ring)
	}
	for _, fd := range []int{p.rx, p.tx} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func bigEndian16(x uint16) uint16 { return x<<8 | x>>8 }
