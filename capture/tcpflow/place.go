package tcpflow

// Way is a packet's direction at its tap.
type Way uint8

// The ways.
const (
	WayUnknown Way = iota
	Out            // sent by the tap's host
	In             // received by it
)

// Place is where a tap is, as one direction of a flow sees it.
type Place uint8

// The places.
const (
	PlaceUnknown Place = iota
	AtSender           // where the direction's segments are sent
	AtReceiver         // where they arrive
	AtBoth             // on a loopback interface
)

var placeNames = [...]string{PlaceUnknown: "unknown", AtSender: "sender", AtReceiver: "receiver", AtBoth: "both"}

// String returns the place in a word.
func (p Place) String() string { return placeNames[p] }

// Sends reports whether the tap knows when the direction's segments left.
func (p Place) Sends() bool { return p == AtSender || p == AtBoth }

// Receives reports whether the tap knows when they arrived.
func (p Place) Receives() bool { return p == AtReceiver || p == AtBoth }
