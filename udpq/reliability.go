package udpq

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rawlab/udpq/ack"
	"rawlab/udpq/fec"
	"rawlab/udpq/nack"
)

// Reliability is what is done for events that the wire loses. That of
// ReliabilityFEC may name its code, such as "fec:8+2", see [fec.Params].
type Reliability string

// The rungs.
const (
	ReliabilityNone Reliability = "none" // nothing: each is sent once
	ReliabilityAck  Reliability = "ack"  // each is sent until it is acknowledged, or the conversation is given up
	ReliabilityNack Reliability = "nack" // what is missed is asked for, and sent again while it is kept
	ReliabilityFEC  Reliability = "fec"  // each is sent once, and parity that repairs
)

// codeMark stands between the name of a rung and its code.
const codeMark = ":"

// rungs are those that a hello may ask for: the bytes that each adds to a
// datagram of events at most, and its state machines.
var rungs = map[Reliability]struct {
	headerBytes int
	machine     func(rung, tuning) machine
}{
	ReliabilityAck:  {ack.HeaderBytes, newAckMachine},
	ReliabilityNack: {nack.HeaderBytes, newNackMachine},
	ReliabilityFEC:  {fec.Overhead, newFECMachine},
}

// tuning is what the machines of a link are told besides their rung.
type tuning struct {
	subscriber bool // the link is a client's
	nack       nack.Config
}

// maxHeaderBytes is the most that a rung adds to a datagram.
const maxHeaderBytes = max(ack.HeaderBytes, fec.Overhead)

// Reliabilities returns the names of all rungs, none first.
func Reliabilities() []string {
	names := []string{string(ReliabilityNone)}
	for r := range rungs {
		names = append(names, string(r))
	}
	slices.Sort(names[1:])
	return names
}

// name returns the rung's name alone.
func (r Reliability) name() Reliability {
	name, _, _ := strings.Cut(string(r), codeMark)
	return Reliability(name)
}

// ParseReliability returns the rung of that name; none for no name.
func ParseReliability(name string) (Reliability, error) {
	r := Reliability(name)
	if r == "" || r == ReliabilityNone {
		return ReliabilityNone, nil
	}
	if r.name() == ReliabilityFEC {
		code, err := codeOf(r)
		if err != nil {
			return "", err
		}
		return ReliabilityFEC + codeMark + Reliability(code.String()), nil
	}
	if _, known := rungs[r]; known {
		return r, nil
	}
	all := Reliabilities()
	last := len(all) - 1
	return "", fmt.Errorf("unknown reliability %q: %s or %s", name, strings.Join(all[:last], ", "), all[last])
}

// rung is what a hello asks for, and a welcome grants, in the place of the
// topic: the name of a rung, and ",unordered" if events are wanted as they
// come. The zero rung is none, and leaves the place empty.
type rung struct {
	reliability Reliability
	unordered   bool
}

const unorderedSuffix = ",unordered"

// newRung returns what a client's hello asks for.
func newRung(r Reliability, unordered bool) (rung, error) {
	r, err := ParseReliability(string(r))
	if err != nil || r == ReliabilityNone {
		return rung{}, err
	}
	return rung{r, unordered}, nil
}

// parseRung returns the rung asked for; none if it is not known here.
func parseRung(s string) rung {
	name, unordered := strings.CutSuffix(withoutPieces(s), unorderedSuffix)
	r, err := newRung(Reliability(name), unordered)
	if err != nil || r.String() != withoutPieces(s) {
		return rung{}
	}
	return r
}

// outOfBounds says what is wrong with the code that a hello asks for, nil if
// nothing is.
func outOfBounds(s string) error {
	name, _ := strings.CutSuffix(withoutPieces(s), unorderedSuffix)
	if Reliability(name).name() != ReliabilityFEC {
		return nil
	}
	_, err := codeOf(Reliability(name))
	return err
}

func (r rung) String() string {
	if r.unordered {
		return string(r.reliability) + unorderedSuffix
	}
	return string(r.reliability)
}

// headerBytes is what the rung adds to a datagram of events at most.
func (r rung) headerBytes() int { return rungs[r.reliability.name()].headerBytes }

// machine is the state machines of one end of a conversation on a rung. It
// knows neither sockets nor a clock, and is used by one goroutine at a time:
// a link runs it, both for events that leave and for those that come.
type machine interface {
	// post takes the frames of a datagram of events, which it copies. Ask for
	// room before.
	post(now time.Time, frames []byte)
	// room reports whether another datagram may be posted, idle whether
	// nothing of what was posted is open any more.
	room() bool
	idle() bool
	// open reads a datagram and heeds what it says of the events that left.
	// It is valid until accept.
	open(now time.Time, datagram []byte) opened
	// accept returns the frames to deliver now, oldest first, out of the
	// datagram opened last, if that carries events. Without it, the datagram
	// counts as lost. They are valid until the next call.
	accept(now time.Time) [][]byte
	// next appends a datagram to send now to buf, if there is one.
	next(now time.Time, buf []byte) (outgoing, bool)
	// wake returns when to call tick and next again unless something happens
	// before, the zero time if never.
	wake(now time.Time) time.Time
	// tick acts on the time. An error ends the conversation.
	tick(now time.Time) error
	// release lets all leave at once that waits, and what is posted from now
	// on: nobody reads answers any more.
	release()
	// unsent returns the frames of each datagram posted that has not left.
	unsent() [][]byte
	// stats fills in what a client is told of its rung.
	stats(*ClientStats)
}

// bounding is a machine that lets the other end send no more than there is
// room for. It is told when the application has done with bytes of frames that
// accept returned.
type bounding interface {
	bound(bytes int) // before anything has come; 0: the default
	done(bytes int)
}

// timely is a machine that delivers when time has passed, too. Due reports
// whether accept has something to return though no events have come: what was
// waited for will not.
type timely interface{ due() bool }

// doubtful is a machine that may be idle because nobody answers: then unsure
// is why what was posted may not have come.
type doubtful interface{ unsure() error }

// finishing is a machine that keeps something back for what may be posted
// next. Finish lets it leave at once, since nothing is.
type finishing interface{ finish() }

// spacious is a machine that tells apart room for one datagram and for many.
type spacious interface{ spacious() bool }

// opened is what a datagram turned out to be.
type opened struct {
	mine    bool // of the rung's making; else it is frames that are no events, to be obeyed as without a rung
	events  bool // it carries events: accept them
	invalid int  // frames that were none; then nothing else holds
}

// outgoing is a datagram to send.
type outgoing struct {
	datagram []byte
	first    []byte // its frames, if they leave for the first time
}
