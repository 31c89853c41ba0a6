package ack

import (
	"encoding/binary"

	"rawlab/framing"
)

// maxRanges bounds the ranges of an ack: it fits into one packet with them.
const maxRanges = 64

// HeaderBytes is the size of a header without ranges.
const HeaderBytes = framing.MinSize + 8 + 4 // with an offset and a checksum

// Header is the last frame of a datagram.
type Header struct {
	Number uint64         // of this datagram, 0 if it is not to be acknowledged
	Sent   uint64         // when that was, by the sender's clock in nanoseconds
	Limit  uint64         // bytes of frames, counted from the first number on, that there is room for; 0 if it is not told
	UpTo   uint64         // all numbers up to and including it have come
	Echo   uint64         // the Sent of what came last, 0 if it is not told
	Beyond framing.Ranges // what has come too, all greater; only with an Echo
}

// Append appends the encoded header to the frames of a datagram.
func (h *Header) Append(frames []byte) []byte {
	f := framing.Frame{
		Kind: framing.KindAck, Flags: framing.FlagCRC | framing.FlagOffset,
		Origin: h.Limit, Sequence: h.Number, Time: h.Sent, Offset: h.UpTo,
	}
	if h.Echo > 0 {
		f.Payload = append(binary.BigEndian.AppendUint64(nil, h.Echo), h.Beyond...)
	}
	b, err := f.Append(frames)
	if err != nil {
		panic("ack: own header cannot be encoded: " + err.Error())
	}
	return b
}

// Split takes the header off a datagram and returns the frames before it;
// found is false if the last frame is another. Invalid counts frames that
// were none: a datagram with one must not be accepted, so that it comes again.
func Split(datagram []byte) (frames []byte, h Header, found bool, invalid int) {
	start, end := 0, 0
	for n := 1; n > 0 && end < len(datagram); {
		var err error
		if n, err = framing.Verify(datagram[end:]); err != nil {
			invalid++
		}
		start, end = end, end+n
	}
	if invalid > 0 {
		return datagram, Header{}, false, invalid
	}
	last, _, err := framing.Parse(datagram[start:], 0)
	if err != nil || last.Kind != framing.KindAck || last.Flags&framing.FlagOffset == 0 || len(last.Topic) > 0 {
		return datagram, Header{}, false, 0
	}
	h = Header{Limit: last.Origin, Number: last.Sequence, Sent: last.Time, UpTo: last.Offset}
	if len(last.Payload) >= 8 {
		h.Echo, last.Payload = binary.BigEndian.Uint64(last.Payload), last.Payload[8:]
	}
	if h.Beyond, err = framing.ParseRanges(last.Payload); err != nil {
		return datagram, Header{}, false, 1
	}
	return datagram[:start], h, true, 0
}
