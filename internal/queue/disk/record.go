package disk

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"
)

// A parcel is what is written, made safe and checked as one: a group of the
// journal, or a step of the state. It starts on a page, so that writing one
// never touches a page with another.
//
//	0      4        8         16       20        24
//	+------+--------+---------+--------+---------+-----------+---------+
//	| magic| length | number  | CRC of | CRC of  | records … | padding |
//	| u32  | u32    | u64     | records| 0–19    |           |         |
//	+------+--------+---------+--------+---------+-----------+---------+
//
// Integers are little-endian, checksums CRC-32C. The number counts parcels
// over all files of their kind, so what an earlier use of the file has left
// is told apart; the mark mixes in which store and which kind they are of.
const (
	parcelMagic  = 0x4c77_6152 // "RawL"
	parcelHeader = 24
	page         = 4096
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func pages(n int) int { return (n + page - 1) / page * page }

// seal turns b, whose first parcelHeader bytes are free, into a parcel of
// whole pages.
func seal(b []byte, mark uint32, number uint64) []byte {
	le := binary.LittleEndian
	records := b[parcelHeader:]
	le.PutUint32(b, parcelMagic)
	le.PutUint32(b[4:], uint32(len(records)))
	le.PutUint64(b[8:], number)
	le.PutUint32(b[16:], crc32.Checksum(records, castagnoli))
	le.PutUint32(b[20:], crc32.Update(mark, castagnoli, b[:20]))
	for end := pages(len(b)); len(b) < end; {
		b = append(b, zeros[:min(len(zeros), end-len(b))]...)
	}
	return b
}

var zeros [page]byte

// parcel is one that was found.
type parcel struct {
	number  uint64
	size    int // in whole pages
	records []byte
	whole   bool // the records are as they were written
}

// peekParcel reads the parcel at the start of b; ok is false if none begins there.
func peekParcel(b []byte, mark uint32) (p parcel, ok bool) {
	le := binary.LittleEndian
	if len(b) < parcelHeader || le.Uint32(b) != parcelMagic || crc32.Update(mark, castagnoli, b[:20]) != le.Uint32(b[20:]) {
		return parcel{}, false
	}
	n := int(le.Uint32(b[4:]))
	p = parcel{number: le.Uint64(b[8:]), size: pages(parcelHeader + n)}
	if p.size <= len(b) { // a parcel that is safe has its padding
		p.records = b[parcelHeader:][:n]
		p.whole = crc32.Checksum(p.records, castagnoli) == le.Uint32(b[16:])
	}
	return p, true
}

// findParcel returns where in b, page by page from a position on, a parcel
// begins whose number is at least that; -1 if none does.
func findParcel(b []byte, from int, mark uint32, number uint64) int {
	for at := from; at < len(b); at += page {
		if p, ok := peekParcel(b[at:], mark); ok && p.number >= number {
			return at
		}
	}
	return -1
}

// The kinds of records. Those of a journal group come first.
const (
	recordTopic  = 1 + iota // id, name
	recordEvents            // id, first, count, time, frames
	recordCursor            // id, next, client
	recordTrim              // id, first, bytes trimmed since the log began
	recordStore             // epoch, number of the first group not in the state
	recordLog               // id, next, bytes appended since the log began
	recordBlock             // id, first, count, bytes, oldest, newest, file, position, size
	recordOrigin            // id, origin, sequence
)

func appendNumbers(b []byte, kind byte, numbers ...uint64) []byte {
	b = append(b, kind)
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func appendBytes(b, s []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func stamp(t time.Time) uint64 { return uint64(t.UnixNano()) }

var errRecord = errors.New("a record that this version does not know")

// records reads a parcel's records one after the other.
type records struct {
	b   []byte
	err error
}

func (r *records) kind() byte {
	if len(r.b) == 0 {
		r.err = errRecord
		return 0
	}
	k := r.b[0]
	r.b = r.b[1:]
	return k
}

func (r *records) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.err = nil, errRecord
		return 0
	}
	r.b = r.b[n:]
	return v
}

// bytes returns a string of bytes, which aliases the parcel.
func (r *records) bytes() []byte {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.b, r.err = nil, errRecord
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}
