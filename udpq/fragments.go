package udpq

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/udpq/fragment"
)

// Fragments is who cuts an event that is larger than a datagram may be.
type Fragments string

// The ways to cut.
const (
	FragmentsOwn Fragments = "own" // this end, into datagrams that the path takes whole; if the other end knows them
	FragmentsIP  Fragments = "ip"  // the kernel, into packets of IP; up to MaxWhole bytes
)

// ParseFragments returns the way of that name; own for no name.
func ParseFragments(name string) (Fragments, error) {
	switch f := Fragments(name); f {
	case "":
		return FragmentsOwn, nil
	case FragmentsOwn, FragmentsIP:
		return f, nil
	}
	return "", fmt.Errorf("unknown way to cut events %q: own or ip", name)
}

// A hello says behind its rung that the client takes events in pieces.
const piecesWord = "pieces"

func withPieces(rung string) string { return strings.TrimPrefix(rung+","+piecesWord, ",") }

func takesPieces(hello string) bool { return hello != withoutPieces(hello) }

func withoutPieces(hello string) string {
	rung, found := strings.CutSuffix(hello, piecesWord)
	if found && (rung == "" || strings.HasSuffix(rung, ",")) {
		return strings.TrimSuffix(rung, ",")
	}
	return hello
}

// reassembly puts the frames of one conversation together out of fragment
// frames, on a clock. It is safe for concurrent use.
type reassembly struct {
	clock  clock.Clock
	config fragment.Config
	lost   func(fragment.Lost) // told of each frame that is given up

	pieces  atomic.Uint64 // received
	refused atomic.Uint64 // of them

	mu        sync.Mutex
	assembler *fragment.Assembler // made when it is needed
	timer     clock.Timer
	closed    bool
}

// accept takes a fragment frame and returns the frame inside once it is
// whole, nil before. An error says that there was a whole one, of that
// identity, and it was no frame.
func (r *reassembly) accept(f *framing.Frame) (*framing.Frame, error) {
	r.pieces.Add(1)
	whole, lost, err := r.put(f)
	for _, l := range lost {
		r.lost(l)
	}
	if err != nil {
		r.refused.Add(1)
		return nil, nil
	}
	if whole == nil {
		return nil, nil
	}
	inner, size, err := framing.Parse(whole, len(whole))
	switch {
	case err != nil:
		return nil, err
	case size != len(whole), inner.Flags&framing.FlagCRC == 0, inner.Kind == framing.KindFragment:
		return nil, framing.ErrInvalid
	case inner.Origin != f.Origin || inner.Sequence != f.Sequence:
		return nil, framing.ErrInvalid
	}
	return &inner, nil
}

func (r *reassembly) put(f *framing.Frame) (whole []byte, lost []fragment.Lost, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, nil, fragment.ErrDuplicate
	}
	if r.assembler == nil {
		r.assembler = fragment.NewAssembler(r.config)
	}
	now := r.clock.Now()
	whole, err = r.assembler.Accept(now, f)
	r.arm(now)
	return whole, r.assembler.Lost(), err
}

// arm sets the timer to when something is to be given up. The caller holds mu.
func (r *reassembly) arm(now time.Time) {
	wake := r.assembler.Wake()
	switch {
	case wake.IsZero() && r.timer != nil:
		r.timer.Stop()
	case wake.IsZero():
	case r.timer == nil:
		r.timer = r.clock.AfterFunc(wake.Sub(now), r.expire)
	default:
		r.timer.Reset(wake.Sub(now))
	}
}

func (r *reassembly) expire() {
	r.mu.Lock()
	var lost []fragment.Lost
	if !r.closed {
		now := r.clock.Now()
		r.assembler.Expire(now)
		r.arm(now)
		lost = r.assembler.Lost()
	}
	r.mu.Unlock()
	for _, l := range lost {
		r.lost(l)
	}
}

// close gives up all that is not whole.
func (r *reassembly) close() {
	r.mu.Lock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	var lost []fragment.Lost
	if r.assembler != nil {
		r.assembler.Close()
		lost = r.assembler.Lost()
	}
	r.mu.Unlock()
	for _, l := range lost {
		r.lost(l)
	}
}

// cutter cuts frames that leave. The zero value cuts none; it is used by one
// goroutine at a time.
type cutter struct {
	last  uint64 // time of the last cut
	b     []byte
	sizes []int
}

// cut returns the datagrams, end to end, that carry a frame, and their sizes.
// They are valid until the next call.
func (c *cutter) cut(now time.Time, frame []byte, origin, sequence uint64, budget int) (datagrams []byte, sizes []int) {
	c.last = max(c.last+1, uint64(now.UnixNano()))
	c.b, c.sizes = fragment.Append(c.b[:0], c.sizes[:0], frame, origin, sequence, c.last, budget)
	return c.b, c.sizes
}
