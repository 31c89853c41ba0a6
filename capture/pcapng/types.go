package pcapng

import "time"

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
	SnapLen     uint32 // most bytes kept of a packet; 0 means all
}

// Packet is one captured packet.
type Packet struct {
	Interface int       // index into the interfaces of the whole file, over all sections
	Time      time.Time // from 1970 to 2554, to the nanosecond
	Data      []byte
	Length    int // bytes the packet had when it was captured; more than len(Data) if it was cut
	Comments  []string
	Flags     uint32 // epb_flags, such as the direction; 0 if unknown
}

// Section says what made the file.
type Section struct {
	Hardware, OS, Application, Comment string
}

// Block types.
const (
	blockSection     = 0x0a0d0d0a
	blockInterface   = 1
	blockOldPacket   = 2
	blockSimple      = 3
	blockStatistics  = 5
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

	optFlags = 2

	optStart    = 2
	optEndTime  = 3
	optReceived = 4
	optDropped  = 5
)

// maxOption is the longest value an option's u16 length can tell.
const maxOption = 0xffff
