package dissect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"rawlab/framing"
)

// ErrDamaged means that the checksum of the datagram that carried a frame is
// bad: the receiving kernel drops it, and its bytes may lie.
var ErrDamaged = errors.New("dissect: bad checksum, the receiving kernel drops this packet")

// GapError means that bytes of a frame are not in the capture: lost before
// the tap, missed by it, or cut off.
type GapError struct {
	Missing int // bytes
}

func (e *GapError) Error() string {
	return fmt.Sprintf("dissect: %d bytes of the frame are not in the capture", e.Missing)
}

// Frame is one frame of our protocol as the capture has it.
type Frame struct {
	Transport Protocol       // [TCP] or [UDP]
	Src, Dst  netip.AddrPort // the flow, in the frame's direction

	Kind     framing.Kind
	Flags    framing.Flags
	Code     framing.Code
	Origin   uint64
	Sequence uint64
	Time     uint64 // emit time, nanoseconds since the Unix epoch
	Offset   uint64 // position in the topic's log; only with framing.FlagOffset
	Topic    string

	// Named are the sequences that a nack names, or a receipt's expired offsets.
	Named framing.Ranges

	Length        int // whole frame in bytes, as its prefix claims
	PayloadLength int // of it the payload

	// Err says why the frame could not be read whole: an error of framing,
	// [*GapError] or [ErrDamaged]. What was readable is filled in, as the
	// bytes claim; nothing of it can be trusted if the error is a checksum.
	Err error

	First, Last time.Time // when its first byte was captured, and the one that made it whole
	// Waited is how long it had all come before what precedes it in its stream
	// had: head-of-line blocking, if the tap is where it was received. Only
	// TCP makes whole frames wait.
	Waited time.Duration

	// Parts are the packets that carried its bytes, in the order of capture.
	// Those neither Retransmission nor Damaged cover the frame exactly once,
	// but for the bytes of a GapError.
	Parts []Part

	// Fragments is how many fragment frames carried the frame. Its Parts are
	// then the pieces inside them.
	Fragments int
}

// Event reports whether the frame carries an event: emit or event.
func (f *Frame) Event() bool {
	return f.Kind == framing.KindEmit || f.Kind == framing.KindEvent
}

// Part is a run of a frame's bytes within one packet.
type Part struct {
	Packet   int // as told to [Assembler.Add]
	From, To int // bytes in the packet
	At       int // where the run begins in the frame

	// Retransmission: an earlier undamaged packet of this capture had
	// brought these bytes already.
	Retransmission bool
	// Damaged: the segment's checksum is bad, so the receiver did not take
	// the bytes from it.
	Damaged bool
}

// place turns a range of the frame, or message, into one of the packet.
func (p Part) place(from, to int) (lo, hi int) {
	first, last := p.At, p.At+p.To-p.From
	clamp := func(x int) int { return p.From + min(max(x, first), last) - first }
	return clamp(from), clamp(to)
}

// The places of fields that identify a frame; framing's doc draws them.
const (
	kindAt     = 4
	flagsAt    = 5
	codeAt     = 6
	topicLenAt = 7
	originAt   = 8
	sequenceAt = 16
	timeAt     = 24
	headerEnd  = framing.MinSize
	offsetSize = 8
	crcSize    = 4
)

// claim fills in what the first bytes of a frame claim, as far as they go. It
// serves where framing refuses the whole.
func (f *Frame) claim(b []byte) {
	if len(b) < headerEnd {
		return
	}
	f.Kind = framing.Kind(b[kindAt] & 0x1f)
	f.Flags = framing.Flags(b[flagsAt])
	f.Code = framing.Code(b[codeAt])
	f.Origin = binary.BigEndian.Uint64(b[originAt:])
	f.Sequence = binary.BigEndian.Uint64(b[sequenceAt:])
	f.Time = binary.BigEndian.Uint64(b[timeAt:])
	around := headerEnd + int(b[topicLenAt])
	if f.Flags&framing.FlagOffset != 0 {
		around += offsetSize
	}
	if f.Flags&framing.FlagCRC != 0 {
		around += crcSize
	}
	f.PayloadLength = max(f.Length-around, 0)
}

// decode fills in a frame from its bytes, all of which are here, but for the
// topic, which it returns.
func (f *Frame) decode(b []byte, limit int) (topic []byte) {
	got, _, err := framing.Parse(b, limit)
	if err != nil {
		f.Err = err
		f.claim(b)
		return nil
	}
	f.Kind, f.Flags, f.Code = got.Kind, got.Flags, got.Code
	f.Origin, f.Sequence, f.Time, f.Offset = got.Origin, got.Sequence, got.Time, got.Offset
	f.PayloadLength = len(got.Payload)
	f.Named = named(&got)
	return got.Topic
}

// named copies the ranges out of a frame that has some.
func named(f *framing.Frame) framing.Ranges {
	switch f.Kind {
	case framing.KindNack:
		r, _ := framing.ParseRanges(f.Payload)
		return slices.Clone(r)
	case framing.KindReceipt:
		r, _ := framing.ParseReceipt(f.Payload)
		return slices.Clone(r.Expired)
	}
	return nil
}

// extents returns where a frame's parts end, each beginning where the one
// before ends: the encoding's head, the identity, the topic, the payload.
// What follows up to Length is the checksum.
func (f *Frame) extents() (head, identity, topic, payload int) {
	head, identity = originAt, headerEnd
	if f.Flags&framing.FlagOffset != 0 {
		identity += offsetSize
	}
	payload = f.Length
	if f.Flags&framing.FlagCRC != 0 {
		payload -= crcSize
	}
	return head, identity, identity + len(f.Topic), max(payload, identity+len(f.Topic))
}
