package ack

import (
	"bytes"
	"time"

	"rawlab/framing"
)

// Window is how many numbers may be on the way at a time. Both ends know it.
const Window = 1024

// Bounds of how late an ack is (RFC 9000 section 13.2).
const (
	ackEvery = 2 // datagrams
	ackDelay = 25 * time.Millisecond
)

// DefaultHeldBytes bounds what waits for an earlier datagram.
const DefaultHeldBytes = 1 << 20

// Receiver is the end that acknowledges.
type Receiver struct {
	unordered bool
	limit     int
	next      uint64 // the lowest number that has not come
	newest    uint64 // the highest that has
	come      [Window]bool
	held      [Window][]byte // by number, what waits for an earlier one
	heldBytes int
	echo      uint64   // when what came last was sent
	ready     [][]byte // scratch of Accept
	pending   int      // datagrams since the last ack
	ackAt     time.Time
	urgent    bool
}

// NewReceiver returns a receiver at the start of a conversation. It holds up
// to heldBytes, by default DefaultHeldBytes, to put datagrams in order; if
// they are wanted unordered, nothing.
func NewReceiver(unordered bool, heldBytes int) *Receiver {
	if heldBytes <= 0 {
		heldBytes = DefaultHeldBytes
	}
	return &Receiver{unordered: unordered, limit: heldBytes, next: 1}
}

// Held returns the bytes that wait for an earlier datagram.
func (r *Receiver) Held() int { return r.heldBytes }

// Accept takes the frames of a numbered datagram, and returns those to
// deliver now, oldest first, until the next call. A datagram that came before
// gives nothing; nor does one for which there is no room, which is not
// acknowledged and therefore comes again.
func (r *Receiver) Accept(now time.Time, h *Header, frames []byte) [][]byte {
	r.ready = r.ready[:0]
	number, slot := h.Number, h.Number%Window
	switch {
	case number == 0 || number >= r.next+Window:
		return nil
	case number < r.next || r.come[slot]:
		r.urgent, r.echo = true, h.Sent // our ack was lost
		return nil
	case number > r.next && !r.unordered:
		if r.heldBytes+len(frames) > r.limit {
			return nil
		}
		r.held[slot] = bytes.Clone(frames)
		r.heldBytes += len(frames)
	default:
		r.ready = append(r.ready, frames)
	}
	r.echo = h.Sent
	r.note(now, number)
	r.come[slot] = true
	r.advance()
	return r.ready
}

// note decides when to acknowledge: at once when something is missing or was.
func (r *Receiver) note(now time.Time, number uint64) {
	if r.pending == 0 {
		r.ackAt = now.Add(ackDelay)
	}
	r.pending++
	r.urgent = r.urgent || number != r.newest+1 || r.newest >= r.next
	r.newest = max(r.newest, number)
}

// advance moves on over all that has come, and lets go what waited for it.
func (r *Receiver) advance() {
	for r.come[r.next%Window] {
		slot := r.next % Window
		r.come[slot] = false
		if b := r.held[slot]; b != nil {
			r.held[slot] = nil
			r.heldBytes -= len(b)
			r.ready = append(r.ready, b)
		}
		r.next++
	}
}

// AckDue reports whether to acknowledge now.
func (r *Receiver) AckDue(now time.Time) bool {
	return r.urgent || r.pending >= ackEvery || r.pending > 0 && !now.Before(r.ackAt)
}

// Wake returns when to ask AckDue again, the zero time if nothing is to be
// acknowledged.
func (r *Receiver) Wake() time.Time {
	if r.pending == 0 {
		return time.Time{}
	}
	return r.ackAt
}

// Acknowledge returns what to acknowledge, and takes it as told.
func (r *Receiver) Acknowledge() Header {
	r.pending, r.urgent = 0, false
	return Header{UpTo: r.next - 1, Echo: r.echo, Beyond: r.beyond()}
}

// Piggyback returns what a datagram that leaves anyway acknowledges. That is
// all there is to say while nothing is missing and nothing came twice.
func (r *Receiver) Piggyback() (upTo uint64) {
	if r.newest < r.next && !r.urgent {
		r.pending = 0
	}
	return r.next - 1
}

// beyond lists what has come after the first hole, the lowest first.
func (r *Receiver) beyond() (list framing.Ranges) {
	for n := r.next + 1; n <= r.newest && list.Len() < maxRanges; n++ {
		if !r.come[n%Window] {
			continue
		}
		from := n
		for n <= r.newest && r.come[n%Window] {
			n++
		}
		list = list.Append(from, n)
	}
	return list
}
