package fec

import (
	"time"

	"github.com/klauspost/reedsolomon"

	"rawlab/framing"
)

// Defaults of [NewDecoder].
const (
	DefaultWait      = 50 * time.Millisecond
	DefaultHeldBytes = 1 << 20
)

const (
	idleTime  = time.Second // without anything coming, until memory is given back
	maxNumber = 1 << 62     // no conversation lasts so long
)

// DecoderStats is what a decoder has seen so far. Datagrams are counted.
type DecoderStats struct {
	Parity     uint64 // received
	Repaired   uint64 // rebuilt out of parity
	Unrepaired uint64 // given up: their events are missing
	Duplicates uint64 // came before
	Late       uint64 // came after they were given up, and were dropped
	Invalid    uint64 // headers that make no sense, parity that does not fit its group, and what was rebuilt wrongly
}

// Decoder is the end that repairs.
type Decoder struct {
	params    Params
	codec     reedsolomon.Encoder
	unordered bool
	wait      time.Duration
	limit     int
	stats     DecoderStats

	next   uint64 // the lowest number that is neither delivered nor given up
	newest uint64 // the highest that has come, or that parity tells of
	window window
	oldest uint64 // the lowest whose shard may be kept
	groups []group
	ready  [][]byte // scratch of Accept
	shards [][]byte // scratch of repair
	store  store
	heard  time.Time // when something came last
}

// NewDecoder returns a decoder at the start of a conversation. A datagram that
// is missing is waited for, by default DefaultWait; then it is given up, with
// what follows it delivered. If datagrams are wanted unordered they are
// delivered as they come. Up to heldBytes are kept, by default
// DefaultHeldBytes, to repair and to put in order. It panics if the params do
// not pass their Check.
func NewDecoder(p Params, unordered bool, wait time.Duration, heldBytes int) *Decoder {
	if err := p.Check(); err != nil {
		panic(err)
	}
	if wait <= 0 {
		wait = DefaultWait
	}
	if heldBytes <= 0 {
		heldBytes = DefaultHeldBytes
	}
	return &Decoder{
		params: p, codec: codecOf(p), unordered: unordered, wait: wait, limit: heldBytes,
		next: 1, oldest: 1, window: newWindow(p), shards: make([][]byte, p.Data+p.Parity),
	}
}

// Stats returns what was seen so far.
func (d *Decoder) Stats() DecoderStats { return d.stats }

// Held returns the bytes that are kept.
func (d *Decoder) Held() int { return d.store.held }

// Accept takes what Split returned, and returns the frames of the datagrams
// to deliver now, oldest first, until the next call.
func (d *Decoder) Accept(now time.Time, h *Header, frames []byte) [][]byte {
	d.begin()
	d.heard = now
	if h.Number > 0 {
		d.arrive(now, h.Number, frames)
	} else {
		d.protect(now, &h.Parity)
	}
	d.advance(now)
	d.shrink()
	return d.ready
}

// OnTimer acts on the time: it returns what has waited in vain for an earlier
// datagram as Accept does.
func (d *Decoder) OnTimer(now time.Time) [][]byte {
	d.begin()
	d.advance(now)
	if now.Sub(d.heard) >= idleTime && d.next > d.newest {
		d.rest()
	}
	return d.ready
}

// Wake returns when to call OnTimer unless something comes before, the zero
// time if never.
func (d *Decoder) Wake() time.Time {
	switch {
	case d.next <= d.newest:
		return d.window.at(d.next).due
	case !d.store.empty() || len(d.groups) > 0 || d.window.large():
		return d.heard.Add(idleTime)
	}
	return time.Time{}
}

func (d *Decoder) begin() {
	d.ready = d.ready[:0]
	d.store.recycle()
}

// rest gives memory back: nothing has come for a while, and nothing is
// missing that could be repaired.
func (d *Decoder) rest() {
	small := newWindow(d.params)
	for n := small.first(d.newest); n <= d.newest; n++ {
		small.at(n).state = d.window.at(n).state
	}
	d.window, d.store, d.groups, d.oldest = small, store{}, nil, d.newest+1
}

