package dissect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rawlab/framing"
)

// application goes on with what the transport carries: frames of ours, or
// the bytes of a program unknown here.
func (d *dissection) application(at int) {
	if at >= d.end {
		return
	}
	carried := d.carried
	if len(carried) == 0 && !d.fragment {
		carried = d.find(at)
	}
	carried = join(carried)
	n, messages := 0, 0
	for _, c := range carried {
		if c.Part.From < at || c.Part.To > d.end || c.Part.From >= c.Part.To {
			continue // not of this packet
		}
		d.foreign(at, c.Part.From)
		if c.Message != nil {
			messages++
			d.message(messages, c)
		} else {
			n++
			d.frame(n, c)
		}
		at = c.Part.To
	}
	d.foreign(at, d.end)
}

// foreign appends bytes in which there is no frame.
func (d *dissection) foreign(from, to int) {
	if from >= to {
		return
	}
	d.add(Layer{
		Name: "data", OSI: osiApplication, From: from, To: to,
		Fields:  []Field{{"bytes", preview(d.data[from:to]), from, to}},
		Meaning: fmt.Sprintf("%d bytes between two programs; they are not frames of rawlab, and only those programs know what they mean.", to-from),
	})
}

// find looks for frames in this packet alone, for want of the stream.
func (d *dissection) find(at int) []Carried {
	var found []Carried
	for at < d.end {
		b := d.rest(at)
		if len(b) < headerEnd || !plausible(b, framing.DefaultLimit) {
			break
		}
		size, _ := framing.Peek(b, framing.DefaultLimit)
		f := &Frame{Length: size}
		if size > len(b) {
			f.Err = &GapError{Missing: size - len(b)}
			f.claim(b)
		} else {
			f.Topic = string(f.decode(b[:size], framing.DefaultLimit))
		}
		to := min(at+size, d.end)
		found = append(found, Carried{Frame: f, Part: Part{From: at, To: to}})
		at = to
	}
	if len(found) == 0 {
		return d.overhear(at)
	}
	return found
}

// join puts parts in order and makes one of those that continue each other,
// as when half of them is a retransmission.
func join(carried []Carried) []Carried {
	carried = slices.Clone(carried)
	slices.SortStableFunc(carried, func(x, y Carried) int { return cmp.Compare(x.Part.From, y.Part.From) })
	joined := carried[:0]
	for _, c := range carried {
		if n := len(joined); n > 0 {
			last := &joined[n-1]
			if last.Frame == c.Frame && last.Message == c.Message && last.Part.To == c.Part.From && last.Part.At+last.Part.To-last.Part.From == c.Part.At {
				last.Part.To = c.Part.To
				continue
			}
		}
		joined = append(joined, c)
	}
	return joined
}

// frameView is one frame seen from one packet, which may hold only a part.
type frameView struct {
	d *dissection
	f *Frame
	p Part
}

// field appends a field that stands at [from, to) of the frame, if any of it
// is in this packet.
func (v frameView) field(fields []Field, name, value string, from, to int) []Field {
	lo, hi := v.p.place(from, to)
	if lo == hi && from != to {
		return fields
	}
	if hi-lo < to-from {
		value += fmt.Sprintf(" (%d of its %d bytes here)", hi-lo, to-from)
	}
	return append(fields, Field{name, value, lo, hi})
}

// frame appends the three layers of a frame. Our one frame header does what
// OSI gives to two layers, and TCP/IP to none: its first 8 bytes and its last
// 4 are about writing an event down, the others about whose event it is.
func (d *dissection) frame(n int, c Carried) {
	v := frameView{d, c.Frame, c.Part}
	for _, l := range []Layer{v.session(), v.presentation(), v.application()} {
		l.Frame, l.Of = n, c.Frame
		if l.From == l.To {
			l.Meaning = v.elsewhere()
		}
		d.add(l)
	}
}

// elsewhere says where the bytes are that this packet does not have.
func (v frameView) elsewhere() string {
	var packets []string
	for _, p := range v.f.Parts {
		if p.Packet != v.p.Packet && !p.Retransmission && !p.Damaged {
			packets = append(packets, fmt.Sprint(p.Packet))
		}
	}
	if len(packets) == 0 {
		return "This layer's bytes of the frame are not in this packet."
	}
	return "This layer's bytes of the frame are in packet " + strings.Join(packets, ", ") + "."
}

func (v frameView) session() Layer {
	f := v.f
	head, identity, _, _ := f.extents()
	l := Layer{Name: "rawlab identity", OSI: osiSession}
	l.From, l.To = v.p.place(head, identity)
	l.Overhead = l.To - l.From
	l.Fields = v.field(l.Fields, "origin", fmt.Sprintf("%d (%#x)", f.Origin, f.Origin), originAt, sequenceAt)
	l.Fields = v.field(l.Fields, "sequence", fmt.Sprint(f.Sequence), sequenceAt, timeAt)
	l.Fields = v.field(l.Fields, "emit time", emitTime(f.Time), timeAt, headerEnd)
	if f.Flags&framing.FlagOffset != 0 {
		l.Fields = v.field(l.Fields, "offset", fmt.Sprint(f.Offset), headerEnd, identity)
	}
	l.Meaning = fmt.Sprintf("Whose event it is: number %d of origin %d; with it a receiver sees gaps, drops doubles and resumes, which TCP/IP leaves to the application.", f.Sequence, f.Origin)
	if !f.Event() {
		l.Meaning = "Which client, event or place in a topic is spoken of, beyond the life of one connection; TCP/IP leaves that to the application."
	}
	return l
}

