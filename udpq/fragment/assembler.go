package fragment

import (
	"container/list"
	"errors"
	"time"

	"rawlab/framing"
)

// Errors of [Assembler.Accept].
var (
	ErrDuplicate     = errors.New("fragment: the piece came before, or nobody waits for it any more")
	ErrContradiction = errors.New("fragment: the piece contradicts the others of its frame")
	ErrFull          = errors.New("fragment: too much waits for pieces")
)

// Defaults of [Config].
const (
	DefaultBytes   = 4 << 20
	DefaultCount   = 1024
	DefaultTimeout = 5 * time.Second
)

// maxClosed bounds the frames that are remembered as whole or given up, so
// that a late piece of one does not begin it anew.
const maxClosed = 4096

// Config bounds an assembler. The zero value works.
type Config struct {
	Limit   int           // largest frame in bytes, default framing.DefaultLimit
	Bytes   int           // of pieces that wait for others, default DefaultBytes, at least twice the limit
	Count   int           // of frames that wait for pieces, default DefaultCount
	Timeout time.Duration // without a new piece, then a frame is given up; default DefaultTimeout, negative: never
	Pool    *Pool         // shared with others, default none
}

// ID is the identity of the frame inside.
type ID struct{ Origin, Sequence uint64 }

// Lost is a frame that was given up.
type Lost struct {
	ID
	Full bool // for want of room; else for want of a piece
}

// Assembler puts frames together. It is not safe for concurrent use.
type Assembler struct {
	config Config
	open   map[ID]*partial
	idle   list.List // the IDs of open, that without a piece for longest first
	bytes  int       // of open
	closed map[ID]uint64
	order  []ID // of closed, the oldest first
	lost   []Lost
}

// NewAssembler returns an assembler.
func NewAssembler(c Config) *Assembler {
	if c.Limit <= 0 {
		c.Limit = framing.DefaultLimit
	}
	if c.Bytes <= 0 {
		c.Bytes = DefaultBytes
	}
	c.Bytes = max(c.Bytes, 2*c.Limit)
	if c.Count <= 0 {
		c.Count = DefaultCount
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	return &Assembler{config: c, open: make(map[ID]*partial), closed: make(map[ID]uint64)}
}

// Accept takes a fragment frame. It returns the frame inside once that is
// whole, nil before. Errors are [framing.ErrInvalid], [*framing.SizeError],
// and those of this package; [Assembler.Lost] then tells what was given up.
// The frame returned is the caller's; that its checksum is right, and its
// identity that of the fragments, is for the caller to verify.
func (a *Assembler) Accept(now time.Time, f *framing.Frame) ([]byte, error) {
	body, err := framing.ParseFragment(f.Payload)
	if err != nil {
		return nil, err
	}
	if uint64(body.Total) > uint64(a.config.Limit) {
		return nil, &framing.SizeError{Size: uint64(body.Total), Limit: uint64(a.config.Limit)}
	}
	a.Expire(now)
	id := ID{f.Origin, f.Sequence}
	p, err := a.find(id, f.Time, int(body.Total))
	if err != nil {
		return nil, err
	}
	before := p.cost()
	if err := p.add(&body); err != nil {
		return nil, err
	}
	p.last = now
	a.idle.MoveToBack(p.place)
	if err := a.hold(id, p.cost()-before); err != nil {
		return nil, err
	}
	if !p.whole() {
		return nil, nil
	}
	a.close(id)
	return p.join(), nil
}

// find returns the frame that a piece of that cut belongs to.
func (a *Assembler) find(id ID, cut uint64, total int) (*partial, error) {
	if last, known := a.closed[id]; known && cut <= last {
		return nil, ErrDuplicate
	}
	p := a.open[id]
	switch {
	case p != nil && cut == p.cut:
		return p, nil
	case p != nil && cut < p.cut:
		return nil, ErrDuplicate
	case p != nil:
		a.drop(id) // it comes anew: no fate yet
	}
	if len(a.open) >= a.config.Count {
		a.giveUpOldest(id)
	}
	p = &partial{cut: cut, total: total, place: a.idle.PushBack(id)}
	a.open[id] = p
	return p, nil
}

// hold makes room for n bytes more of p, giving up others or else p itself.
func (a *Assembler) hold(id ID, n int) error {
	a.bytes += n
	taken := a.config.Pool.take(n)
	for (!taken || a.bytes > a.config.Bytes) && a.giveUpOldest(id) {
		taken = taken || a.config.Pool.take(n)
	}
	if taken && a.bytes <= a.config.Bytes {
		return nil
	}
	if !taken {
		a.config.Pool.give(-n) // or more would be given back than was taken
	}
	a.giveUp(id, true)
	return ErrFull
}

// giveUpOldest gives up what has waited longest for a piece, but not that,
// and reports whether there was any.
func (a *Assembler) giveUpOldest(except ID) bool {
	e := a.idle.Front()
	if e != nil && e.Value == except {
		e = e.Next()
	}
	if e == nil {
		return false
	}
	a.giveUp(e.Value.(ID), true)
	return true
}

func (a *Assembler) giveUp(id ID, full bool) {
	a.close(id)
	a.lost = append(a.lost, Lost{id, full})
}

// close forgets the pieces of a frame, and remembers that it was here.
func (a *Assembler) close(id ID) { a.remember(id, a.drop(id).cut) }

// drop forgets the pieces of a frame.
func (a *Assembler) drop(id ID) *partial {
	p := a.open[id]
	delete(a.open, id)
	a.idle.Remove(p.place)
	a.bytes -= p.cost()
	a.config.Pool.give(p.cost())
	return p
}

func (a *Assembler) remember(id ID, cut uint64) {
	if _, known := a.closed[id]; !known {
		if len(a.order) == maxClosed {
			delete(a.closed, a.order[0])
			a.order = a.order[1:]
		}
		a.order = append(a.order, id)
	}
	a.closed[id] = cut
}

// Expire gives up what got no piece for too long.
func (a *Assembler) Expire(now time.Time) {
	for wake := a.Wake(); !wake.IsZero() && !wake.After(now); wake = a.Wake() {
		a.giveUp(a.idle.Front().Value.(ID), false)
	}
}

// Wake returns when to call Expire, zero if nothing waits.
func (a *Assembler) Wake() time.Time {
	if e := a.idle.Front(); e != nil && a.config.Timeout >= 0 {
		return a.open[e.Value.(ID)].last.Add(a.config.Timeout)
	}
	return time.Time{}
}

// Lost returns what was given up since the last call.
func (a *Assembler) Lost() []Lost {
	l := a.lost
	a.lost = nil
	return l
}

// Close gives up all that waits.
func (a *Assembler) Close() {
	for e := a.idle.Front(); e != nil; e = a.idle.Front() {
		a.giveUp(e.Value.(ID), false)
	}
}

// Held returns the bytes and frames that wait for pieces.
func (a *Assembler) Held() (bytes, frames int) { return a.bytes, len(a.open) }
