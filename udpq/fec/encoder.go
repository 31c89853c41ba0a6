package fec

import (
	"time"

	"github.com/klauspost/reedsolomon"

	"rawlab/framing"
)

// maxBlockBytes bounds what waits to be covered by parity.
const maxBlockBytes = 256 << 10

// Encoder numbers datagrams and makes parity for them. Those since the last
// parity are a block: Depth groups, dealt out to in turn.
type Encoder struct {
	params Params
	codec  reedsolomon.Encoder
	number uint64 // the last one given
	born   time.Time
	count  int      // datagrams in the block
	bytes  int      // in them
	data   [][]byte // the block's shards; behind count, buffers of earlier ones
	parity [][]byte // by group and index, each behind room for its header
	group  [][]byte // scratch: the shards of one group
	buf    []byte   // scratch
}

// NewEncoder returns an encoder at the start of a conversation. It panics if
// the params do not pass their Check.
func NewEncoder(p Params) *Encoder {
	if err := p.Check(); err != nil {
		panic(err)
	}
	return &Encoder{params: p, codec: codecOf(p), parity: make([][]byte, p.Depth*p.Parity)}
}

// Add takes the frames of the next datagram, maxFrames at most, and returns
// its number.
func (e *Encoder) Add(now time.Time, frames []byte) uint64 {
	if e.count == 0 {
		e.born = now
	}
	if e.count == len(e.data) {
		e.data = append(e.data, nil)
	}
	e.data[e.count] = appendShard(e.data[e.count][:0], frames)
	e.count++
	e.bytes += len(frames)
	e.number++
	return e.number
}

// Full reports whether it is time for parity, since the block is full.
func (e *Encoder) Full() bool {
	return e.count == e.params.Data*e.params.Depth || e.bytes >= maxBlockBytes
}

// Born returns when the block was begun, the zero time if nothing is in it.
func (e *Encoder) Born() time.Time {
	if e.count == 0 {
		return time.Time{}
	}
	return e.born
}

// Parity ends the block: it calls send with each datagram of parity for it,
// which is valid during the call. The groups go on taking turns, so that a
// burst of Parity × Depth datagrams, wherever it begins, takes no more than
// Parity from each.
func (e *Encoder) Parity(send func(datagram []byte)) {
	groups := min(e.count, e.params.Depth)
	for g := range groups {
		e.encode(g)
	}
	for i := range groups * e.params.Parity {
		g, index := (e.count+i)%groups, i/groups
		e.buf = appendParity(e.buf[:0], &framing.Frame{
			Kind: framing.KindParity, Flags: framing.FlagCRC, Payload: e.parity[g*e.params.Parity+index],
		})
		send(e.buf)
	}
	e.count, e.bytes = 0, 0
}

// encode makes the parity of a group of the block.
func (e *Encoder) encode(g int) {
	size, members := 0, 0
	for i := g; i < e.count; i += e.params.Depth {
		size = max(size, len(e.data[i]))
		members++
	}
	e.group = e.group[:0]
	for i := g; i < e.count; i += e.params.Depth {
		e.data[i] = pad(e.data[i], size)
		e.group = append(e.group, e.data[i])
	}
	for range e.params.Data - members {
		e.group = append(e.group, nothing[:size])
	}
	head := framing.Parity{
		First: e.number - uint64(e.count-1-g), Data: uint8(members), Redundant: uint8(e.params.Parity),
	}
	parity := e.parity[g*e.params.Parity:][:e.params.Parity]
	for i := range parity {
		head.Index = uint8(i)
		parity[i] = pad(head.Append(parity[i][:0]), parityHeader+size)
		e.group = append(e.group, parity[i][parityHeader:])
	}
	if err := e.codec.Encode(e.group); err != nil {
		panic("fec: encoding: " + err.Error())
	}
}

// pad extends b by zeros.
func pad(b []byte, size int) []byte {
	n := len(b)
	if cap(b) < size {
		b = append(make([]byte, 0, size), b...)
	}
	b = b[:size]
	clear(b[n:])
	return b
}
