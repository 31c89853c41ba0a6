package capture

import (
	"io"
	"runtime"
	"time"

	"rawlab/capture/pcapng"
)

// Writer is a sink that writes a pcapng file: the interfaces of a source,
// its packets with their comments, and at the end what the kernel counted.
type Writer struct {
	w      *pcapng.Writer
	source Source
	filter string // as the user wrote it
	known  int    // interfaces already written
	start  time.Time
	last   time.Time // time of the last packet
}

// NewWriter starts a file on w for packets of source. The filter is noted
// with its interfaces. It may hold back bytes until Flush.
func NewWriter(w io.Writer, source Source, filter string) (*Writer, error) {
	pw, err := pcapng.NewWriter(w, pcapng.Section{Hardware: runtime.GOARCH, OS: runtime.GOOS, Application: "rawlab"})
	if err != nil {
		return nil, err
	}
	nw := &Writer{w: pw, source: source, filter: filter}
	return nw, nw.describe()
}

// describe writes the interfaces that the source has come to know since.
func (w *Writer) describe() error {
	interfaces := w.source.Interfaces()
	for _, i := range interfaces[w.known:] {
		if w.filter != "" {
			i.Filter = w.filter
		}
		if _, err := w.w.AddInterface(i); err != nil {
			return err
		}
	}
	w.known = len(interfaces)
	return nil
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
	})
}

// WriteStats notes what a ring counted on its interface.
func (w *Writer) WriteStats(s Stats) error {
	if w.start.IsZero() { // no packet, no time: the block would say 1970
		return nil
	}
	return w.w.WriteStats(0, s.Received, s.Dropped, w.start, w.last)
}

// Flush writes out what was gathered.
func (w *Writer) Flush() error { return w.w.Flush() }
