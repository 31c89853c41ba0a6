package framing

import (
	"encoding/binary"
	"fmt"
)

// MaxName is the longest client name in bytes.
const MaxName = 255

// Hello is the payload of a hello frame:
//
//	u8 lowest version | u8 highest version | u8 name length | name | u16 token length | token
type Hello struct {
	MinVersion, MaxVersion uint8
	Name                   []byte // the durable name ("--as"), empty for an anonymous client
	Token                  []byte // credentials, empty if none
}

// Append appends the encoded body to dst.
func (h *Hello) Append(dst []byte) ([]byte, error) {
	if len(h.Name) > MaxName || len(h.Token) > 0xffff {
		return dst, fmt.Errorf("%w: name of %d bytes (at most %d), token of %d (at most 65535)", ErrInvalid, len(h.Name), MaxName, len(h.Token))
	}
	dst = append(dst, h.MinVersion, h.MaxVersion, byte(len(h.Name)))
	dst = append(dst, h.Name...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(h.Token)))
	return append(dst, h.Token...), nil
}

// ParseHello decodes the payload of a hello frame, which it aliases.
func ParseHello(b []byte) (Hello, error) {
	c := cursor{b: b}
	h := Hello{MinVersion: c.u8(), MaxVersion: c.u8()}
	h.Name = c.bytes(int(c.u8()))
	h.Token = c.bytes(int(c.u16()))
	return h, c.end()
}

// Welcome is the payload of a welcome frame; the granted origin is in the
// frame's header.
//
//	u8 version | u32 frame limit | u64 epoch
type Welcome struct {
	Version uint8
	Limit   uint32 // largest whole frame in bytes that the server accepts
	Epoch   uint64 // changes when the server's logs were lost
}

// Append appends the encoded body to dst.
func (w *Welcome) Append(dst []byte) []byte {
	dst = append(dst, w.Version)
	dst = binary.BigEndian.AppendUint32(dst, w.Limit)
	return binary.BigEndian.AppendUint64(dst, w.Epoch)
}

// ParseWelcome decodes the payload of a welcome frame.
func ParseWelcome(b []byte) (Welcome, error) {
	c := cursor{b: b}
	w := Welcome{Version: c.u8(), Limit: c.u32(), Epoch: c.u64()}
	return w, c.end()
}

// Receipt is the payload of a receipt frame, the answer to a subscribe: what
// the client missed, replayed or expired, even when both are none.
//
//	u64 epoch | u64 from | u64 to | u64 replayed | expired ranges: n × (u64 from, u64 to)
type Receipt struct {
	Epoch    uint64
	From, To uint64 // offsets [From, To) are what came while the client was away
	Replayed uint64 // how many of them follow now
	Expired  Ranges // which of them the store no longer has
}

// Append appends the encoded body to dst.
func (r *Receipt) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, r.Epoch)
	dst = binary.BigEndian.AppendUint64(dst, r.From)
	dst = binary.BigEndian.AppendUint64(dst, r.To)
	dst = binary.BigEndian.AppendUint64(dst, r.Replayed)
	return append(dst, r.Expired...)
}

// ParseReceipt decodes the payload of a receipt frame, which it aliases.
func ParseReceipt(b []byte) (Receipt, error) {
	c := cursor{b: b}
	r := Receipt{Epoch: c.u64(), From: c.u64(), To: c.u64(), Replayed: c.u64()}
	expired, err := ParseRanges(c.b)
	if c.bad || err != nil || r.To < r.From {
		return Receipt{}, ErrInvalid
	}
	r.Expired = expired
	return r, nil
}

// Fragment is the payload of a fragment frame: a piece of one encoded frame
// with the same origin and sequence in its header.
//
//	u32 total bytes | u32 position | piece
type Fragment struct {
	Total    uint32 // size in bytes of the whole frame
	Position uint32 // where this piece starts in it
	Piece    []byte
}

// Append appends the encoded body to dst.
func (f *Fragment) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, f.Total)
	dst = binary.BigEndian.AppendUint32(dst, f.Position)
	return append(dst, f.Piece...)
}

// ParseFragment decodes the payload of a fragment frame, which it aliases.
func ParseFragment(b []byte) (Fragment, error) {
	c := cursor{b: b}
	f := Fragment{Total: c.u32(), Position: c.u32()}
	f.Piece = c.b
	if c.bad || len(f.Piece) == 0 || uint64(f.Position)+uint64(len(f.Piece)) > uint64(f.Total) {
		return Fragment{}, ErrInvalid
	}
	return f, nil
}

// Parity is the payload of a parity frame: one shard of redundancy for a
// group of k frames, or of datagrams, that starts at First. A parity frame
// without a payload numbers the datagram that it ends.
//
//	u64 first sequence | u8 k | u8 m | u8 index | shard
type Parity struct {
	First           uint64
	Data, Redundant uint8 // k and m
	Index           uint8 // which of the m
	Shard           []byte
}

// Append appends the encoded body to dst.
func (p *Parity) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, p.First)
	dst = append(dst, p.Data, p.Redundant, p.Index)
	return append(dst, p.Shard...)
}

// ParseParity decodes the payload of a parity frame, which it aliases.
func ParseParity(b []byte) (Parity, error) {
	c := cursor{b: b}
	p := Parity{First: c.u64(), Data: c.u8(), Redundant: c.u8(), Index: c.u8()}
	p.Shard = c.b
	if c.bad || p.Data == 0 || p.Index >= p.Redundant {
		return Parity{}, ErrInvalid
	}
	return p, nil
}

// cursor reads fields from b; past its end it returns zeros and is bad.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) bytes(n int) []byte {
	if len(c.b) < n {
		c.b, c.bad = nil, true
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) u8() uint8 {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if b := c.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// end reports whether the body was neither too short nor too long.
func (c *cursor) end() error {
	if c.bad || len(c.b) > 0 {
		return ErrInvalid
	}
	return nil
}
