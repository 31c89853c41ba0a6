package capture

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"rawlab/capture/pcapng"
)

// Packet is one packet as it was captured. Its data starts with the link
// header and belongs to the source: it is valid until the next read.
type Packet struct {
	Time     time.Time
	Data     []byte
	Length   int  // bytes it had on the interface; more than len(Data) if it was cut
	Outgoing bool // sent by the host that captured it

	Interface int      // which of the source's interfaces; 0 if there is one
	Flags     uint32   // pcapng's epb_flags, the direction among them; 0 if unknown
	Comments  []string // what the file says of it
	Dropped   uint64   // packets lost by the interface just before it; 0 if unknown
	Options   []pcapng.Option
}

// Source gives packets in batches. At its end Read returns io.EOF.
// Interfaces describes those that packets read so far may name.
type Source interface {
	Read(ctx context.Context) ([]Packet, error)
	Interfaces() []pcapng.Interface
}

// Packets yields every packet of s, one at a time, until it ends. An error
// is yielded last; io.EOF is none.
func Packets(ctx context.Context, s Source) iter.Seq2[*Packet, error] {
	return func(yield func(*Packet, error) bool) {
		for {
			batch, err := s.Read(ctx)
			for i := range batch {
				if !yield(&batch[i], nil) {
					return
				}
			}
			if err == nil {
				continue
			}
			if !errors.Is(err, io.EOF) {
				yield(nil, err)
			}
			return
		}
	}
}
