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
	ackEvery = 2                     // datagrams
	ackDelay = 10 * time.Millisecond // part of the time after which the other end probes
)

// DefaultHeldBytes bounds what waits for an earlier datagram.
const DefaultHeldBytes = 1 << 20

// Receiver is the end that acknowledges.
type Receiver struct {
	unordered bool
	room      int            // bytes
	next      uint64         // the lowest number that has not come
	newest    uint64         // the highest that has
	come      [Window]uint32 // by number, 1 more than the bytes of those that have
	held      [Window][]byte // by number, what waits for an earlier one
	heldBytes int
	behind    int      // bytes delivered that the application has not done with
	before    uint64   // bytes of all before next
	told      uint64   // the Limit of the last header
	echo      uint64   // when what came last was sent
	ready     [][]byte // scratch of Accept
	pending   int      // datagrams since the last ack
	ackAt     time.Time
	urgent    bool
}

// NewReceiver returns a receiver at the start of a conversation. It has room
// for so many bytes, by default DefaultHeldBytes: of datagrams that wait for an
// earlier one, and of what was delivered and is not Done.
func NewReceiver(unordered bool, room int) *Receiver {
	if room <= 0 {
		room = DefaultHeldBytes
	}
	return &Receiver{unordered: unordered, room: room, next: 1}
}

// Held returns the bytes that wait for an earlier datagram.
func (r *Receiver) Held() int { return r.heldBytes }

// Accept takes the frames of a numbered datagram, and returns those to
// deliver now, oldest first, until the next call; say Done of them. A datagram
// that came before gives nothing; nor does one for which there is no room,
// which is not acknowledged and therefore comes again.
func (r *Receiver) Accept(now time.Time, h *Header, frames []byte) [][]byte {
	r.ready = r.ready[:0]
	number, slot := h.Number, h.Number%Window
	if number == 0 || number >= r.next+Window {
		return nil
	}
	r.echo = h.Sent
	if number < r.next || r.come[slot] > 0 || !r.fits(number, len(frames)) {
		r.urgent = true // our ack was lost, or it must hear that there is no room
		return nil
	}
	if number > r.next && !r.unordered {
		r.held[slot] = bytes.Clone(frames)
		r.heldBytes += len(frames)
	} else {
		r.deliver(frames)
	}
	r.note(now, number)
	r.come[slot] = uint32(len(frames)) + 1
	r.advance()
	return r.ready
}

// fits reports whether there is room. What comes next may go over the bound,
// for what is larger must get through too.
func (r *Receiver) fits(number uint64, bytes int) bool {
	if number == r.next {
		return r.behind < r.room
	}
	return r.behind+r.heldBytes+bytes <= r.room
}

func (r *Receiver) deliver(frames []byte) {
	r.ready = append(r.ready, frames)
	r.behind += len(frames)
}

// Done says that the application has done with so many bytes delivered; a
// negative number, that there is so much more for it to do. It makes an ack due
// when the other end may be waiting for room.
func (r *Receiver) Done(bytes int) {
	r.behind -= bytes
	r.urgent = r.urgent || r.limit() >= r.told+uint64(r.room+1)/2 && r.told > 0
}

// limit returns the Limit of a header now.
func (r *Receiver) limit() uint64 { return r.before + uint64(max(0, r.room-r.behind)) }

func (r *Receiver) tell() uint64 {
	r.told = r.limit()
	return r.told
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
	for r.come[r.next%Window] > 0 {
		slot := r.next % Window
		r.before += uint64(r.come[slot] - 1)
		r.come[slot] = 0
		if b := r.held[slot]; b != nil {
			r.held[slot] = nil
			r.heldBytes -= len(b)
			r.deliver(b)
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
	return Header{UpTo: r.next - 1, Limit: r.tell(), Echo: r.echo, Beyond: r.beyond()}
}

// Piggyback lets a datagram that leaves anyway acknowledge. That is all there
// is to say while nothing is missing and nothing came twice.
func (r *Receiver) Piggyback(h *Header) {
	if r.newest < r.next && !r.urgent {
		r.pending = 0
	}
	h.UpTo, h.Limit = r.next-1, r.tell()
}

// beyond lists what has come after the first hole, the lowest first.
func (r *Receiver) beyond() (list framing.Ranges) {
	for n := r.next + 1; n <= r.newest && list.Len() < maxRanges; n++ {
		if r.come[n%Window] == 0 {
			continue
		}
		from := n
		for n <= r.newest && r.come[n%Window] > 0 {
			n++
		}
		list = list.Append(from, n)
	}
	return list
}
