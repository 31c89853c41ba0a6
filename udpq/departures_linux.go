package udpq

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const departing = 64 // messages in one call

var cutControl = unix.CmsgSpace(2) // of the size that a train is cut to

// departures is messages on their way out.
type departures struct {
	messages [departing]message
	vectors  [departing]unix.Iovec
	controls [departing][32]byte
	counts   [departing]int // datagrams of each message
	name     unix.RawSockaddrInet6
}

var departuresPool = sync.Pool{New: func() any { return new(departures) }}

// send is sendAll as far as the kernel will have many at once: it returns how
// many bytes and datagrams it has answered for.
func (k *kernel) send(b []byte, sizes []int, to netip.AddrPort, sent func([]byte, error)) (bytes, count int) {
	d := departuresPool.Get().(*departures)
	defer departuresPool.Put(d)
	defer clear(d.vectors[:]) // what was sent is not kept
	for count < len(sizes) && !k.refused.Load() {
		n := d.load(k, b[bytes:], sizes[count:], to)
		gone, err := k.put(d.messages[:n])
		taken := d.sum(gone)
		if gone > 0 {
			sent(b[bytes:bytes+taken.bytes], nil)
		}
		bytes, count = bytes+taken.bytes, count+taken.count
		if err == nil || k.adapt(err, d.counts[0]) {
			continue
		}
		if k.prober != nil && d.counts[0] == 1 {
			err = k.prober.again(err, func() error {
				_, err := k.put(d.messages[:1])
				return err
			})
		}
		first := d.vectors[0].Len
		sent(b[bytes:bytes+int(first)], err)
		bytes, count = bytes+int(first), count+d.counts[0]
	}
	return bytes, count
}

// adapt gives up what the kernel will not have, and reports whether it did:
// then the same is to be tried again.
func (k *kernel) adapt(err error, datagrams int) bool {
	errno, _ := err.(syscall.Errno)
	switch {
	case datagrams > 1 && (errno == unix.EIO || errno == unix.EINVAL): // the device, or the path, cannot cut
		k.cuts.Store(false)
	case unable(errno): // or a filter refuses this datagram: by itself it will say so again
		k.refused.Store(true)
	default:
		return false
	}
	return true
}

// put gives messages to the kernel, and returns how many it took. An error is
// about the first of them.
func (k *kernel) put(messages []message) (n int, err error) {
	var errno syscall.Errno
	err = k.raw.Write(func(fd uintptr) bool {
		for {
			n, errno = k.sendmmsg(fd, messages)
			if errno != unix.EINTR {
				return errno != unix.EAGAIN
			}
		}
	})
	switch {
	case err != nil:
		return 0, err
	case errno != 0:
		return 0, errno
	}
	return n, nil
}

// load makes messages of datagrams, and returns how many messages.
func (d *departures) load(k *kernel, b []byte, sizes []int, to netip.AddrPort) (n int) {
	nameBytes := uint32(0)
	if !k.connected {
		nameBytes = d.address(to, k.inet6)
	}
	for ; n < departing && len(sizes) > 0; n++ {
		count, bytes := 1, sizes[0]
		if k.cuts.Load() {
			count, bytes = couple(sizes)
		}
		d.counts[n] = count
		d.vectors[n].Base = unsafe.SliceData(b)
		d.vectors[n].SetLen(bytes)
		h := &d.messages[n].header
		*h = unix.Msghdr{Iov: &d.vectors[n]}
		h.SetIovlen(1)
		if nameBytes > 0 {
			h.Name, h.Namelen = (*byte)(unsafe.Pointer(&d.name)), nameBytes
		}
		if count > 1 {
			h.Control = d.cut(n, sizes[0])
			h.SetControllen(cutControl)
		}
		b, sizes = b[bytes:], sizes[count:]
	}
	return n
}

// cut says that message n is a train of datagrams of that size.
func (d *departures) cut(n, size int) *byte {
	c := &d.controls[n]
	h := (*unix.Cmsghdr)(unsafe.Pointer(c))
	h.Level, h.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(c[unix.CmsgLen(0):], uint16(size))
	return &c[0]
}

// address writes down where to, in the family of the socket.
func (d *departures) address(to netip.AddrPort, inet6 bool) (bytes uint32) {
	d.name = unix.RawSockaddrInet6{}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&d.name.Port))[:], to.Port())
	if !inet6 {
		name := (*unix.RawSockaddrInet4)(unsafe.Pointer(&d.name))
		name.Family, name.Addr = unix.AF_INET, to.Addr().Unmap().As4()
		return unix.SizeofSockaddrInet4
	}
	d.name.Family, d.name.Addr = unix.AF_INET6, to.Addr().As16()
	zone, _ := strconv.ParseUint(to.Addr().Zone(), 10, 32) // as arrivals name it
	d.name.Scope_id = uint32(zone)
	return unix.SizeofSockaddrInet6
}

type taken struct{ bytes, count int }

// sum adds up the first n messages.
func (d *departures) sum(n int) (t taken) {
	for i := range n {
		t.bytes += int(d.vectors[i].Len)
		t.count += d.counts[i]
	}
	return t
}
