package framing

import (
	"encoding/binary"
	"iter"
)

// DefaultDatagram is the datagram budget in bytes that fits every Ethernet
// path without IP fragmentation: 1500 − 40 (IPv6, RFC 8200) − 8 (UDP, RFC 768).
const DefaultDatagram = 1452

// Packer gathers whole frames into datagrams of at most a budget of bytes.
// It is not safe for concurrent use.
type Packer struct {
	budget int
	buf    []byte
}

// NewPacker returns a packer for datagrams of up to budget bytes; budget 0
// means [DefaultDatagram].
func NewPacker(budget int) *Packer {
	if budget <= 0 {
		budget = DefaultDatagram
	}
	return &Packer{budget: budget}
}

// Add gathers f and reports whether it fitted. When it did not, take the
// datagram with Take and add f again. A frame larger than the budget is a
// [*SizeError]: fragment it, or send it alone. The frame gets a CRC.
func (p *Packer) Add(f *Frame) (bool, error) {
	f.Flags |= FlagCRC
	size := f.Size()
	if size > p.budget {
		return false, &SizeError{Size: uint64(size), Limit: uint64(p.budget)}
	}
	if len(p.buf)+size > p.budget {
		return false, nil
	}
	b, err := f.Append(p.buf)
	p.buf = b
	return err == nil, err
}

// Fits reports whether a frame of so many bytes fits beside what is gathered.
func (p *Packer) Fits(size int) bool { return len(p.buf)+size <= p.budget }

// Len returns the bytes gathered so far.
func (p *Packer) Len() int { return len(p.buf) }

// Take returns the datagram gathered and starts a new one. The bytes are
// valid until the next Add.
func (p *Packer) Take() []byte {
	b := p.buf
	p.buf = p.buf[:0]
	return b
}

// Unpack yields every frame of a datagram. A frame that is whole but bad
// (checksum, version, fields) is yielded with its error and skipped; when
// the extent itself cannot be trusted, the error is yielded last. A frame
// without a CRC is [ErrChecksum]: on UDP every frame has one.
func Unpack(datagram []byte) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		for b := datagram; len(b) > 0; {
			f, n, err := Parse(b, len(datagram))
			if err == nil && f.Flags&FlagCRC == 0 {
				f, err = Frame{}, ErrChecksum
			}
			if !yield(f, err) || n == 0 {
				return
			}
			b = b[n:]
		}
	}
}

// Verify looks at the frame at the start of b as Unpack does, without returning
// it. It returns its size in bytes, 0 if its extent cannot be trusted.
func Verify(b []byte) (size int, err error) {
	if size, err = Peek(b, len(b)); err != nil {
		return 0, err
	}
	head := binary.BigEndian.Uint64(b)
	kind, flags := Kind(head>>24&0x1f), Flags(head>>16)
	switch {
	case byte(head>>24)>>5 != Version:
		return size, ErrVersion
	case !kind.Valid() || flags&^knownFlags != 0:
		return size, ErrInvalid
	}
	least := headerBytes
	if flags&FlagCRC != 0 {
		end := size - checksumBytes
		if end < headerBytes {
			return size, ErrInvalid
		}
		if binary.BigEndian.Uint32(b[end:]) != checksum(b[:end]) {
			return size, ErrChecksum
		}
		least += checksumBytes
	}
	if flags&FlagOffset != 0 {
		least += offsetBytes
	}
	switch {
	case size < least+int(head&topicLength):
		return size, ErrInvalid
	case flags&FlagCRC == 0:
		return size, ErrChecksum
	}
	return size, nil
}

// UnpackAgain yields every frame of bytes that Unpack has yielded without an
// error before. It does not look at their checksums again.
func UnpackAgain(frames []byte) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		for b := frames; len(b) > 0; {
			n, err := Peek(b, len(b))
			if err != nil || n > len(b) {
				yield(Frame{}, ErrInvalid)
				return
			}
			var f Frame
			if err = f.parseSums(b[:n:n], false); !yield(f, err) {
				return
			}
			b = b[n:]
		}
	}
}
