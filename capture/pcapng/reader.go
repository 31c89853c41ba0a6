package pcapng

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	readBuffer    = 64 << 10 // bytes asked for in one read call
	maxInterfaces = 1 << 16  // over all sections; a bound on what a hostile file makes us keep
	maxSections   = 1 << 16  // the same
)

// Reader reads a pcapng or classic pcap file or stream. It is not safe for
// concurrent use.
type Reader struct {
	r       *bufio.Reader
	order   binary.ByteOrder
	classic bool
	offset  int64 // of the block being read
	next    int64 // of the block after it
	packets int
	buf     []byte // body of the block being read
	others  []Option
	err     error // sticky

	sections   []Section
	onBlock    func(Block) error
	first      int // index of the section's first interface
	interfaces []Interface
	clocks     []clock // one per interface
}

// NewReader reads the header on r and tells by it which format follows. A
// file that is neither is a [*FormatError].
func NewReader(r io.Reader) (*Reader, error) {
	nr := &Reader{r: bufio.NewReaderSize(r, readBuffer), order: le}
	magic, err := nr.r.Peek(4)
	if err != nil {
		return nil, nr.cut(err)
	}
	if le.Uint32(magic) != blockSection {
		err = nr.readClassicHeader()
	} else {
		err = nr.readFirstSection()
	}
	if err != nil {
		return nil, err
	}
	return nr, nil
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
	if r.classic {
		return r.readRecord()
	}
	for {
		kind, body, err := r.readBlock()
		if err != nil {
			return Packet{}, err
		}
		switch kind {
		case blockEnhanced:
			return r.enhanced(body)
		case blockSimple:
			return r.simple(body)
		case blockOldPacket:
			return r.old(body)
		default:
			if err := r.keep(kind, body); err != nil {
				return Packet{}, err
			}
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
		return r.onBlock(Block{kind, len(r.sections) - 1, r.order == binary.BigEndian, body})
	}
	return nil
}

// readBlock reads one block and returns its type and body. A clean end is
// io.EOF.
func (r *Reader) readBlock() (uint32, []byte, error) {
	r.offset = r.next
	head, err := r.r.Peek(8)
	if len(head) == 0 && err != nil {
		return 0, nil, r.ended(err)
	}
	if err != nil {
		return 0, nil, r.cut(err)
	}
	if le.Uint32(head) == blockSection {
		if err := r.learnOrder(); err != nil {
			return 0, nil, err
		}
	}
	kind, size := r.order.Uint32(head), r.order.Uint32(head[4:])
	if size < envelopeBytes || size%4 != 0 {
		return 0, nil, r.bad("a block claims to be %d bytes long", size)
	}
	if size > MaxBlock {
		return 0, nil, r.bad("a block claims %d bytes, over the limit of %d", size, MaxBlock)
	}
	b, err := r.read(int(size))
	if err != nil {
		return 0, nil, err
	}
	if again := r.order.Uint32(b[size-4:]); again != size {
		return 0, nil, r.bad("a block says it is %d bytes long where it starts and %d where it ends", size, again)
	}
	return kind, b[8 : size-4], nil
}

// learnOrder finds the byte order of the section whose header is next.
func (r *Reader) learnOrder() error {
	head, err := r.r.Peek(12)
	if err != nil {
		return r.cut(err)
	}
	switch le.Uint32(head[8:]) {
	case byteOrderMagic:
		r.order = binary.LittleEndian
	case 0x4d3c2b1a:
		r.order = binary.BigEndian
	default:
		return r.bad("the byte-order magic is %#08x", le.Uint32(head[8:]))
	}
	return nil
}

// read takes the next n bytes, which are valid until the following read. It
// grows with what really arrives, not with what is claimed.
func (r *Reader) read(n int) ([]byte, error) {
	r.buf = r.buf[:0]
	for len(r.buf) < n {
		have := len(r.buf)
		r.buf = slices.Grow(r.buf, min(n-have, readBuffer))[:min(n, have+readBuffer)]
		got, err := io.ReadFull(r.r, r.buf[have:])
		if err != nil {
			r.buf = r.buf[:have+got]
			return nil, r.cut(err)
		}
	}
	r.next += int64(n)
	return r.buf, nil
}

// cut turns the end of the file in the wrong place into a *TruncatedError.
func (r *Reader) cut(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return &TruncatedError{Offset: r.offset, Packets: r.packets}
	}
	return fmt.Errorf("reading the capture file: %w", err)
}

// ended is what stands for err where a block may begin: a clean end, or cut's.
func (r *Reader) ended(err error) error {
	if err == io.EOF {
		return io.EOF
	}
	return r.cut(err)
}

func (r *Reader) bad(format string, args ...any) error {
	return &FormatError{Offset: r.offset, Reason: fmt.Sprintf(format, args...)}
}
