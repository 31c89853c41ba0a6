package framing

import "encoding/binary"

// Run is plain emit frames that follow each other on a stream: of one
// origin, for one topic, with sequences that count up. A server passes them
// on as they are: an emit and its event differ in the kind and in the wish
// for an acknowledgement, which [Reader.Run] has changed where they lie.
type Run struct {
	Frames   []byte // whole event frames, end to end
	Count    int
	Origin   uint64
	Sequence uint64 // of the first; the others follow without a hole
	Topic    []byte
	WantAck  bool // each was emitted with FlagWantAck
}

// Last returns the sequence of the run's last frame.
func (r *Run) Last() uint64 { return r.Sequence + uint64(r.Count) - 1 }

// Run takes the run that stands next, as far as it has been read: emits of
// that origin, with a topic and a number, no flag but FlagWantAck and no
// code. It is valid until the following call. False means that something
// else is next, or nothing yet: then call Next.
func (r *Reader) Run(origin uint64) (Run, bool) {
	run := takeRun(r.buf[r.start:r.end], r.limit, origin)
	r.start += len(run.Frames)
	return run, run.Count > 0
}

// The first eight bytes of a frame as one number: all that is decided by them
// is decided by one comparison.
const (
	headLength  = 32 // bits to the right of the length prefix
	plainEmit   = uint64(Version<<5|KindEmit) << 24
	plainMask   = 0xffffff00 &^ (uint64(FlagWantAck) << 16) // kind, flags and code, but for the wish
	topicLength = 0xff
)

// takeRun turns the plain emits at the start of b into events.
func takeRun(b []byte, limit int, origin uint64) Run {
	size, err := Peek(b, limit)
	if err != nil || size > len(b) {
		return Run{}
	}
	head := binary.BigEndian.Uint64(b)
	topic := headerBytes + int(head&topicLength)
	sequence := binary.BigEndian.Uint64(b[16:])
	if head&plainMask != plainEmit || topic == headerBytes || size < topic || sequence == 0 {
		return Run{}
	}
	run := Run{Origin: origin, Sequence: sequence, Topic: b[headerBytes:topic:topic], WantAck: head&(uint64(FlagWantAck)<<16) != 0}
	end := 0
	for {
		f := b[end : end+size : end+size]
		if binary.BigEndian.Uint64(f[8:]) != origin || binary.BigEndian.Uint64(f[16:]) != sequence || string(f[headerBytes:topic]) != string(run.Topic) {
			break
		}
		f[4], f[5] = Version<<5|byte(KindEvent), 0
		end += size
		sequence++
		if len(b)-end < MinSize {
			break
		}
		if next := binary.BigEndian.Uint64(b[end:]); next != head {
			if uint32(next) != uint32(head) {
				break
			}
			if size, err = Peek(b[end:], limit); err != nil || size < topic {
				break
			}
			head = next
		}
		if size > len(b)-end {
			break
		}
	}
	run.Frames, run.Count = b[:end:end], int(sequence-run.Sequence)
	return run
}
