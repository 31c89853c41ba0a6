package disk

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// A block on disk is frames of one topic:
//
//	0      4      8          16     24      28      32
//	+------+------+----------+------+-------+-------+----------------------+----------+
//	| magic| CRC  | topic id | first| events| runs  | runs: time u64,      | frames … |
//	| u32  | u32  | u64      | u64  | u32   | u32   | events u32 of each   |          |
//	+------+------+----------+------+-------+-------+----------------------+----------+
//
// Integers are little-endian; the CRC-32C covers everything after itself.
const (
	blockMagic  = 0x6c42_7152
	blockHeader = 32
	runSize     = 12
	blockBytes  = 64 << 10 // of frames, when a block is full
)

// blockWriter writes the blocks of one data file.
type blockWriter struct {
	f       file
	number  uint64
	at      int64
	pending []byte // not yet written
	done    []written
}

// written is a block and the log it is of.
type written struct {
	log *log
	block
}

const (
	pendingBytes = 1 << 20 // written at a time
	syncBytes    = 4 << 20 // and made safe, so that the journal never waits long
)

// put adds a block of a log.
func (w *blockWriter) put(l *log, p *piece) error {
	le := binary.LittleEndian
	start := len(w.pending)
	b := le.AppendUint32(w.pending, blockMagic)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, l.id)
	b = le.AppendUint64(b, p.first)
	b = le.AppendUint32(b, uint32(p.count))
	b = le.AppendUint32(b, uint32(len(p.runs)))
	for _, r := range p.runs {
		b = le.AppendUint64(b, r.at)
		b = le.AppendUint32(b, uint32(r.count))
	}
	b = append(b, p.frames...)
	le.PutUint32(b[start+4:], crc32.Checksum(b[start+8:], castagnoli))
	w.pending = b
	entry := block{
		first: p.first, count: p.count, bytes: int64(len(p.frames)), oldest: p.runs[0].at, newest: p.runs[0].at,
		file: w.number, at: w.at + int64(start), size: int64(len(b) - start),
	}
	for _, r := range p.runs {
		entry.oldest, entry.newest = min(entry.oldest, r.at), max(entry.newest, r.at)
	}
	w.done = append(w.done, written{l, entry})
	if len(b) < pendingBytes {
		return nil
	}
	return w.flush()
}

// flush writes what is pending.
func (w *blockWriter) flush() error {
	before := w.at
	if _, err := w.f.WriteAt(w.pending, w.at); err != nil {
		return err
	}
	w.at += int64(len(w.pending))
	w.pending = w.pending[:0]
	if before/syncBytes != w.at/syncBytes {
		return w.f.Sync()
	}
	return nil
}

// readBlock reads a block and checks every byte of it.
func readBlock(f file, id uint64, b block) (piece, error) {
	buf := make([]byte, b.size)
	if n, err := f.ReadAt(buf, b.at); n < len(buf) {
		if err == io.EOF {
			return piece{}, fmt.Errorf("the file ends within a block of %d bytes", b.size)
		}
		return piece{}, err
	}
	le := binary.LittleEndian
	if len(buf) < blockHeader || le.Uint32(buf) != blockMagic || le.Uint32(buf[4:]) != crc32.Checksum(buf[8:], castagnoli) {
		return piece{}, errBlock
	}
	p := piece{first: le.Uint64(buf[16:]), count: uint64(le.Uint32(buf[24:]))}
	runs := int64(le.Uint32(buf[28:]))
	if le.Uint64(buf[8:]) != id || p.first != b.first || p.count != b.count || blockHeader+runs*runSize+b.bytes != b.size {
		return piece{}, errOtherBlock
	}
	for r := buf[blockHeader:][:runs*runSize]; len(r) > 0; r = r[runSize:] {
		p.runs = append(p.runs, run{le.Uint64(r), uint64(le.Uint32(r[8:]))})
	}
	p.frames = buf[b.size-b.bytes:]
	return p, nil
}

var (
	errBlock      = fmt.Errorf("the bytes of a block are not those that were written")
	errOtherBlock = fmt.Errorf("there is another block than the one expected")
)
