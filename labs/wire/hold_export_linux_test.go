package wire

import "golang.org/x/sys/unix"

// Ring is a port's ring in plain memory, with a host to hold.
type Ring struct{ p *port }

// NewRing returns an empty one.
func NewRing(ask func(stop bool)) *Ring {
	p := &port{rx: -1, tx: -1, ring: make([]byte, ringFrames*frameBytes)}
	p.holdBy(func(_ int, stop bool) { ask(stop) }, 0)
	return &Ring{p}
}

// Fill makes n frames wait from the first on, and no others.
func (r *Ring) Fill(n int) {
	for i := range ringFrames {
		*statusOf(r.p.ring[i*frameBytes:]) = unix.TP_STATUS_KERNEL
		if i < n {
			*statusOf(r.p.ring[i*frameBytes:]) = unix.TP_STATUS_USER
		}
	}
}

// Watch looks at the ring as the port does after it took frames.
func (r *Ring) Watch() { r.p.holder.watch(r.p) }

// Close ends the port.
func (r *Ring) Close() { r.p.holder.close() }

const (
	FullAt  = ringFrames / fullAt
	EmptyAt = ringFrames / emptyAt
)