// arrive takes a numbered datagram.
func (d *Decoder) arrive(now time.Time, number uint64, frames []byte) {
	if number > maxNumber {
		d.stats.Invalid++
		return
	}
	d.extend(now, number)
	if d.window.forgotten(number, d.newest) {
		d.stats.Late++
		return
	}
	switch s := d.window.at(number); {
	case s.state == waiting || s.state == passed:
		d.stats.Duplicates++
	case s.state == lost && !d.unordered:
		d.stats.Late++
	default:
		if s.state == lost {
			d.stats.Unrepaired--
		}
		d.keep(s, number, appendShard(d.store.take(lengthBytes+len(frames)), frames))
		d.repairGroupOf(number)
	}
}

// keep notes that a datagram has come, as this shard, or was rebuilt.
func (d *Decoder) keep(s *slot, number uint64, shard []byte) {
	s.shard, s.state = shard, waiting
	d.oldest = min(d.oldest, number)
	if d.unordered {
		d.deliver(s)
	}
}

// deliver hands over what has come.
func (d *Decoder) deliver(s *slot) {
	d.ready = append(d.ready, s.frames())
	s.state = passed
	if s.settled {
		d.release(s)
	}
}

// release lets go of a shard. Its bytes stay until the next call.
func (d *Decoder) release(s *slot) {
	d.store.release(s.shard)
	s.shard = nil
}

// extend notes that numbers up to this one were sent, and waits for those
// that have not come.
func (d *Decoder) extend(now time.Time, number uint64) {
	if number <= d.newest {
		return
	}
	d.makeRoom(number)
	due := now.Add(d.wait)
	for d.newest < number {
		d.newest++
		s := d.window.at(d.newest)
		d.release(s)
		*s = slot{due: due}
	}
	d.closeGroups()
}

// makeRoom sees to it that a number fits into the window: it grows, or what
// leaves it is given up.
func (d *Decoder) makeRoom(number uint64) {
	block := uint64(d.params.Data * d.params.Depth) // what may be needed to repair the next
	for number-d.newest < mostWindow && d.window.forgotten(max(d.next, block)-block, number) && d.window.grow(d.newest) {
	}
	if d.window.forgotten(d.newest+1, number) { // all of it, and more
		d.passTo(d.newest + 1)
		for i := range d.window.slots {
			d.release(&d.window.slots[i])
		}
		first := number - uint64(len(d.window.slots)) + 1
		d.stats.Unrepaired += first - d.next
		d.next, d.newest = first, first-1
	}
	for d.window.forgotten(d.next, number) {
		d.passTo(d.next + 1)
	}
	if first := d.window.first(number); d.oldest < first {
		d.oldest = first
	}
}

// passTo delivers what has come up to a number, and gives up what has not.
func (d *Decoder) passTo(limit uint64) {
	for d.next < limit {
		s := d.window.at(d.next)
		switch s.state {
		case absent:
			s.state = lost
			d.stats.Unrepaired++
		case waiting:
			d.deliver(s)
		}
		d.next++
	}
}

// advance moves on over what has come or has been waited for long enough.
func (d *Decoder) advance(now time.Time) {
	for d.next <= d.newest {
		if s := d.window.at(d.next); s.state == absent && now.Before(s.due) {
			break
		}
		d.passTo(d.next + 1)
	}
	d.closeGroups()
}

// shrink keeps within the bound: the oldest that are delivered go first, and
// what waits behind something missing has to go without.
func (d *Decoder) shrink() {
	for d.store.held > d.limit {
		switch {
		case d.oldest < d.next && d.oldest <= d.newest:
			d.release(d.window.at(d.oldest))
			d.oldest++
		case d.next <= d.newest:
			d.passTo(d.next + 1)
		case len(d.groups) > 0:
			d.closeGroup(0)
		default:
			return
		}
	}
}

// valid reports whether parity can be of this conversation.
func (d *Decoder) valid(p *framing.Parity) bool {
	last := p.First + uint64(p.Data-1)*uint64(d.params.Depth)
	return int(p.Data) <= d.params.Data && int(p.Redundant) == d.params.Parity &&
		p.First > 0 && p.First <= maxNumber && last <= maxNumber && len(p.Shard) >= leastShard && len(p.Shard) <= maxShard
}
