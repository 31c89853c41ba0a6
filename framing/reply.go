package framing

import "encoding/binary"

// Reply is the payload of an emit or an event with [FlagReply]: the identity
// of the request, and what is answered to it.
//
//	u64 origin | u64 sequence | answer
type Reply struct {
	Origin, Sequence uint64 // of the request
	Payload          []byte // the user's bytes
}

// Append appends the encoded body to dst.
func (r *Reply) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, r.Origin)
	dst = binary.BigEndian.AppendUint64(dst, r.Sequence)
	return append(dst, r.Payload...)
}

// ParseReply decodes the payload of a reply, which it aliases.
func ParseReply(b []byte) (Reply, error) {
	c := cursor{b: b}
	r := Reply{Origin: c.u64(), Sequence: c.u64()}
	if c.bad {
		return Reply{}, ErrInvalid
	}
	r.Payload = c.b
	return r, nil
}
