package pcapng

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

const writeBuffer = 256 << 10 // bytes gathered before one write call

var le = binary.LittleEndian

// Writer writes a file. Blocks gather until Flush or until there are many
// bytes. It is not safe for concurrent use.
type Writer struct {
	w          io.Writer
	err        error // of w, sticky
	order      endian
	first      int    // index of the section's first interface
	interfaces int    // of all sections
	size       int64  // bytes of whole blocks so far
	buf        []byte // whole blocks, and the one being built
	block      int    // where in buf that begins
}

// Size returns how many bytes were written, those still gathered too.
func (w *Writer) Size() int64 { return w.size }

// NewWriter starts a file, or a stream such as standard output, on w.
func NewWriter(w io.Writer, s Section) (*Writer, error) {
	nw := &Writer{w: w}
	return nw, nw.StartSection(s)
}

// StartSection starts another section. What follows names the interfaces that
// are added after it.
func (w *Writer) StartSection(s Section) error {
	w.order = endian(s.BigEndian)
	w.first = w.interfaces
	w.begin(blockSection)
	w.u32(byteOrderMagic)
	w.u16(1) // version 1.0
	w.u16(0)
	w.u64(sectionLenAbsent)
	return w.finishWith(s.Options,
		option{optComment, s.Comment}, option{optHardware, s.Hardware},
		option{optOS, s.OS}, option{optApplication, s.Application})
}

// AddInterface describes an interface and returns its index over the whole
// file, which packets captured there name. Interfaces may be added between
// packets.
func (w *Writer) AddInterface(i Interface) (int, error) {
	w.begin(blockInterface)
	w.u16(i.LinkType)
	w.u16(0)
	w.u32(i.SnapLen)
	filter := i.Filter
	if filter != "" {
		filter = "\x00" + filter // a leading 0 says that the text is in tcpdump's language
	}
	err := w.finishWith(i.Options, option{optName, i.Name}, option{optDescription, i.Description},
		option{optFilter, filter}, option{optResolution, "\x09"}) // 10⁻⁹ s
	if err != nil {
		return 0, err
	}
	w.interfaces++
	return w.interfaces - 1, nil
}

// WritePacket writes an enhanced packet block. A packet over the limits is
// refused with a [*SizeError] and the file stays good.
func (w *Writer) WritePacket(p *Packet) error {
	if err := w.known(p.Interface); err != nil {
		return err
	}
	if len(p.Data) > MaxBlock {
		return &SizeError{"a packet", len(p.Data), MaxBlock}
	}
	w.begin(blockEnhanced)
	w.u32(uint32(p.Interface - w.first))
	w.time(p.Time)
	w.u32(uint32(len(p.Data)))
	w.u32(uint32(max(p.Length, len(p.Data))))
	w.buf = pad(append(w.buf, p.Data...))
	before := len(w.buf)
	if p.Flags != 0 {
		w.u16(optFlags)
		w.u16(4)
		w.u32(p.Flags)
	}
	if p.Dropped != 0 {
		w.u16(optDropCount)
		w.u16(8)
		w.u64(p.Dropped)
	}
	for _, c := range p.Comments {
		if err := w.option(optComment, c); err != nil {
			return err
		}
	}
	return w.finish(before, p.Options)
}

// WriteSimple writes a simple packet block: only the data and the length of a
// packet of the section's first interface, cut to its snap length.
func (w *Writer) WriteSimple(data []byte, length int) error {
	if err := w.known(w.first); err != nil {
		return err
	}
	if len(data) > MaxBlock {
		return &SizeError{"a packet", len(data), MaxBlock}
	}
	w.begin(blockSimple)
	w.u32(uint32(max(length, len(data))))
	w.buf = pad(append(w.buf, data...))
	return w.finish(len(w.buf), nil)
}

// WriteBlock writes a block as it was read, into a section of the same byte
// order.
func (w *Writer) WriteBlock(b Block) error {
	if b.BigEndian != bool(w.order) {
		return errors.New("a block cannot move to a section of another byte order")
	}
	w.begin(b.Type)
	w.buf = append(w.buf, b.Body...)
	return w.finish(len(w.buf), nil)
}

// Flush writes out everything gathered, in one call.
func (w *Writer) Flush() error {
	if w.err != nil || len(w.buf) == 0 {
		return w.err
	}
	_, w.err = w.w.Write(w.buf[:w.block])
	w.buf, w.block = w.buf[:0], 0
	return w.err
}

func (w *Writer) known(i int) error {
	if i < w.first || i >= w.interfaces {
		return fmt.Errorf("interface %d is none of this section's: those are %d, from %d", i, w.interfaces-w.first, w.first)
	}
	return nil
}

// begin starts a block; finish fills in its length. What a block that was not
// finished has left is dropped.
func (w *Writer) begin(kind uint32) {
	if len(w.buf) > w.block {
		w.buf = w.buf[:w.block]
	}
	w.block = len(w.buf)
	w.u32(kind)
	w.u32(0)
}

func (w *Writer) u16(v uint16) { w.buf = w.order.append16(w.buf, v) }
func (w *Writer) u32(v uint32) { w.buf = w.order.append32(w.buf, v) }
func (w *Writer) u64(v uint64) { w.buf = w.order.append64(w.buf, v) }

func (w *Writer) u64Text(v uint64) string { return string(w.order.append64(nil, v)) }

// time appends nanoseconds as the format orders them: high half first.
func (w *Writer) time(t time.Time) {
	ns := uint64(t.UnixNano())
	w.u32(uint32(ns >> 32))
	w.u32(uint32(ns))
}

func (w *Writer) timeText(t time.Time) string {
	ns := uint64(t.UnixNano())
	return string(w.order.append32(w.order.append32(nil, uint32(ns>>32)), uint32(ns)))
}

type option struct {
	code  uint16
	value string // one that is empty is left out
}

// finishWith appends options and finishes.
func (w *Writer) finishWith(others []Option, options ...option) error {
	before := len(w.buf)
	for _, o := range options {
		if o.value == "" {
			continue
		}
		if err := w.option(o.code, o.value); err != nil {
			return err
		}
	}
	return w.finish(before, others)
}

// finish appends other options to those that began at a place before, and the
// length, and sends the block on its way.
func (w *Writer) finish(before int, others []Option) error {
	for _, o := range others {
		if err := w.option(o.Code, string(o.Value)); err != nil {
			return err
		}
	}
	if len(w.buf) > before {
		w.u32(optEnd)
	}
	size := len(w.buf) + 4 - w.block
	if size > MaxBlock {
		return &SizeError{"a block", size, MaxBlock}
	}
	w.u32(uint32(size))
	w.order.put32(w.buf[w.block+4:], uint32(size))
	w.size += int64(size)
	w.block = len(w.buf)
	if w.block < writeBuffer {
		return w.err
	}
	return w.Flush()
}

// option appends an option.
func (w *Writer) option(code uint16, value string) error {
	if len(value) > maxOption {
		return &SizeError{"a text", len(value), maxOption}
	}
	w.u16(code)
	w.u16(uint16(len(value)))
	w.buf = pad(append(w.buf, value...))
	return nil
}

func pad(b []byte) []byte {
	var zeros [3]byte
	return append(b, zeros[:-len(b)&3]...)
}
