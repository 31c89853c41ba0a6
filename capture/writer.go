package capture

import (
	"errors"
	"io"
	"runtime"
	"time"

	"rawlab/capture/pcapng"
)

// Writer is a sink that writes a pcapng file: the interfaces of a source, its
// packets with their comments, and what was counted. Of a [File] it keeps the
// sections and all that stands beside packets, known to this program or not.
type Writer struct {
	w        *pcapng.Writer
	source   Source
	sections func() []pcapng.Section
	filter   string // as the user wrote it
	section  int    // that is being written, of the source's
	known    int    // interfaces already written
	start    time.Time
	last     time.Time // time of the last packet
}

// NewWriter starts a file on w for packets of source. The filter is noted
// with its interfaces. It may hold back bytes until Flush.
func NewWriter(w io.Writer, source Source, filter string) (*Writer, error) {
	own := []pcapng.Section{{Hardware: runtime.GOARCH, OS: runtime.GOOS, Application: "rawlab"}}
	nw := &Writer{source: source, filter: filter, sections: func() []pcapng.Section { return own }}
	if f, ok := source.(*File); ok {
		nw.sections = f.Sections
		f.copyTo(nw)
	}
	var err error
	if nw.w, err = pcapng.NewWriter(w, nw.sections()[0]); err != nil {
		return nil, err
	}
	return nw, nw.describe()
}

// describe writes the interfaces that the source has come to know since, and
// the headers of their sections.
func (w *Writer) describe() error {
	interfaces := w.source.Interfaces()
	for _, i := range interfaces[w.known:] {
		if err := w.enter(i.Section); err != nil {
			return err
		}
		i.Filter = both(i.Filter, w.filter)
		if _, err := w.w.AddInterface(i); err != nil {
			return err
		}
		w.known++
	}
	return nil
}

// enter starts a section, if it is not the one being written.
func (w *Writer) enter(section int) error {
	for w.section < section {
		w.section++
		if err := w.w.StartSection(w.sections()[w.section]); err != nil {
			return err
		}
	}
	return nil
}

// both returns the filter of packets that two filters took.
func both(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return "(" + a + ") and (" + b + ")"
}

// writeBlock copies a block of the source's.
func (w *Writer) writeBlock(b pcapng.Block) error {
	if err := errors.Join(w.describe(), w.enter(b.Section)); err != nil {
		return err
	}
	return w.w.WriteBlock(b)
}

// writeFileStats copies what the source was told of an interface.
func (w *Writer) writeFileStats(s *pcapng.Stats) error {
	if err := w.describe(); err != nil {
		return err
	}
	return w.w.WriteStats(s)
}

// Write writes one packet.
func (w *Writer) Write(p *Packet) error {
	if p.Interface >= w.known {
		if err := w.describe(); err != nil {
			return err
		}
	}
	if w.start.IsZero() {
		w.start = p.Time
	}
	w.last = p.Time
	return w.w.WritePacket(&pcapng.Packet{
		Interface: p.Interface, Time: p.Time, Data: p.Data, Length: p.Length, Comments: p.Comments, Flags: p.Flags,
		Dropped: p.Dropped, Options: p.Options,
	})
}

// WriteStats notes what rings counted, each on its interface.
func (w *Writer) WriteStats(all []Stats) error {
	if w.start.IsZero() { // no packet, no time: the block would say 1970
		return nil
	}
	for i, s := range all {
		if err := w.writeStats(i, s); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) writeStats(i int, s Stats) error {
	return w.w.WriteStats(&pcapng.Stats{
		Interface: i,
		Time:      w.last, Start: w.start, End: w.last, Received: s.Received, Dropped: s.Dropped,
		Accepted: pcapng.Unknown, SystemDropped: pcapng.Unknown, Delivered: pcapng.Unknown,
	})
}

// Size returns how many bytes the file has, those still gathered too.
func (w *Writer) Size() int64 { return w.w.Size() }

// Flush writes out what was gathered.
func (w *Writer) Flush() error { return w.w.Flush() }
