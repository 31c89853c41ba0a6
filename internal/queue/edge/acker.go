package edge

import (
	"maps"
	"slices"
)

// Acker is which stored events the application has finished with and the
// server does not know of yet. The zero value is ready; it is not safe for
// concurrent use.
type Acker struct {
	returned Event             // by the last Next: finished when Next is called again
	done     map[string]uint64 // topics to acknowledge, up to and including offset
	topics   []string          // scratch: the keys of done
	finished int
}

// Return notes that e is the application's now.
func (a *Acker) Return(e *Event) {
	if e.Offset > 0 {
		a.returned = *e
	}
}

// FinishReturned notes that the application has finished with what it got
// last, and reports whether that changed anything.
func (a *Acker) FinishReturned() bool {
	if a.returned.Offset == 0 {
		return false
	}
	a.Finish([]byte(a.returned.Topic), a.returned.Offset)
	a.returned = Event{}
	return true
}

// Finish notes that the application has finished with an event.
func (a *Acker) Finish(topic []byte, offset uint64) {
	if a.done == nil {
		a.done = make(map[string]uint64)
	}
	a.done[string(topic)] = max(offset, a.done[string(topic)])
	a.finished++
}

// Finished returns how many events are finished and not taken.
func (a *Acker) Finished() int { return a.finished }

// Take hands each topic to acknowledge, and the offset up to and including
// which, to ack, in the order of their names.
func (a *Acker) Take(ack func(topic string, offset uint64)) {
	a.topics = slices.AppendSeq(a.topics[:0], maps.Keys(a.done))
	slices.Sort(a.topics)
	for _, topic := range a.topics {
		ack(topic, a.done[topic])
	}
	clear(a.done)
	a.finished = 0
}
