package pcapng

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

const writeBuffer = 64 << 10 // bytes gathered before one write call

var le = binary.LittleEndian

// Writer writes one section. Blocks gather until Flush or until the buffer
// is full. It is not safe for concurrent use.
type Writer struct {
	w          *bufio.Writer
	interfaces int
	block      []byte // the block being built
}

// NewWriter starts a file, or a stream such as standard output, on w.
func NewWriter(w io.Writer, s Section) (*Writer, error) {
	nw := &Writer{w: bufio.NewWriterSize(w, writeBuffer)}
	nw.begin(blockSection)
	nw.u32(byteOrderMagic)
	nw.u32(1) // version 1.0: u16 major, u16 minor
	nw.u64(sectionLenAbsent)
	return nw, nw.finish(
		option{optComment, s.Comment}, option{optHardware, s.Hardware},
		option{optOS, s.OS}, option{optApplication, s.Application})
}

// AddInterface describes an interface and returns its index, which packets
// captured there name. Interfaces may be added between packets.
func (w *Writer) AddInterface(i Interface) (int, error) {
	w.begin(blockInterface)
	w.u32(uint32(i.LinkType))
	w.u32(i.SnapLen)
	filter := i.Filter
	if filter != "" {
		filter = "\x00" + filter // a leading 0 says that the text is in tcpdump's language
	}
	err := w.finish(option{optName, i.Name}, option{optDescription, i.Description},
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
	w.u32(uint32(p.Interface))
	w.time(p.Time)
	w.u32(uint32(len(p.Data)))
	w.u32(uint32(max(p.Length, len(p.Data))))
	w.block = pad(append(w.block, p.Data...))
	var room [4]option
	options := room[:0]
	if p.Flags != 0 {
		options = append(options, option{optFlags, string(le.AppendUint32(nil, p.Flags))})
	}
	for _, c := range p.Comments {
		options = append(options, option{optComment, c})
	}
	return w.finish(options...)
}

// WriteStats writes what interface i's capture came to: packets received by
// it (those dropped included) and packets the kernel had to drop.
func (w *Writer) WriteStats(i int, received, dropped uint64, start, end time.Time) error {
	if err := w.known(i); err != nil {
		return err
	}
	w.begin(blockStatistics)
	w.u32(uint32(i))
	w.time(end)
	return w.finish(
		option{optStart, timeText(start)}, option{optEndTime, timeText(end)},
		option{optReceived, string(le.AppendUint64(nil, received))},
		option{optDropped, string(le.AppendUint64(nil, dropped))})
}

// Flush writes out everything gathered.
func (w *Writer) Flush() error { return w.w.Flush() }

func (w *Writer) known(i int) error {
	if i < 0 || i >= w.interfaces {
		return fmt.Errorf("interface %d was never added; there are %d", i, w.interfaces)
	}
	return nil
}

// begin starts a block; finish fills in its length.
func (w *Writer) begin(kind uint32) {
	w.block = w.block[:0]
	w.u32(kind)
	w.u32(0)
}

func (w *Writer) u32(v uint32) { w.block = le.AppendUint32(w.block, v) }
func (w *Writer) u64(v uint64) { w.block = le.AppendUint64(w.block, v) }

// time appends nanoseconds as the format orders them: high half first.
func (w *Writer) time(t time.Time) {
	ns := uint64(t.UnixNano())
	w.u32(uint32(ns >> 32))
	w.u32(uint32(ns))
}

func timeText(t time.Time) string {
	ns := uint64(t.UnixNano())
	return string(le.AppendUint32(le.AppendUint32(nil, uint32(ns>>32)), uint32(ns)))
}

type option struct {
	code  uint16
	value string // one that is empty is left out
}

// finish appends the options and the length and sends the block on its way.
func (w *Writer) finish(options ...option) error {
	any := false
	for _, o := range options {
		if o.value == "" {
			continue
		}
		if len(o.value) > maxOption {
			return &SizeError{"a text", len(o.value), maxOption}
		}
		any = true
		w.block = le.AppendUint16(w.block, o.code)
		w.block = le.AppendUint16(w.block, uint16(len(o.value)))
		w.block = pad(append(w.block, o.value...))
	}
	if any {
		w.u32(optEnd)
	}
	size := len(w.block) + 4
	if size > MaxBlock {
		return &SizeError{"a block", size, MaxBlock}
	}
	w.u32(uint32(size))
	le.PutUint32(w.block[4:], uint32(size))
	_, err := w.w.Write(w.block)
	return err
}

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
