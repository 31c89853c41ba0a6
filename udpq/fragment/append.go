package fragment

import "rawlab/framing"

// OverheadBytes is what a fragment frame has besides its piece: a frame's
// header and checksum, and the two numbers of [framing.Fragment].
const OverheadBytes = framing.MinSize + 4 + 8

// MinBudget is the smallest datagram in bytes that frames are cut for: what
// every host of IPv4 takes in (RFC 791 section 3.1), without the headers of IP
// and UDP.
const MinBudget = 576 - 20 - 8

// Append appends fragment frames of at most budget bytes each, which carry an
// encoded frame of that identity, and their sizes. A budget under [MinBudget]
// counts as that.
func Append(dst []byte, sizes []int, frame []byte, origin, sequence, cut uint64, budget int) ([]byte, []int) {
	room := max(budget, MinBudget) - OverheadBytes
	var body []byte
	for at := 0; at < len(frame); at += room {
		p := framing.Fragment{Total: uint32(len(frame)), Position: uint32(at), Piece: frame[at:min(at+room, len(frame))]}
		body = p.Append(body[:0])
		start := len(dst)
		f := framing.Frame{Kind: framing.KindFragment, Flags: framing.FlagCRC, Origin: origin, Sequence: sequence, Time: cut, Payload: body}
		var err error
		if dst, err = f.Append(dst); err != nil {
			panic("fragment: own frame cannot be encoded: " + err.Error())
		}
		sizes = append(sizes, len(dst)-start)
	}
	return dst, sizes
}
