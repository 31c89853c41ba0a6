package edge

import (
	"bytes"
	"time"

	"rawlab/framing"
)

// Event is an event as a subscriber gets it. It owns its memory.
type Event struct {
	Origin, Sequence uint64    // its identity
	Time             time.Time // of the emit, by the emitter's clock
	Topic            string
	Payload          []byte
	Offset           uint64 // position in the topic's log, 0 if it is not stored
	Replayed         bool   // it came while this client was away
	Redelivered      bool   // this client was sent it before, and has not acknowledged it
	Request          bool   // whoever emitted it waits for a reply

	// What its number says, see Tracker.
	Missed    uint64 // how many events of its stream directly before it have not come
	Late      bool   // it was missed and comes after all
	Duplicate bool   // it has come before
}

// Gap is events of one origin and topic that have not come: sequences From
// up to, not including, To. They may still come late.
type Gap struct {
	Origin, From, To uint64
}

// Lost is events of a topic that a subscriber has not had and will not have,
// or has never acknowledged: offsets From up to, not including, To.
type Lost struct {
	Topic    string
	From, To uint64
	GivenUp  bool // delivered as often as wanted and never acknowledged; else they expired
}

// TellLost tells tell, unless that is nil, what a nack by offset says.
func TellLost(f *framing.Frame, tell func(Lost)) error {
	ranges, err := framing.ParseRanges(f.Payload)
	if err != nil || tell == nil {
		return err
	}
	for from, to := range ranges.All() {
		tell(Lost{string(f.Topic), from, to, f.Code == framing.CodeTimeout})
	}
	return nil
}

// Receipt is what a subscription starts with; see [framing.Receipt].
type Receipt = framing.Receipt

// NewEvent copies f out of its buffer.
func NewEvent(f *framing.Frame) Event { return newEvent(f, string(f.Topic), Verdict{}) }

func newEvent(f *framing.Frame, topic string, v Verdict) Event {
	return Event{
		Origin: f.Origin, Sequence: f.Sequence, Time: time.Unix(0, int64(f.Time)),
		Topic: topic, Payload: bytes.Clone(f.Payload),
		Offset: f.Offset, Replayed: f.Flags&framing.FlagReplayed != 0,
		Redelivered: f.Flags&framing.FlagRedelivered != 0, Request: f.Flags&framing.FlagRequest != 0,
		Missed: v.Missed, Late: v.Late, Duplicate: v.Duplicate,
	}
}
