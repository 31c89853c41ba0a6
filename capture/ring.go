package capture

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/net/bpf"
)

// Defaults of a ring: 16 MiB, which holds a third of a second of 1400-byte
// packets at 30,000 a second.
const (
	DefaultSnapLen    = 262144 // bytes; tcpdump's
	DefaultBlockBytes = 256 << 10
	DefaultBlocks     = 64
)

// retire is the longest that a packet waits in a block that does not fill up.
const retire = 10 * time.Millisecond

// RingConfig says what a ring captures. The zero value captures all of lo.
type RingConfig struct {
	Interface      string               // its name; "" means "lo"
	SnapLen        int                  // most bytes kept of a packet; 0 means DefaultSnapLen
	BlockBytes     int                  // size of a block, a multiple of the page size; 0 means DefaultBlockBytes
	Blocks         int                  // how many blocks; 0 means DefaultBlocks
	Filter         []bpf.RawInstruction // nil lets everything through; a packet it refuses costs nothing and is not counted
	IgnoreOutgoing bool                 // leave out what this host sends; on lo this leaves each packet once, not twice
	Promiscuous    bool                 // also what is addressed to other hosts
	Split          bool                 // cut large packets of TCP and UDP (GSO) as they will be, on Linux 6.2 or later
}

func (c *RingConfig) withDefaults() RingConfig {
	var d RingConfig
	if c != nil {
		d = *c
	}
	if d.Interface == "" {
		d.Interface = "lo"
	}
	if d.SnapLen <= 0 {
		d.SnapLen = DefaultSnapLen
	}
	if d.BlockBytes <= 0 {
		d.BlockBytes = DefaultBlockBytes
	}
	if d.Blocks <= 0 {
		d.Blocks = DefaultBlocks
	}
	return d
}

// program returns the filter with its verdicts bounded by the snap length:
// what a classic BPF program returns is how many bytes to keep.
func (c *RingConfig) program() []bpf.RawInstruction {
	const returnConstant = 0x06 // BPF_RET | BPF_K
	if len(c.Filter) == 0 {
		return []bpf.RawInstruction{{Op: returnConstant, K: uint32(c.SnapLen)}}
	}
	program := make([]bpf.RawInstruction, len(c.Filter))
	for i, in := range c.Filter {
		if in.Op == returnConstant {
			in.K = min(in.K, uint32(c.SnapLen))
		}
		program[i] = in
	}
	return program
}

// Stats counts packets that passed the filter. Received includes Dropped, so
// the difference was, or will be, read.
type Stats struct {
	Received uint64
	Dropped  uint64 // the ring had no room for them
}

// PermissionError says that this process may not capture, and what would
// change that.
type PermissionError struct{ Err error }

func (e *PermissionError) Error() string {
	return fmt.Sprintf("capturing needs the right to open packet sockets (%v): run 'sudo setcap cap_net_raw+ep $(command -v rawlab)' once, "+
		"or run as root, or capture what a command does in a network of its own with 'rawlab capture --in-namespace COMMAND…'", e.Err)
}

func (e *PermissionError) Unwrap() error { return e.Err }

// ErrUnsupported says that this system has no packet ring.
var ErrUnsupported = errors.New("capturing from an interface needs Linux; reading a file works everywhere")
