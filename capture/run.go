package capture

import (
	"context"
	"errors"
	"io"
)

// Sink takes packets. Flush ends a batch: a sink that gathers writes out.
type Sink interface {
	Write(*Packet) error
	Flush() error
}

// RunConfig says what Run takes from a source. The zero value takes all.
type RunConfig struct {
	Count  int                         // stop after this many packets; 0 means no limit
	Filter func(*Packet) (bool, error) // nil takes every packet
	Live   bool                        // flush after each batch, for someone is watching
}

// Run gives every packet of source that the filter takes to sink, until the
// source ends, ctx is done or the count is reached, and returns how many
// there were. Neither of those ends is an error. What was taken is flushed
// whatever ended it.
func Run(ctx context.Context, source Source, sink Sink, config *RunConfig) (int, error) {
	var c RunConfig
	if config != nil {
		c = *config
	}
	taken, err := run(ctx, source, sink, &c)
	if flushErr := sink.Flush(); !errors.Is(err, flushErr) { // a full disk is told once
		err = errors.Join(err, flushErr)
	}
	return taken, err
}

func run(ctx context.Context, source Source, sink Sink, c *RunConfig) (int, error) {
	taken := 0
	for {
		batch, err := source.Read(ctx)
		if errors.Is(err, io.EOF) || err != nil && errors.Is(err, ctx.Err()) {
			return taken, nil
		} else if err != nil {
			return taken, err
		}
		for i := range batch {
			if took, err := c.offer(&batch[i], sink); err != nil {
				return taken, err
			} else if took {
				taken++
			}
			if taken == c.Count && c.Count > 0 {
				return taken, nil
			}
		}
		if c.Live {
			if err := sink.Flush(); err != nil {
				return taken, err
			}
		}
	}
}

// offer gives the sink a packet that the filter takes.
func (c *RunConfig) offer(p *Packet, sink Sink) (bool, error) {
	if c.Filter != nil {
		if take, err := c.Filter(p); !take || err != nil {
			return false, err
		}
	}
	return true, sink.Write(p)
}
