package pcapng

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
)

const (
	maxInterfaces = 1 << 16 // over all sections; a bound on what a hostile file makes us keep
	maxSections   = 1 << 16 // the same
)

// Reader reads a pcapng or classic pcap file or stream. It is not safe for
// concurrent use.
type Reader struct {
	w window
	scope
	next    int64 // where the block after the one being read begins
	packets int
	others  []Option
	err     error // sticky

	sections []Section
	onBlock  func(Block) error
}

// NewReader reads the header on r and tells by it which format follows. A
// file that is neither is a [*FormatError].
func NewReader(r io.Reader) (*Reader, error) { return newReader(window{r: r}) }

// NewBytesReader reads a whole file that is in memory. What it returns is part
// of b, and valid as long as that does not change.
func NewBytesReader(b []byte) (*Reader, error) {
	return newReader(window{buf: b, to: len(b), err: io.EOF, whole: true})
}

func newReader(w window) (*Reader, error) {
	r := &Reader{w: w}
	magic, err := r.w.peek(4)
	if err != nil {
		return nil, r.cut(err)
	}
	if le.Uint32(magic) != blockSection {
		err = r.readClassicHeader()
	} else {
		err = r.readFirstSection()
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Reader) readFirstSection() error {
	kind, body, err := r.readBlock()
	if err != nil {
		return err
	}
	return r.keep(kind, body)
}

// Interfaces returns the interfaces described so far, of all sections. In
// pcapng they stand before the first packet that names them, so ask after
// Next. The slice is the reader's: do not change it.
func (r *Reader) Interfaces() []Interface { return slices.Clip(r.interfaces) }

// Section returns what the file says of its making, in the section that the
// last packet was in.
func (r *Reader) Section() Section {
	if len(r.sections) == 0 {
		return Section{}
	}
	return r.sections[len(r.sections)-1]
}

// Sections returns every section read so far; a classic file is one that
// says nothing. The slice is the reader's: do not change it.
func (r *Reader) Sections() []Section { return slices.Clip(r.sections) }

// OnBlock has Next call f for every block that is neither a section's header,
// an interface nor a packet, in the order of the file. Its body is valid
// during the call. An error ends the reading.
func (r *Reader) OnBlock(f func(Block) error) { r.onBlock = f }

// Next returns the next packet, whose data is valid until the following
// call. At the end it returns io.EOF; where the file is cut, a
// [*TruncatedError]; where it makes no sense, a [*FormatError].
func (r *Reader) Next() (Packet, error) {
	if r.err != nil {
		return Packet{}, r.err
	}
	p, err := r.readPacket()
	if err != nil {
		r.err = err
		return Packet{}, err
	}
	r.packets++
	return p, nil
}

func (r *Reader) readPacket() (Packet, error) {
	for {
		kind, body, err := r.readBlock()
		if err != nil {
			return Packet{}, err
		}
		if r.isPacket(kind) {
			return r.packet(kind, body)
		}
		if err := r.keep(kind, body); err != nil {
			return Packet{}, err
		}
	}
}

// keep takes a block that is not a packet. One of unknown type is nothing
// wrong, as the draft's section 3.1 has it.
func (r *Reader) keep(kind uint32, body []byte) error {
	switch {
	case kind == blockSection:
		return r.startSection(body)
	case kind == blockInterface:
		return r.addInterface(body)
	case r.onBlock != nil:
		return r.onBlock(Block{kind, len(r.sections) - 1, bool(r.endian), body})
	}
	return nil
}

// readBlock reads one block, or record, and returns its type and body, valid
// until the following one. A clean end is io.EOF.
func (r *Reader) readBlock() (kind uint32, body []byte, err error) {
	b, kind, err := r.peekBlock()
	if err != nil {
		return 0, nil, err
	}
	r.pass(len(b))
	return kind, r.body(b), nil
}

// peekBlock returns the next block without passing it.
func (r *Reader) peekBlock() (b []byte, kind uint32, err error) {
	r.offset = r.next
	head, err := r.w.peek(r.head())
	if len(head) == 0 && err == io.EOF {
		return nil, 0, io.EOF
	}
	if err != nil {
		return nil, 0, r.cut(err)
	}
	if !r.classic && r.u32(head) == blockSection {
		if err := r.learnOrder(); err != nil {
			return nil, 0, err
		}
	}
	kind, size, err := r.extent(head)
	if err != nil {
		return nil, 0, err
	}
	if b, err = r.w.peek(int(size)); err != nil {
		return nil, 0, r.cut(err)
	}
	return b, kind, r.closes(b)
}

// pass goes on behind n bytes that were peeked at.
func (r *Reader) pass(n int) {
	r.w.from += n
	r.next += int64(n)
}

// learnOrder finds the byte order of the section whose header is next.
func (r *Reader) learnOrder() error {
	head, err := r.w.peek(12)
	if err != nil {
		return r.cut(err)
	}
	switch magic := le.Uint32(head[8:]); magic {
	case byteOrderMagic, bits.ReverseBytes32(byteOrderMagic):
		r.endian = magic != byteOrderMagic
		return nil
	default:
		return r.bad("the byte-order magic is %#08x", magic)
	}
}

// cut turns the end of the file in the wrong place into a *TruncatedError.
func (r *Reader) cut(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return &TruncatedError{Offset: r.offset, Packets: r.packets}
	}
	return fmt.Errorf("reading the capture file: %w", err)
}
