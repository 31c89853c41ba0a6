package tcpflow

import (
	"net/netip"
	"strconv"
	"time"
)

// Segment is one segment and what it means in its flow.
type Segment struct {
	Packet   int // as told to [Analyzer.Add]
	Time     time.Time
	Src, Dst netip.AddrPort
	Flow     int   // counts the flows of the analyzer from 0, in order of appearance
	ToServer bool  // the direction
	Tap      Place // where this segment was captured

	SYN, FIN, RST, ACK, PSH bool
	Seq, Ack                int64 // positions
	Length                  int   // bytes of payload
	Window                  int   // bytes offered; as sent if the flow's scale was not captured
	SACK                    []Block
	Damaged                 bool // the checksum is bad: the receiver drops it, and it means nothing

	Again Again
	Since time.Duration // how long before that the same bytes had left; only with Again, 0 if unknown

	DuplicateAck int // this is so many in a row, 0: it is none
	DSACK        bool
	ZeroWindow   bool
	WindowUpdate bool // ends a zero window
	WindowProbe  bool
	KeepAlive    bool

	NagleWait    time.Duration // at most so long; 0: none known
	DelayedAck   time.Duration // the acknowledgement waited so long; 0: not delayed, or not known
	BeyondHole   bool          // arrived before something sent earlier
	FillsHole    bool          // brought what had been missing
	DuplicateHit bool          // brought nothing new to the receiver
}

// Span is how many positions the segment takes.
func (s *Segment) Span() int64 {
	n := int64(s.Length)
	if s.SYN {
		n++
	}
	if s.FIN {
		n++
	}
	return n
}

// Block is a range of positions [From, To).
type Block struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Again is why a segment was sent again.
type Again uint8

// The reasons.
const (
	AgainNo           Again = iota // it was not
	AgainUnknown                   // this tap cannot tell
	AgainFast                      // what was sent later had arrived
	AgainTimeout                   // the timer expired
	AgainAfterTimeout              // the timer had expired for what came before it
	AgainProbe                     // a tail loss probe
	kinds
)

var againNames = [kinds]string{
	AgainNo: "no", AgainUnknown: "unknown", AgainFast: "fast", AgainTimeout: "timeout",
	AgainAfterTimeout: "after timeout", AgainProbe: "tail loss probe",
}

// String returns the reason in a word or two.
func (a Again) String() string {
	if a < kinds {
		return againNames[a]
	}
	return "again(" + strconv.Itoa(int(a)) + ")"
}
