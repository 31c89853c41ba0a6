package fragment

import (
	"container/list"
	"slices"
	"time"

	"rawlab/framing"
)

// pieceBytes is what a piece costs besides its bytes, about.
const pieceBytes = 64

// partial is a frame that is not whole yet.
type partial struct {
	cut    uint64 // its pieces' time
	total  int
	b      []byte  // the pieces, as they came
	pieces []piece // in the order of their places
	last   time.Time
	place  *list.Element
}

// piece is where bytes of the frame lie in b.
type piece struct{ at, start, length int }

func (p *piece) end() int { return p.at + p.length }

// add takes a piece, unless it contradicts those that are here.
func (p *partial) add(f *framing.Fragment) error {
	n := piece{at: int(f.Position), start: len(p.b), length: len(f.Piece)}
	if int(f.Total) != p.total {
		return ErrContradiction
	}
	i, same := slices.BinarySearchFunc(p.pieces, n.at, func(x piece, at int) int { return x.at - at })
	switch {
	case same && p.pieces[i].length == n.length:
		return ErrDuplicate
	case same, i > 0 && p.pieces[i-1].end() > n.at, i < len(p.pieces) && p.pieces[i].at < n.end():
		return ErrContradiction
	}
	p.pieces = slices.Insert(p.pieces, i, n)
	p.b = append(p.b, f.Piece...)
	return nil
}

func (p *partial) whole() bool { return len(p.b) == p.total }

// cost is the bytes that p is counted with.
func (p *partial) cost() int { return len(p.b) + len(p.pieces)*pieceBytes }

// join returns the whole frame. Pieces that came in order lie in order.
func (p *partial) join() []byte {
	inOrder := true
	for i := range p.pieces {
		inOrder = inOrder && p.pieces[i].at == p.pieces[i].start
	}
	if inOrder {
		return p.b
	}
	frame := make([]byte, 0, p.total)
	for _, x := range p.pieces {
		frame = append(frame, p.b[x.start:x.start+x.length]...)
	}
	return frame
}
