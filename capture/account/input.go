package account

import (
	"net/netip"
	"time"

	"rawlab/capture/dissect"
)

// ID is the identity of an event.
type ID struct{ Origin, Sequence uint64 }

// Sides of a lab: the emitter and the subscriber are at the client host.
const (
	Client = 0
	Server = 1
)

// Legs of an event's way.
const (
	ToServer     = 0 // from the client host to the server host
	ToSubscriber = 1 // back
)

// Emission is one event as the emitter knows it.
type Emission struct {
	ID      ID
	Time    time.Time // when it was meant to be sent
	Refused bool      // the kernel returned an error for it
	To      []uint64  // the subscribers that it is due to, ascending; none: the run has one, without a number
}

// Delivery is one event as the subscriber's application read it.
type Delivery struct {
	ID   ID
	Time time.Time
	To   uint64 // the subscriber; 0 if the run has one
}

// ServerRecord is what the server says of one event.
type ServerRecord struct {
	Read    int             // how often its application read it
	Fate    Fate            // why it was not sent on; empty if it was
	Dropped map[uint64]Fate // why it was not to one of several subscribers; nil: it was to all
}

// fateFor is why the event was not sent on to a subscriber.
func (r *ServerRecord) fateFor(to uint64) Fate {
	if f, ok := r.Dropped[to]; ok {
		return f
	}
	return r.Fate
}

// Packet is one packet at a tap.
type Packet struct {
	Time     time.Time
	Data     []byte // from the Ethernet header on
	Cut      int    // bytes at its end that are not in Data; see Shorten
	Hash     uint64 // the name under which the wire knows it
	Outgoing bool
	digest   digest // of what IP carried, where some is cut
}

// Tap is everything that one host's capture saw, in order.
type Tap struct {
	Packets []Packet
	Dropped uint64 // packets the capture itself missed
}

// PacketFate is what the wire did to one packet.
type PacketFate uint8

// The fates of a packet on the wire.
const (
	PacketPassed PacketFate = iota
	PacketLost
	PacketCorrupted
	PacketOverflow
	PacketHeld // still under way at the end
)

// Passage is one row of the wire's ledger.
type Passage struct {
	Time, Out     time.Time
	Hash, OutHash uint64 // of the bytes as they came and as they left
	Seq           uint32 // TCP
	Length        int    // bytes of the frame
	Span          int    // TCP sequence numbers taken: payload, SYN and FIN (RFC 9293, section 3.4)
	SrcPort       uint16
	DstPort       uint16
	Protocol      dissect.Protocol
	Fate          PacketFate
	Copies        int // how many left
	Link          int // of several client hosts the one whose link it was, from 1; 0: there is one
}

// Wire is one direction of the wire's ledger, in order.
type Wire struct {
	Passages []Passage
	Missed   uint64 // packets the wire was too slow to see, or could not put on the cable
}

// late tells whether something came only after the run was over.
func (in *Input) late(t time.Time) bool { return !in.End.IsZero() && t.After(in.End) }

// receiver is the side at a leg's end.
func receiver(leg int) int {
	if leg == ToSubscriber {
		return Client
	}
	return Server
}

// receiver is the kernel at a leg's end.
func (in *Input) receiver(leg int) *Kernel { return &in.Kernels[receiver(leg)] }

// watched reports whether everything that came through the door at a leg's
// end was noted.
func (in *Input) watched(leg int) bool {
	d := in.Doors[receiver(leg)]
	return d != nil && d.Missed == 0
}

// Kernel is what one host's kernel counted during the run.
type Kernel struct {
	ReceiveBuffer int64 // UDP datagrams dropped at a full socket
	Checksum      int64 // UDP datagrams with a wrong checksum
	Firewall      bool  // it has one
	Reassembly    int64 // fragments for which there was no room until the others came
	Interface     int64 // packets that came off the cable and its interface did not take
	NoSocket      int64 // UDP datagrams to a port without a socket
	SendBuffer    int64 // UDP datagrams refused at the sender
	Queue         int64 // packets dropped in the host's queue before its interface
	Retransmits   int64 // TCP segments sent again

	// Of those, as Linux tells them apart; 0 on virtual hosts.
	Fast     int64 // in fast recovery
	AfterRTO int64 // after a timeout, but for the first
	Timeouts int64 // the timer expired
	Probes   int64 // tail loss probes; some carry new data, and are no retransmission
}

// Rung is what both ends say of a reliability above none.
type Rung struct {
	Taken  [2]int64 // by leg: datagrams with events that its end took from the socket, those that came again too
	Resent int64    // times that a datagram of events was sent again, by either end

	Strange int64 // events, in datagrams that the server read and no rung took: they came from an address that it knows no session of
}

// Input is everything that the witnesses of one run say.
type Input struct {
	Transport  dissect.Protocol // TCP or UDP
	Port       uint16           // of the server
	Emissions  []Emission
	Deliveries []Delivery
	Server     map[ID]ServerRecord
	// Subscribers are the numbers of several, by their addresses; nil: there
	// is one. Each has a line of its own for every event that is due to it.
	Subscribers map[netip.AddrPort]uint64
	Invalid     int64    // frames that the server could not read, by its own count
	Taps        [2]Tap   // by side
	Doors       [2]*Door // by side; nil: nobody watched
	Wire        [2]Wire  // by leg
	Kernels     [2]Kernel
	Sockets     [2]*int64         // by leg: packets that the socket at its end dropped by its own count, those with a wrong checksum too (SO_MEMINFO); nil: nobody asked it
	Reasons     *Reasons          // why the kernel dropped what it dropped; nil: nobody asked
	Opened      map[string][]byte // what was enciphered into the payloads of datagrams, by their bytes; nil: nothing was
	Rung        *Rung             // over UDP, what sends again or makes good what the wire loses; nil: nobody does
	Repeats     bool              // timing is part of what repeats: the hosts ran on virtual time
	Broken      bool              // a connection ended before its time
	End         time.Time         // when the run was over; what came later was not watched to its end. Zero: no limit
}
