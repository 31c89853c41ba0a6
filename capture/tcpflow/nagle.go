package tcpflow

import "time"

// nagle is what tells whether a sender keeps small segments back.
type nagle struct {
	lastNew  time.Time // when new bytes last left
	smallTo  int64     // one past the last small segment that left
	freedAt  time.Time // a bare acknowledgement of all that was under way
	promptly bool      // nothing new has left since
}

// nagleWithin is how soon after the acknowledgement a segment that waited for
// it leaves: the sender's kernel sends it while it reads that.
const nagleWithin = time.Millisecond

// freed notes an acknowledgement that would let a waiting segment go. One
// with data may have made the application write, and one that opens the
// window is another reason to wait.
func (h *half) freed(s *Segment) {
	h.promptly = s.Ack == h.max && h.una > 0 && s.Length == 0 && !s.SYN && !s.FIN && (h.window > 0 || !h.offered)
	h.freedAt = s.Time
}

// nagled looks at a segment with new bytes before it is remembered.
func (h *half) nagled(s *Segment) {
	if !h.Tap.Sends() || s.Length == 0 {
		return
	}
	full := h.MSS - optionRoom
	if h.MSS == 0 {
		full = h.Largest
	}
	if small := s.Length < full && !s.FIN; small {
		switch {
		case h.smallTo > h.una:
			h.NagleOff = true
		case h.promptly && !h.lastNew.IsZero() && s.Time.Sub(h.freedAt) <= nagleWithin:
			s.NagleWait = s.Time.Sub(h.lastNew)
			h.Nagle.add(s.NagleWait)
		}
		h.smallTo = s.Seq + int64(s.Length)
	}
	h.lastNew, h.promptly = s.Time, false
}

// optionRoom is the most that options take from a segment's data (RFC 9293,
// section 3.7.1); one that has all but so much is taken to be full.
const optionRoom = 40
