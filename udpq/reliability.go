package udpq

import (
	"fmt"
	"slices"
	"strings"

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
	congestion Congestion
	reports    bool // somebody asks for what is underway
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
