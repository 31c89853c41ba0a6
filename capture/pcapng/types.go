package pcapng

import (
	"iter"
	"time"
)

// MaxBlock is the largest block in bytes that is read or written.
const MaxBlock = 16 << 20

// Link types, from https://www.tcpdump.org/linktypes.html.
const (
	LinkNull     = 0   // BSD loopback: an address family, then IP
	LinkEthernet = 1   // also what a Linux loopback interface gives
	LinkRaw      = 101 // IP without any link header
)

// Direction bits of [Packet.Flags] (draft-ietf-opsawg-pcapng section 4.3.1).
const (
	FlagDirection = 0b11 // mask of the two bits
	FlagInbound   = 0b01
	FlagOutbound  = 0b10
)

// Interface is where packets were captured.
type Interface struct {
	Name        string
	Description string
	Filter      string // the capture filter, as the user wrote it
	LinkType    uint16
	SnapLen     uint32   // most bytes kept of a packet; 0 means all
	Section     int      // which of the file's, from 0; the writer's current one when it is written
	Options     []Option // any others, such as its address
}

// Packet is one captured packet.
type Packet struct {
	Interface int       // index into the interfaces of the whole file, over all sections
	Time      time.Time // from 1970 to 2554, to the nanosecond
	Data      []byte
	Length    int // bytes the packet had when it was captured; more than len(Data) if it was cut
	Comments  []string
	Flags     uint32   // epb_flags, such as the direction; 0 if unknown
	Dropped   uint64   // epb_dropcount: packets lost by the interface since the one before; 0 if unknown
	Options   []Option // any others, see Verdicts; when read, valid as long as Data
}

// Section says what made the file, or a part of it.
type Section struct {
	Hardware, OS, Application, Comment string

	BigEndian bool     // the byte order of its blocks
	Options   []Option // any others
}

// Option is one that this package gives no field, as it stands in its block:
// numbers in its value are in the section's byte order.
type Option struct {
	Code  uint16
	Value []byte
}

// Kinds of verdict (draft-ietf-opsawg-pcapng section 4.3.1, epb_verdict).
const (
	VerdictHardware = 0
	VerdictTC       = 1 // eBPF of Linux' traffic control: an int32
	VerdictXDP      = 2 // eBPF of Linux' XDP: an int32
)

// Verdict returns the option that says what became of a packet: a kind, and
// that kind's value.
func Verdict(kind byte, value []byte) Option {
	return Option{optVerdict, append([]byte{kind}, value...)}
}

// Verdicts yields what became of the packet, by kind.
func (p *Packet) Verdicts() iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		for _, o := range p.Options {
			if o.Code == optVerdict && len(o.Value) > 0 && !yield(o.Value[0], o.Value[1:]) {
				return
			}
		}
	}
}

// Block is one that is neither a section's header, an interface nor a packet.
type Block struct {
	Type      uint32
	Section   int  // which of the file's, from 0
	BigEndian bool // the byte order of that section
	Body      []byte
}

// The types of blocks that [Reader.Stats] and [Reader.Names] read.
const (
	BlockNames      = 4
	BlockStatistics = 5
)

// Block types.
const (
	blockSection     = 0x0a0d0d0a
	blockInterface   = 1
	blockOldPacket   = 2
	blockSimple      = 3
	blockEnhanced    = 6
	envelopeBytes    = 12
	byteOrderMagic   = 0x1a2b3c4d
	sectionLenAbsent = ^uint64(0)
)

// Options. Their meaning depends on the block they stand in.
const (
	optEnd     = 0
	optComment = 1

	optHardware    = 2
	optOS          = 3
	optApplication = 4

	optName        = 2
	optDescription = 3
	optResolution  = 9
	optFilter      = 11
	optOffset      = 14

	optFlags     = 2
	optDropCount = 4
	optVerdict   = 7

	optStart      = 2
	optEndTime    = 3
	optReceived   = 4
	optDropped    = 5
	optAccepted   = 6
	optSystemDrop = 7
	optDelivered  = 8
)

// maxOption is the longest value an option's u16 length can tell.
const maxOption = 0xffff
