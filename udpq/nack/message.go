package nack

import (
	"encoding/binary"

	"rawlab/framing"
)

// HeaderBytes is what a number adds to a datagram.
const HeaderBytes = framing.MinSize + 4 // with a checksum

// AppendNumber appends a datagram's number to its frames.
func AppendNumber(frames []byte, number uint64) []byte {
	return appendFrame(frames, &framing.Frame{Kind: framing.KindNack, Sequence: number})
}

// Split takes the number off a datagram and returns the frames before it;
// without one, number is 0. Invalid counts frames that were none: a datagram
// with one must not be accepted, so that it is asked for.
func Split(datagram []byte) (frames []byte, number uint64, invalid int) {
	last, start, end := framing.Frame{}, 0, 0
	for f, err := range framing.Unpack(datagram) {
		if err != nil {
			invalid++
			continue
		}
		last, start, end = f, end, end+f.Size()
	}
	if invalid > 0 || !isNumber(&last) {
		return datagram, 0, invalid
	}
	return datagram[:start], last.Sequence, 0
}

// isNumber reports whether a frame is what AppendNumber appends. A nack with a
// payload is the queue's, of events that it refuses.
func isNumber(f *framing.Frame) bool {
	return f.Kind == framing.KindNack && f.Flags&framing.FlagOffset == 0 && len(f.Topic) == 0 && len(f.Payload) == 0 && f.Sequence > 0
}

// Says is what a message says.
type Says uint8

// What there is to say. The topic is empty in what is said of numbers.
const (
	Nothing Says = iota
	Ask          // Ranges are missing; all before them and up to UpTo has come, or will not
	Gone         // Ranges will not come: the sender no longer has them, or with GivenUp will not try again
	Beat         // First to UpTo have been sent, so far
	Answer       // up to UpTo all has come, or will not
)

// Message is a frame between two ends that is no event.
type Message struct {
	Says    Says
	Topic   []byte // of a log, whose offsets are meant; else numbers are
	First   uint64
	UpTo    uint64
	Lost    uint64 // of an Answer about numbers: how many will not come, since the start
	GivenUp bool
	Ranges  framing.Ranges
}

// Append appends the encoded message to dst.
func (m *Message) Append(dst []byte) []byte {
	f := framing.Frame{Kind: framing.KindNack, Flags: framing.FlagOffset, Topic: m.Topic, Offset: m.UpTo}
	switch {
	case m.Says == Gone:
		f.Payload, f.Code = m.Ranges, framing.CodeLimit
		if m.GivenUp {
			f.Code = framing.CodeTimeout
		}
	case m.Says == Beat && len(m.Topic) > 0:
		f.Sequence = m.First
	case m.Says == Answer && len(m.Topic) == 0:
		f.Kind, f.Payload = framing.KindAck, binary.BigEndian.AppendUint64(nil, m.Lost)
	default:
		f.Payload = m.Ranges
	}
	return appendFrame(dst, &f)
}

// Parse reads a message; it says Nothing if the frame is none. A nack of a
// topic without ranges is a Beat for a subscriber, an Answer for its server.
func Parse(f *framing.Frame, subscriber bool) (Message, error) {
	m := Message{Topic: f.Topic, UpTo: f.Offset}
	switch {
	case f.Flags&framing.FlagOffset == 0:
		return Message{}, nil
	case f.Kind == framing.KindAck && len(f.Topic) == 0 && len(f.Payload) == 8:
		m.Says, m.Lost = Answer, binary.BigEndian.Uint64(f.Payload)
		return m, nil
	case f.Kind != framing.KindNack:
		return Message{}, nil
	}
	var err error
	m.Ranges, err = framing.ParseRanges(f.Payload)
	switch {
	case err != nil:
		return Message{}, err
	case f.Code != framing.CodeOK:
		m.Says, m.GivenUp = Gone, f.Code == framing.CodeTimeout
	case len(m.Ranges) > 0:
		m.Says = Ask
	case len(f.Topic) == 0 || subscriber:
		m.Says, m.First = Beat, f.Sequence
	default:
		m.Says = Answer
	}
	return m, nil
}

func appendFrame(dst []byte, f *framing.Frame) []byte {
	f.Flags |= framing.FlagCRC
	b, err := f.Append(dst)
	if err != nil {
		panic("nack: own frame cannot be encoded: " + err.Error())
	}
	return b
}
