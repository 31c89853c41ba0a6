package capture

import (
	"context"
	"errors"
	"io"
	"os"

	"rawlab/capture/pcapng"
)

// File reads packets from a pcapng or classic pcap file or stream.
type File struct {
	r     *pcapng.Reader
	batch [1]Packet
}

// NewFile reads the header of a capture file from r.
func NewFile(r io.Reader) (*File, error) {
	pr, err := pcapng.NewReader(r)
	if err != nil {
		return nil, err
	}
	return &File{r: pr}, nil
}

// Read returns the next packet, in a batch of one. Its errors are those of
// [pcapng.Reader.Next], and ctx's.
func (f *File) Read(ctx context.Context) ([]Packet, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, err := f.r.Next()
	if err != nil {
		return nil, err
	}
	f.batch[0] = Packet{
		Time: p.Time, Data: p.Data, Length: p.Length,
		Outgoing:  p.Flags&pcapng.FlagDirection == pcapng.FlagOutbound,
		Interface: p.Interface, Flags: p.Flags, Comments: p.Comments, Dropped: p.Dropped, Options: p.Options,
	}
	return f.batch[:], nil
}

// Interfaces returns the interfaces described so far.
func (f *File) Interfaces() []pcapng.Interface { return f.r.Interfaces() }

// Sections returns the sections that have begun so far.
func (f *File) Sections() []pcapng.Section { return f.r.Sections() }

// copyTo has w write what the file holds beside packets.
func (f *File) copyTo(w *Writer) {
	f.r.OnBlock(func(b pcapng.Block) error {
		if b.Type != pcapng.BlockStatistics {
			return w.writeBlock(b)
		}
		s, err := f.r.Stats(b) // its times are in the interface's old resolution
		if err != nil {
			return err
		}
		return w.writeFileStats(&s)
	})
}

// TrimFile cuts a capture file back to its last whole block, as after a full
// disk, so that every program reads what is left without complaint. It
// returns how many packets that is.
func TrimFile(path string) (int, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	packets := -1
	r, err := pcapng.NewReader(f)
	for ; err == nil; packets++ {
		_, err = r.Next()
	}
	if cut, ok := errors.AsType[*pcapng.TruncatedError](err); ok {
		return cut.Packets, f.Truncate(cut.Offset)
	}
	if err == io.EOF {
		return packets, nil
	}
	return max(packets, 0), err
}
