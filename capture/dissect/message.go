package dissect

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Message is a unit of a protocol that is not ours, as a flow carried it: the
// head of an HTTP request, a WebSocket frame, a TLS record, a DNS answer, a
// datagram put together from fragments. An [Assembler] finds them if its
// Options ask for them.
type Message struct {
	Transport Protocol
	Src, Dst  netip.AddrPort // the flow, in the message's direction

	Name   string // what it is, in a few words
	Length int    // bytes; up to the last one seen if only the flow's end tells

	// Parts are the packets that carried its bytes, in the order of capture.
	Parts []Part
	// Err says why not all of it is here: [*GapError].
	Err error

	layers   []sheet
	datagram bool // from the transport header on, put together from fragments
}

// sheet is a layer of a message, its ranges counted from the message's first
// byte.
type sheet struct {
	Layer
	over []span // the bytes that are the layer's overhead
	raw  bool   // shows the bytes themselves
}

// head returns a sheet that is a header and nothing else.
func head(name string, osi, from, to int, meaning string, fields ...Field) sheet {
	return sheet{Layer: Layer{Name: name, OSI: osi, From: from, To: to, Fields: fields, Meaning: meaning}, over: []span{{from, to}}}
}

// content returns a sheet of bytes that a program handed over to be carried.
func content(name string, osi, from, to int, meaning string) sheet {
	return sheet{Layer: Layer{Name: name, OSI: osi, From: from, To: to, Meaning: meaning}, raw: true}
}

// shift moves sheets that were read from a place in the message.
func shift(sheets []sheet, by int) []sheet {
	for i := range sheets {
		s := &sheets[i]
		s.From, s.To = s.From+by, s.To+by
		for j := range s.Fields {
			s.Fields[j].From += by
			s.Fields[j].To += by
		}
		for j := range s.over {
			s.over[j].from += by
			s.over[j].to += by
		}
	}
	return sheets
}

// message appends the layers of a message, as far as its bytes are in this
// packet.
func (d *dissection) message(n int, c Carried) {
	v := messageView{d, c.Message, c.Part}
	note := v.note()
	for i := range c.Message.layers {
		s := &c.Message.layers[i]
		l, here := v.layer(s)
		if !here {
			continue
		}
		if note != "" {
			l.Fields = append([]Field{{"part", note, c.Part.From, c.Part.To}}, l.Fields...)
			note = ""
		}
		l.Message = n
		d.add(l)
	}
}

// messageView is one message seen from one packet, which may hold only a part.
type messageView struct {
	d *dissection
	m *Message
	p Part
}

// layer returns a sheet as it is in this packet, and whether it is.
func (v messageView) layer(s *sheet) (Layer, bool) {
	l := s.Layer
	l.From, l.To = v.p.place(s.From, s.To)
	if l.From == l.To && s.From < s.To {
		return l, false
	}
	l.Fields = nil
	for _, f := range s.Fields {
		lo, hi := v.p.place(f.From, f.To)
		if lo == hi && f.From < f.To {
			continue
		}
		if hi-lo < f.To-f.From {
			f.Value += fmt.Sprintf(" (%d of its %d bytes here)", hi-lo, f.To-f.From)
		}
		l.Fields = append(l.Fields, Field{f.Name, f.Value, lo, hi})
	}
	if s.raw && l.From < l.To {
		l.Fields = append(l.Fields, Field{"bytes", preview(v.d.data[min(l.From, len(v.d.data)):min(l.To, len(v.d.data))]), l.From, l.To})
	}
	for _, o := range s.over {
		lo, hi := v.p.place(o.from, o.to)
		l.Overhead += hi - lo
	}
	return l, true
}

// note says which part of the message this packet has, and which packet
// completes it; "" if it is all here.
func (v messageView) note() string {
	m, p := v.m, v.p
	if p.To-p.From >= m.Length {
		return ""
	}
	text := fmt.Sprintf("bytes %d to %d of %d of %s", p.At, p.At+p.To-p.From-1, m.Length, m.Name)
	if gap, ok := m.Err.(*GapError); ok {
		return text + fmt.Sprintf("; %d are not in the capture", gap.Missing)
	}
	var others []int
	last := 0
	for _, o := range m.Parts {
		if o.Retransmission || o.Damaged {
			continue
		}
		last = max(last, o.Packet)
		if o.Packet != p.Packet {
			others = append(others, o.Packet)
		}
	}
	slices.Sort(others)
	others = slices.Compact(others)
	switch {
	case len(others) == 0:
	case p.Packet == last:
		text += "; completes it, the rest is in packet " + numbers(others)
	default:
		text += fmt.Sprintf("; packet %d completes it", last)
	}
	return text
}

// numbers writes packet numbers, the middle of many left out.
func numbers(n []int) string {
	const shown = 6
	var s []string
	for i, x := range n {
		if len(n) > shown && i == shown-2 {
			s = append(s, "…")
		}
		if len(n) <= shown || i < shown-2 || i == len(n)-1 {
			s = append(s, strconv.Itoa(x))
		}
	}
	return strings.Join(s, ", ")
}

// lone makes a message out of sheets whose bytes are all in this packet.
func lone(at int, name string, size int, sheets []sheet) Carried {
	return Carried{Message: &Message{Name: name, Length: size, layers: sheets}, Part: Part{From: at, To: at + size}}
}

// maxText bounds what is shown of a text.
const maxText = 120

// text makes bytes from the network fit to be shown: one line, nothing that
// steers a terminal, and not too long.
func text[T []byte | string](b T) string {
	more := ""
	if len(b) > maxText {
		b, more = b[:maxText], "…"
	}
	q := strconv.Quote(string(b))
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`) + more
}
