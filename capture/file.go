package capture

import (
	"context"
	"errors"
	"io"

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
		Interface: p.Interface, Comments: p.Comments,
	}
	return f.batch[:], nil
}

// Interfaces returns the interfaces described so far.
func (f *File) Interfaces() []pcapng.Interface { return f.r.Interfaces() }

func ended(err error) bool { return errors.Is(err, io.EOF) }
