package dissect

import "time"

// Refusal is an ICMP error about a packet that carried frames of ours.
type Refusal struct {
	Packet int // as told to [Assembler.Add]
	Time   time.Time
	Kind   string // the error's type and code, in words
	Quote  *Quote // with at least one frame; its payload is not kept
}

// maxRefusals bounds what is kept of errors until the caller takes them.
const maxRefusals = 1 << 16

// Refusals returns the ICMP errors about frames since the last call.
func (a *Assembler) Refusals() []Refusal {
	r := a.refusals
	a.refusals = nil
	return r
}

// addRefusal notes an error. Of a quoted segment that does not begin with a
// frame, the stream that it is of tells which frames were in it.
func (a *Assembler) addRefusal(packet int, t time.Time, data []byte) {
	if len(a.refusals) >= maxRefusals {
		return
	}
	for _, l := range Dissect(data, a.o.LinkType) {
		q := l.Quote
		if q == nil {
			continue
		}
		if len(q.Frames) == 0 && q.Protocol == TCP {
			q.Frames = a.carriedIn(&q.Headers)
		}
		if q.Payload = nil; len(q.Frames) > 0 {
			a.refusals = append(a.refusals, Refusal{packet, t, l.Fields[0].Value, q})
		}
		return
	}
}

// carriedIn returns the finished frames of a stream that a segment carried a
// part of.
func (a *Assembler) carriedIn(h *Headers) []Frame {
	key, d := flowKey{TCP, h.Src, h.Dst}, 0
	if h.Dst.Compare(h.Src) < 0 {
		key.low, key.high, d = h.Dst, h.Src, 1
	}
	f := a.flows[key]
	if f == nil || f.ours != oursYes || !f.dir[d].started {
		return nil
	}
	s := &f.dir[d]
	from := s.position(h.Seq)
	to := from + int64(h.PayloadLength)
	var frames []Frame
	for i := range s.recent {
		if p := &s.recent[i]; p.frame != nil && p.from < to && p.to > from {
			frames = append(frames, *p.frame)
		}
	}
	return frames
}
