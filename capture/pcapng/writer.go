package pcapng

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

const writeBuffer = 64 << 10 // bytes gathered before one write call

var le = binary.LittleEndian

// Writer writes a file. Blocks gather until Flush or until the buffer is
// full. It is not safe for concurrent use.
type Writer struct {
	w          *bufio.Writer
	order      byteOrder
	first      int    // index of the section's first interface
	interfaces int    // of all sections
	size       int64  // bytes of whole blocks so far
	block      []byte // the block being built
}

// Size returns how many bytes were written, those still gathered too.
func (w *Writer) Size() int64 { return w.size }

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// NewWriter starts a file, or a stream such as standard output, on w.
func NewWriter(w io.Writer, s Section) (*Writer, error) {
	nw := &Writer{w: bufio.NewWriterSize(w, writeBuffer)}
	return nw, nw.StartSection(s)
}

// StartSection starts another section. What follows names the interfaces that
// are added after it.
func (w *Writer) StartSection(s Section) error {
	w.order = binary.LittleEndian
	if s.BigEndian {
		w.order = binary.BigEndian
	}
	w.first = w.interfaces
	w.begin(blockSection)
	w.u32(byteOrderMagic)
	w.u16(1) // version 1.0
	w.u16(0)
	w.u64(sectionLenAbsent)
	return w.finish(s.Options,
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
	err := w.finish(i.Options, option{optName, i.Name}, option{optDescription, i.Description},
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
	w.block = pad(append(w.block, p.Data...))
	var room [4]option
	options := room[:0]
	if p.Flags != 0 {
		options = append(options, option{optFlags, string(w.order.AppendUint32(nil, p.Flags))})
	}
	if p.Dropped != 0 {
		options = append(options, option{optDropCount, w.u64Text(p.Dropped)})
	}
	for _, c := range p.Comments {
		options = append(options, option{optComment, c})
	}
	return w.finish(p.Options, options...)
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
	w.block = pad(append(w.block, data...))
	return w.finish(nil)
}

// WriteBlock writes a block as it was read, into a section of the same byte
// order.
func (w *Writer) WriteBlock(b Block) error {
	if b.BigEndian != (w.order == binary.BigEndian) {
		return errors.New("a block cannot move to a section of another byte order")
	}
	w.begin(b.Type)
	w.block = append(w.block, b.Body...)
	return w.finish(nil)
}

// Flush writes out everything gathered.
func (w *Writer) Flush() error { return w.w.Flush() }

func (w *Writer) known(i int) error {
	if i < w.first || i >= w.interfaces {
		return fmt.Errorf("interface %d is none of this section's: those are %d, from %d", i, w.interfaces-w.first, w.first)
	}
	return nil
}

// begin starts a block; finish fills in its length.
func (w *Writer) begin(kind uint32) {
	w.block = w.block[:0]
	w.u32(kind)
	w.u32(0)
}

func (w *Writer) u16(v uint16) { w.block = w.order.AppendUint16(w.block, v) }
func (w *Writer) u32(v uint32) { w.block = w.order.AppendUint32(w.block, v) }
func (w *Writer) u64(v uint64) { w.block = w.order.AppendUint64(w.block, v) }

func (w *Writer) u64Text(v uint64) string { return string(w.order.AppendUint64(nil, v)) }

// time appends nanoseconds as the format orders them: high half first.
func (w *Writer) time(t time.Time) {
	ns := uint64(t.UnixNano())
	w.u32(uint32(ns >> 32))
	w.u32(uint32(ns))
}

func (w *Writer) timeText(t time.Time) string {
	ns := uint64(t.UnixNano())
	return string(w.order.AppendUint32(w.order.AppendUint32(nil, uint32(ns>>32)), uint32(ns)))
}

type option struct {
	code  uint16
	value string // one that is empty is left out
}

// finish appends the options and the length and sends the block on its way.
func (w *Writer) finish(others []Option, options ...option) error {
	before := len(w.block)
	for _, o := range options {
		if o.value == "" {
			continue
		}
		if err := w.option(o.code, len(o.value)); err != nil {
			return err
		}
		w.block = pad(append(w.block, o.value...))
	}
	for _, o := range others {
		if err := w.option(o.Code, len(o.Value)); err != nil {
			return err
		}
		w.block = pad(append(w.block, o.Value...))
	}
	if len(w.block) > before {
		w.u32(optEnd)
	}
	size := len(w.block) + 4
	if size > MaxBlock {
		return &SizeError{"a block", size, MaxBlock}
	}
	w.u32(uint32(size))
	w.order.PutUint32(w.block[4:], uint32(size))
	w.size += int64(size)
	_, err := w.w.Write(w.block)
	return err
}

// option appends what stands before an option's value.
func (w *Writer) option(code uint16, size int) error {
	if size > maxOption {
		return &SizeError{"a text", size, maxOption}
	}
	w.u16(code)
	w.u16(uint16(size))
	return nil
}

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