func (v frameView) presentation() Layer {
	f := v.f
	head, _, _, payload := f.extents()
	l := Layer{Name: "rawlab encoding", OSI: osiPresentation}
	l.From, l.To = v.p.place(0, head)
	l.Overhead = l.To - l.From
	l.Fields = v.field(l.Fields, "length", fmt.Sprintf("%d bytes after itself", f.Length-kindAt), 0, kindAt)
	l.Fields = v.field(l.Fields, "version, kind", fmt.Sprintf("%d, %v", framing.Version, f.Kind), kindAt, flagsAt)
	l.Fields = v.field(l.Fields, "flags", flagNames(f.Flags), flagsAt, codeAt)
	l.Fields = v.field(l.Fields, "code", f.Code.String(), codeAt, topicLenAt)
	l.Fields = v.field(l.Fields, "topic length", fmt.Sprint(len(f.Topic)), topicLenAt, head)
	l.Meaning = "How the event is written down: its length first, so that it can be cut out of a stream, and numbers in big-endian order."
	if f.Flags&framing.FlagCRC != 0 {
		lo, hi := v.p.place(payload, f.Length)
		l.Fields = v.field(l.Fields, "CRC-32C", v.crc(lo, hi), payload, f.Length)
		l.Overhead += hi - lo
		if l.From == l.To {
			l.From, l.To = lo, hi
		}
		l.Meaning = "How the event is written down: its length first, so that it can be cut out of a stream, and a CRC-32C behind it, so that a changed byte is noticed."
	}
	return l
}

// crc writes the frame's checksum and what verifying it came to.
func (v frameView) crc(lo, hi int) string {
	verdict := "good"
	var gap *GapError
	switch {
	case errors.Is(v.f.Err, framing.ErrChecksum):
		verdict = "bad"
	case errors.As(v.f.Err, &gap), errors.Is(v.f.Err, framing.ErrIncomplete), errors.Is(v.f.Err, ErrDamaged):
		verdict = "not checked"
	}
	return fmt.Sprintf("0x%x, %s", v.d.data[lo:hi], verdict)
}

func (v frameView) application() Layer {
	f := v.f
	_, identity, topic, payload := f.extents()
	l := Layer{Name: "rawlab " + f.Kind.String(), OSI: osiApplication}
	l.From, l.To = v.p.place(identity, payload)
	if topic > identity {
		l.Fields = v.field(l.Fields, "topic", fmt.Sprintf("%q", f.Topic), identity, topic)
	}
	if payload > topic {
		lo, hi := v.p.place(topic, payload)
		if body := v.body(lo, hi, payload-topic); body != nil {
			l.Fields = append(l.Fields, body...)
		} else if hi > lo {
			l.Fields = v.field(l.Fields, "payload", preview(v.d.data[lo:hi]), topic, payload)
		}
	}
	if !f.Event() {
		l.Overhead = l.To - l.From
	} else {
		lo, hi := v.p.place(identity, topic)
		l.Overhead = hi - lo
	}
	l.Meaning = applicationMeaning(f)
	if identity == payload { // nothing to say but the kind: not "elsewhere"
		l.From, l.To = v.p.place(kindAt, flagsAt)
		l.Overhead = 0
	}
	return l
}

func emitTime(ns uint64) string {
	if ns == 0 {
		return "none"
	}
	return time.Unix(0, int64(ns)).UTC().Format("2006-01-02 15:04:05.000000000")
}

func flagNames(f framing.Flags) string {
	var set []string
	for _, x := range []struct {
		flag framing.Flags
		name string
	}{{framing.FlagCRC, "checksum"}, {framing.FlagOffset, "offset"}, {framing.FlagWantAck, "wants ack"}, {framing.FlagReplayed, "replayed"},
		{framing.FlagRequest, "request"}, {framing.FlagReply, "reply"}, {framing.FlagRedelivered, "redelivered"}} {
		if f&x.flag != 0 {
			set = append(set, x.name)
		}
	}
	if len(set) == 0 {
		return "none"
	}
	return strings.Join(set, ", ")
}

const previewBytes = 24

// preview shows the first bytes as text, or as hex if they are none.
func preview(b []byte) string {
	more := ""
	if len(b) > previewBytes {
		more = fmt.Sprintf(" … (%d bytes)", len(b))
		b = b[:previewBytes]
	}
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c > '~' {
			return fmt.Sprintf("% x", b[:min(len(b), previewBytes*2/3)]) + more
		}
	}
	return fmt.Sprintf("%q", b) + more
}
