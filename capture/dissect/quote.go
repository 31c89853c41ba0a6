package dissect

import (
	"fmt"
	"strings"

	"rawlab/framing"
)

// Quote is the beginning of the packet that caused an ICMP error, as the
// error brings it back to its sender.
type Quote struct {
	Headers          // of the quoted packet; Payload is what is quoted of it
	From, To int     // where the quoted bytes are in the ICMP packet
	Frames   []Frame // of ours at the beginning of the quoted payload, as far as their identity is quoted
}

// ReadQuote returns what an ICMP error quotes, if the packet is one.
func ReadQuote(data []byte, linkType uint16) (*Quote, bool) {
	for _, l := range Dissect(data, linkType) {
		if l.Quote != nil {
			return l.Quote, true
		}
	}
	return nil, false
}

// quote reads the packet that an error brings back: its headers, and which
// events of ours were in it.
func (d *dissection) quote(l *Layer, at int) {
	if at >= d.end {
		return
	}
	b := d.rest(at)
	h, _ := NewParser(LinkRaw).Parse(b)
	if !h.Src.IsValid() {
		l.Fields = append(l.Fields, Field{"about", fmt.Sprintf("%d bytes of the packet that caused it", len(b)), at, d.end})
		return
	}
	q := &Quote{Headers: h, From: at, To: d.end}
	q.identify()
	l.Quote = q
	l.Fields = append(l.Fields, Field{"about", fmt.Sprintf("%v %v > %v", h.Protocol, h.Src, h.Dst), at, at + h.segment.from})
	if h.Protocol == TCP && !h.Fragment {
		l.Fields = append(l.Fields, Field{"sequence", fmt.Sprint(h.Seq), at + h.segment.from + 4, at + h.segment.from + 8})
	}
	if text := q.events(); text != "" {
		l.Fields = append(l.Fields, Field{"event", text, at + h.PayloadStart, d.end})
		l.Meaning += " It carried " + text + "."
	}
}

// Beginnings returns the frames of ours at the beginning of the payload of a
// packet that may be cut, as far as their identity is there.
func (h *Headers) Beginnings() []Frame {
	q := Quote{Headers: *h}
	q.identify()
	return q.Frames
}

// identify finds the frames of ours in the quoted payload. An error need
// bring back no more than 8 bytes of what IP carried (RFC 792), but Linux and
// routers since RFC 1812 bring 500, and ICMPv6 more.
func (q *Quote) identify() {
	if q.Fragment && q.FragmentOffset > 0 || q.Protocol != UDP && q.Protocol != TCP {
		return
	}
	for b := q.Payload; len(b) >= headerEnd && plausible(b, framing.DefaultLimit); {
		size, _ := framing.Peek(b, framing.DefaultLimit)
		f := Frame{Transport: q.Protocol, Src: q.Src, Dst: q.Dst, Length: size}
		f.claim(b)
		q.Frames = append(q.Frames, f)
		b = b[min(size, len(b)):]
	}
}

// events names the events among the quoted frames.
func (q *Quote) events() string {
	const shown = 4
	var names []string
	for i := range q.Frames {
		f := &q.Frames[i]
		if !f.Event() && f.Kind != framing.KindFragment {
			continue
		}
		if len(names) == shown {
			names = append(names, "…")
			break
		}
		name := fmt.Sprintf("event %d:%d", f.Origin, f.Sequence)
		if f.Kind == framing.KindFragment {
			name = "a piece of " + name
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
