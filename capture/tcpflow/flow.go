package tcpflow

import (
	"net/netip"
	"time"
)

// Flow is one connection as its tap saw it.
type Flow struct {
	Number         int // counts the analyzer's flows from 0, in order of appearance
	Client, Server netip.AddrPort
	Opened         bool // its SYN was captured: who is the client is certain, and so are the options
	First, Last    time.Time
	Packets        int
	ToServer       Direction
	ToClient       Direction
}

// Direction is what one end sent, and what the other answered.
type Direction struct {
	Tap      Place
	Segments int   // that carried data, SYN or FIN
	Bytes    int64 // of payload, with what was sent again
	MSS      int   // the largest segment that the receiver allows, 0 if unknown
	Largest  int   // the largest seen
	Scaled   bool  // the scale of the windows is known
	Damaged  int   // segments with a bad checksum, here

	// Told by the sender's tap.
	Again      [kinds]int // retransmissions by their reason
	RTT        RTT
	Nagle      Waits // each at most so long
	NagleOff   bool  // small segments left while others were unacknowledged
	KeepAlives int
	Probes     int // of a zero window

	// What the receiver answered; where the tap is does not matter, but for
	// those answers that the wire lost.
	DuplicateAcks int
	SACKBlocks    int // all, of all acknowledgements
	DSACKs        int // RFC 2883: something came twice
	LeastWindow   int
	MostWindow    int
	ZeroWindows   Waits // from the first offer of nothing to the next of something
	DelayedAcks   Waits // told by the receiver's tap

	// Told by the receiver's tap.
	BeyondHole    int   // segments that arrived before something sent earlier
	FilledHoles   int   // segments that brought what had been missing
	DuplicateHits int   // segments that brought nothing new
	Holes         Waits // from the first segment beyond a hole until what was missing came
}

// Retransmissions counts all segments that were sent again.
func (d *Direction) Retransmissions() int {
	n := 0
	for _, k := range d.Again {
		n += k
	}
	return n
}
