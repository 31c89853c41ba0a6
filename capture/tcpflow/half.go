package tcpflow

import (
	"time"

	"rawlab/capture/dissect"
)

// half is one direction of a flow: what one end sends, and what the other
// answers.
//
//	        una          max
//	─────────┼────────────┼────▶ positions, as the sender has them
//	 acked   │ out        │ not sent yet
type half struct {
	Direction
	started bool
	synSeen bool
	placed  bool
	isn     uint32 // the sequence number of position 0
	max     int64  // one past the last position that left
	scale   int    // of the windows that this end offers, -1: none

	sender
	receiver
	offers
}

// offers is what the receiver said that it would take.
type offers struct {
	offered bool // there was an offer
	window  int  // the last
	closed  time.Time
}

// strayBytes is how far from the stream a number is taken to belong to it at
// all: the largest window (RFC 7323, section 2.3).
const strayBytes = 1 << 30

// position turns a sequence number into a position, the one nearest to where
// the direction stands.
func (h *half) position(sequence uint32) int64 {
	return h.max + int64(int32(sequence-h.isn-uint32(h.max)))
}

// start fixes which sequence number is position 0.
func (h *half) start(isn uint32) {
	if !h.started {
		h.started, h.isn = true, isn
	}
}

// take reads one segment of the flow.
func (f *flow) take(a *Analyzer, s *Segment, header *dissect.Headers, o *options) {
	mine, other := &f.half[0], &f.half[1]
	if !s.ToServer {
		mine, other = other, mine
	}
	mine.place(s.Tap)
	first := header.Seq
	if !s.SYN {
		first-- // the first byte is position 1
	}
	mine.start(first)
	s.Seq = mine.position(header.Seq)
	if s.ACK {
		other.start(header.Ack - 1)
		s.Ack = other.position(header.Ack)
		for _, b := range o.sack[:o.blocks] {
			s.SACK = append(s.SACK, Block{other.position(b[0]), other.position(b[1])})
		}
	}
	s.Window = int(header.Window)
	if s.Damaged {
		mine.Damaged++
		return
	}
	if s.SYN {
		mine.open(o)
		other.MSS = o.mss
	}
	other.Scaled = mine.synSeen && other.synSeen
	if other.Scaled && !s.SYN && mine.scale >= 0 && other.scale >= 0 {
		s.Window <<= mine.scale
	}
	if s.ACK {
		other.answered(a, s)
	}
	other.offer(s)
	if away := s.Seq - mine.max; away > strayBytes || away < -strayBytes {
		return
	}
	mine.leave(a, s, header.PayloadStart)
	if s.Span() > 0 && !s.WindowProbe && !s.KeepAlive && !s.RST {
		mine.arrive(s)
	}
}

// place notes where the tap is. One that sees a direction from two places is
// on a way through, and knows neither end.
func (h *half) place(p Place) {
	if !h.placed {
		h.placed, h.Tap = true, p
	} else if h.Tap != p {
		h.Tap = PlaceUnknown
	}
}

// open reads the options of a SYN.
func (h *half) open(o *options) {
	h.synSeen = true
	h.scale = o.scale
	h.selective = o.sackPermitted
}

// offer reads how much the segment's sender would take of this direction.
func (h *half) offer(s *Segment) {
	if s.RST || !s.ACK || s.SYN {
		return
	}
	if !h.offered {
		h.LeastWindow = s.Window
	}
	h.offered = true
	h.LeastWindow, h.MostWindow = min(h.LeastWindow, s.Window), max(h.MostWindow, s.Window)
	h.window = s.Window
	switch {
	case s.Window == 0:
		s.ZeroWindow = true
		if h.closed.IsZero() {
			h.closed = s.Time
		}
	case !h.closed.IsZero():
		s.WindowUpdate = true
		h.ZeroWindows.add(s.Time.Sub(h.closed))
		h.closed = time.Time{}
	}
}

// result is what is known of the direction when the flow was last seen.
func (h *half) result(last time.Time) Direction {
	d := h.Direction
	if !h.closed.IsZero() {
		d.ZeroWindows.add(last.Sub(h.closed))
	}
	if d.NagleOff {
		d.Nagle = Waits{}
	}
	return d
}
