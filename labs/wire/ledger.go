package wire

import (
	"time"

	"github.com/cespare/xxhash/v2"
)

// Fate is what became of a packet on the wire.
type Fate uint8

// The fates of a packet.
const (
	Passed    Fate = iota
	Lost           // by the loss impairment
	Corrupted      // delivered with a bit flipped
	Overflow       // the queue before the rate was full, or too long for CoDel
	Held           // still under way when the wire was stopped
)

// String returns the fate in the words of the ledger.
func (f Fate) String() string {
	return [...]string{"passed", "wire-loss", "wire-corrupt", "wire-queue", "held"}[f]
}

// Row is one packet's line in the wire's ledger.
type Row struct {
	Time        int64  // when it came, ns since the Unix epoch
	Out         int64  // when it left; 0 if it did not
	Due         int64  // when it should have left
	Hash        uint64 // of the frame as it came, see [Hash]
	OutHash     uint64 // of the frame as it left; 0 if it did not
	Identity    uint64 // with HasIdentity
	Seq         uint32 // TCP sequence number
	Length      uint32 // bytes of the Ethernet frame, without preamble and FCS
	Span        uint32 // TCP sequence numbers taken: payload, SYN and FIN
	SrcPort     uint16
	DstPort     uint16
	Direction   uint8
	Protocol    uint8 // IP protocol number
	Copies      uint8 // how many left
	Fate        Fate
	HasIdentity bool
	underWay    uint8 // copies that may still leave
	forgotten   bool  // no ledger keeps the row
}

// Hash names a frame by its bytes, so that what a capture saw can be joined
// with the wire's row.
func Hash(frame []byte) uint64 { return xxhash.Sum64(frame) }

const rowsPerChunk = 1 << 14

// maxRows bounds the ledger of one direction (about 80 bytes each).
const maxRows = 1 << 23

// Ledger holds one row per packet of a direction. It grows in chunks, so that
// no packet waits for a large copy.
type Ledger struct {
	chunks  [][]Row
	n       int
	forget  bool   // keep no rows at all
	Missing uint64 // packets that came when the ledger was full
}

// add appends a row and returns where it stands, valid for good; nil if full,
// or if no rows are kept.
func (l *Ledger) add(r Row) *Row {
	if l.forget {
		return nil
	}
	if l.n >= maxRows {
		l.Missing++
		return nil
	}
	if l.n%rowsPerChunk == 0 {
		l.chunks = append(l.chunks, make([]Row, 0, rowsPerChunk))
	}
	c := &l.chunks[len(l.chunks)-1]
	*c = append(*c, r)
	l.n++
	return &(*c)[len(*c)-1]
}

// Rows returns all rows in the order in which the packets came.
func (l *Ledger) Rows() []Row {
	rows := make([]Row, 0, l.n)
	for _, c := range l.chunks {
		rows = append(rows, c...)
	}
	return rows
}

// Lateness is how far the wire was behind its own schedule: zero if on time.
func (r *Row) Lateness() time.Duration {
	if r.Out == 0 {
		return 0
	}
	return time.Duration(r.Out - r.Due)
}

// Counts are one direction's packets by what was done to them, from the
// wire's start and whether the ledger keeps rows or not. Once no packet is
// under way, Came = Lost + Overflow + Left - Duplicated.
type Counts struct {
	Came, CameBytes uint64 // Ethernet frames, without preamble and FCS
	Left, LeftBytes uint64 // every copy counts
	Lost            uint64 // by the loss impairment
	Overflow        uint64 // the queue before the rate was full
	Duplicated      uint64
	Corrupted       uint64
}

// Stats counts one direction's packets, those that the ledger cannot show
// among them.
type Stats struct {
	Counts
	RingDrops uint64 // came, and the wire was too slow to take them
	Refused   uint64 // the outgoing interface did not take them
	Missing   uint64 // came when the ledger was full
	Bundled   uint64 // of those that left, how many the kernel got in bundles and cut itself
	Held      int    // under way now
	Packets   int    // in the ledger
}

// LinkRows are the ledgers of one link to a switch: of what came from the
// link's host, and of what went to it.
type LinkRows struct{ Up, Down []Row }

// LinkStats are the counters of one link to a switch.
type LinkStats struct{ Up, Down Stats }
