package udpq

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Room of an arrival. The stride is no power of two, so that the first bytes
// of all do not compete for the same lines of the processor's cache.
const (
	arrivalBytes  = 1 << 16 // the longest datagram, or train
	arrivalStride = arrivalBytes + 5*64
	controlBytes  = 64 // of the two numbers that may come along
)

// arrivals is where datagrams are received into. One goroutine uses it.
type arrivals struct {
	messages []message
	vectors  []unix.Iovec
	names    []unix.RawSockaddrInet6 // large enough for IPv4 too
	controls [][controlBytes]byte
	buf      []byte
	datagram []datagram

	waited     bool          // nothing was there at first
	overflowed atomic.Uint64 // see SO_RXQ_OVFL in socket(7)
	lastDrops  uint32        // the kernel's own count, which wraps
}

func newArrivals(batch int) *arrivals {
	a := &arrivals{
		messages: make([]message, batch), vectors: make([]unix.Iovec, batch),
		names: make([]unix.RawSockaddrInet6, batch), controls: make([][controlBytes]byte, batch),
	}
	a.datagram = make([]datagram, 0, batch)
	return a
}

// prepare makes all messages ready to be received.
func (a *arrivals) prepare() {
	if a.buf == nil { // a page that nothing arrives in takes no memory
		a.buf = make([]byte, len(a.messages)*arrivalStride)
	}
	for i := range a.messages {
		a.vectors[i].Base = &a.buf[i*arrivalStride]
		a.vectors[i].SetLen(arrivalBytes)
		h := &a.messages[i].header
		h.Iov = &a.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&a.names[i]))
		h.Namelen = unix.SizeofSockaddrInet6
		h.Control = &a.controls[i][0]
		h.SetControllen(controlBytes)
	}
}

// list returns the datagrams of the first n messages.
func (a *arrivals) list(n int) []datagram {
	a.datagram = a.datagram[:0]
	for i := range n {
		m := &a.messages[i]
		start := i * arrivalStride
		d := datagram{b: a.buf[start : start+int(m.bytes)]}
		if m.header.Namelen > 0 {
			d.from = a.from(i)
		}
		a.datagram = uncouple(a.datagram, d, a.note(a.controls[i][:m.header.Controllen]))
	}
	return a.datagram
}

// from returns who sent message i.
func (a *arrivals) from(i int) netip.AddrPort {
	name := &a.names[i]
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&name.Port))[:])
	if name.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr), port)
	}
	ip := netip.AddrFrom16(name.Addr)
	if name.Scope_id != 0 {
		ip = ip.WithZone(strconv.FormatUint(uint64(name.Scope_id), 10))
	}
	return netip.AddrPortFrom(ip, port)
}

// note reads what came along with a message: drops before it, and the size of
// a train's datagrams, else 0.
func (a *arrivals) note(control []byte) (size int) {
	for len(control) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
		n := int(h.Len)
		if n < unix.CmsgLen(4) || n > len(control) {
			return size
		}
		value := binary.NativeEndian.Uint32(control[unix.CmsgLen(0):])
		switch {
		case h.Level == unix.SOL_UDP && h.Type == unix.UDP_GRO:
			size = int(value)
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SO_RXQ_OVFL:
			a.overflowed.Add(uint64(value - a.lastDrops))
			a.lastDrops = value
		}
		control = control[min(len(control), unix.CmsgSpace(n-unix.CmsgLen(0))):]
	}
	return size
}
