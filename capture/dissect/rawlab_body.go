package dissect

import (
	"fmt"
	"strings"

	"rawlab/framing"
)

// body returns the fields of a structured payload that is whole in this
// packet; nil means that the payload is to be shown as bytes.
func (v frameView) body(lo, hi, length int) []Field {
	if hi-lo < length || v.f.Err != nil {
		return nil
	}
	b := v.d.data[lo:hi]
	text := bodyText(v.f.Kind, b)
	if text == "" {
		return nil
	}
	return []Field{{"body", text, lo, hi}}
}

func bodyText(k framing.Kind, b []byte) string {
	switch k {
	case framing.KindHello:
		if h, err := framing.ParseHello(b); err == nil {
			return fmt.Sprintf("versions %d to %d, name %q, credentials of %d bytes", h.MinVersion, h.MaxVersion, h.Name, len(h.Token))
		}
	case framing.KindWelcome:
		if w, err := framing.ParseWelcome(b); err == nil {
			return fmt.Sprintf("version %d, frames up to %d bytes, epoch %#x", w.Version, w.Limit, w.Epoch)
		}
	case framing.KindSubscribe:
		if s, err := framing.ParseSubscribe(b); err == nil {
			return fmt.Sprintf("epoch %#x, from offset %d", s.Epoch, s.Offset)
		}
	case framing.KindReceipt:
		if r, err := framing.ParseReceipt(b); err == nil {
			return fmt.Sprintf("missed offsets %d to %d: %d replayed, %d expired", r.From, r.To, r.Replayed, r.Expired.Total())
		}
	case framing.KindNack:
		if r, err := framing.ParseRanges(b); err == nil {
			return "missing " + rangeText(r)
		}
	case framing.KindFragment:
		if f, err := framing.ParseFragment(b); err == nil {
			return fmt.Sprintf("bytes %d to %d of a frame of %d", f.Position, int(f.Position)+len(f.Piece), f.Total)
		}
	case framing.KindParity:
		if p, err := framing.ParseParity(b); err == nil {
			return fmt.Sprintf("shard %d of %d for %d frames from sequence %d", p.Index+1, p.Redundant, p.Data, p.First)
		}
	}
	return ""
}

// rangeText writes the first few ranges.
func rangeText(r framing.Ranges) string {
	var s []string
	for from, to := range r.All() {
		if len(s) == 4 {
			s = append(s, "…")
			break
		}
		s = append(s, fmt.Sprintf("%d to %d", from, to-1))
	}
	return strings.Join(s, ", ")
}

// applicationMeaning is one sentence on what the frame is for.
func applicationMeaning(f *Frame) string {
	switch f.Kind {
	case framing.KindEmit, framing.KindEvent:
		way := "on its way from the client to the server"
		if f.Kind == framing.KindEvent {
			way = "on its way from the server to a subscriber"
		}
		return fmt.Sprintf("The event itself, %s: %d bytes that all layers below carry without looking at them.", way, f.PayloadLength)
	case framing.KindHello:
		return "The client introduces itself: versions, name, credentials."
	case framing.KindWelcome:
		return fmt.Sprintf("The server lets the client in and grants it origin %d.", f.Origin)
	case framing.KindSubscribe:
		return "The client asks for a topic's events."
	case framing.KindUnsubscribe:
		return "The client wants no more events of a topic."
	case framing.KindAck:
		return fmt.Sprintf("Confirms everything up to sequence %d of origin %d, program to program; TCP's own acknowledgement only means that a kernel has it.", f.Sequence, f.Origin)
	case framing.KindNack:
		return "Names the events that did not arrive, so that they are sent again."
	case framing.KindFragment:
		return fmt.Sprintf("A piece of event %d of origin %d, which is too large for one datagram.", f.Sequence, f.Origin)
	case framing.KindParity:
		return "Spare bytes from which a lost event can be computed without asking for it again."
	case framing.KindPing:
		return "Asks whether the other side is still there."
	case framing.KindPong:
		return "Answers a ping."
	case framing.KindReceipt:
		return "Tells a subscriber what it missed while away: replayed and expired, even when both are none."
	case framing.KindError:
		if f.Code == framing.CodeRetry {
			return "The server asks for the same again with this offset, which shows that the client's address is its own."
		}
		return "Says what was refused, and why."
	case framing.KindMove:
		return "The client goes on with its session from another address, and proves that it is the one."
	case framing.KindBye:
		return "Ends the conversation in good order."
	}
	return "A frame that could not be read."
}
