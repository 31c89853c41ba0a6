package account

import (
	"fmt"
	"net/netip"
	"slices"

	"rawlab/framing"
)

// cutKey names an event that was cut into fragment frames, each time anew.
type cutKey struct {
	src, dst netip.AddrPort
	event    ID
	time     uint64
}

// cut is where each of a crossing's packets belongs in an event's frame.
type cut struct {
	total int
	at    []int
	sizes map[int]int // by place: bytes of the piece
}

// add notes the fragment frame of the next packet.
func (c *cut) add(f *framing.Frame) {
	piece, err := framing.ParseFragment(f.Payload)
	if err != nil {
		c.at = append(c.at, -1)
		return
	}
	if c.sizes == nil {
		c.sizes = map[int]int{}
	}
	c.total = int(piece.Total)
	c.sizes[int(piece.Position)] = len(piece.Piece)
	c.at = append(c.at, int(piece.Position))
}

// whole reports whether all pieces left the host.
func (c *cut) whole() bool {
	n := 0
	for _, size := range c.sizes {
		n += size
	}
	return n == c.total
}

// again reports whether the nth packet carried a piece that had left before.
func (c *cut) again(n int) bool { return slices.Contains(c.at[:n], c.at[n]) }

// say names the piece that the nth packet carried.
func (c *cut) say(n int) string {
	place := 1
	for at := range c.sizes {
		if at < c.at[n] {
			place++
		}
	}
	return fmt.Sprintf("fragment %d of %d of ", place, len(c.sizes))
}

// addPieces counts a crossing in pieces. Copies of a piece are one piece to
// who puts the event together.
func (l *leg) addPieces(c *crossing, wire *Wire) {
	var passed, arrived, admitted []int // places
	damaged, refused := false, false
	var count [5]int
	copies, unseen := 0, !c.cut.whole()
	for i, s := range c.pieces {
		copies += s.Arrived
		damaged, refused = damaged || s.damaged > 0, refused || s.refused > 0
		if s.admitted > 0 {
			admitted = append(admitted, c.cut.at[i])
		}
		if s.Passage < 0 {
			unseen = true
			continue
		}
		p := &wire.Passages[s.Passage]
		count[p.Fate]++
		l.hit = l.hit || l.sent == 0 && !c.cut.again(i) && (p.Fate == PacketLost || p.Fate == PacketCorrupted)
		if p.Fate == PacketPassed {
			passed = append(passed, c.cut.at[i])
			if s.Arrived > 0 {
				arrived = append(arrived, c.cut.at[i])
			}
		}
	}
	l.sent++
	all := func(places []int) bool {
		slices.Sort(places)
		return c.cut.whole() && len(slices.Compact(places)) == len(c.cut.sizes)
	}
	switch {
	case all(admitted):
		l.admitted++
	case damaged:
		l.damaged++
	}
	if refused {
		l.refused++
	}
	switch {
	case all(passed):
		l.passed++
		if all(arrived) {
			l.arrived++
			copies--
		}
	default:
		l.end(&count, unseen)
	}
	l.beside += copies
}
