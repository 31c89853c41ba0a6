package wire

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// outbox sends frames with as few calls and as little work as it can.
type outbox struct {
	call    systemCall
	fd      int
	offload bool   // the socket wants an offload header before each packet
	bundles bool   // and its kernel cuts bundles
	bundled uint64 // frames sent so
	msgs    [batch]mmsghdr
	counts  [batch]int                             // frames of each message
	iov     [2 * batch]unix.Iovec                  // a header and the frame, or a bundle's frames
	heads   [batch][offloadBytes + maxHeaders]byte // of bundles
}

type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

func newOutbox(fd int, call systemCall) *outbox {
	offload := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1) == nil
	return &outbox{call: call, fd: fd, offload: offload, bundles: offload}
}

var noOffload [offloadBytes]byte // nothing to do

// send sends the first of the parcels, at most batch, and returns how many the
// kernel took; an error if it was none.
func (o *outbox) send(parcels []parcel) (int, error) {
	messages, taken := o.load(parcels[:min(len(parcels), batch)]), 0
	sent, _, errno := o.call(unix.SYS_SENDMMSG, uintptr(o.fd), uintptr(unsafe.Pointer(&o.msgs[0])), uintptr(messages), unix.MSG_DONTWAIT, 0, 0)
	runtime.KeepAlive(parcels)
	if errno != 0 {
		return 0, errno
	}
	for _, n := range o.counts[:sent] {
		if taken += n; n > 1 {
			o.bundled += uint64(n)
		}
	}
	return taken, nil
}

// load makes messages of parcels and returns how many.
func (o *outbox) load(parcels []parcel) (messages int) {
	parts := o.iov[:0]
	for ; len(parcels) > 0; messages++ {
		n, from, before := 1, uint16(0), len(parts)
		if o.bundles {
			n = bundled(parcels)
		}
		switch {
		case n > 1:
			head := o.heads[messages][:]
			parts = appendPart(parts, head[:wrap(head, parcels[:n])])
			from = parcels[0].outline.payload
		case o.offload:
			parts = appendPart(parts, noOffload[:])
		}
		for i := range parcels[:n] {
			parts = appendPart(parts, parcels[i].frame[from:])
		}
		h := &o.msgs[messages].hdr
		h.Iov = &o.iov[before]
		h.SetIovlen(len(parts) - before)
		o.counts[messages] = n
		parcels = parcels[n:]
	}
	return messages
}

func appendPart(parts []unix.Iovec, b []byte) []unix.Iovec {
	v := unix.Iovec{Base: &b[0]}
	v.SetLen(len(b))
	return append(parts, v)
}
