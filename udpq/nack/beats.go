package nack

import "time"

// Beats is a [Heartbeat] for each topic whose events leave for a subscriber.
// That of a quiet topic is forgotten.
type Beats struct {
	byTopic map[string]*Heartbeat
	order   []string  // of byTopic, so that a run repeats
	at      time.Time // when the first may be due; zero: there is none
}

// Sent notes that the event at an offset has left.
func (b *Beats) Sent(now time.Time, topic []byte, offset uint64) {
	h := b.byTopic[string(topic)]
	if h == nil {
		if b.byTopic == nil {
			b.byTopic = make(map[string]*Heartbeat)
		}
		h = new(Heartbeat)
		b.byTopic[string(topic)] = h
		b.order = append(b.order, string(topic))
	}
	h.Sent(now, offset)
	b.at = earlier(b.at, h.Wake())
}

// Settle takes an answer.
func (b *Beats) Settle(m *Message) {
	if h := b.byTopic[string(m.Topic)]; h != nil {
		h.Settle(m.UpTo)
	}
}

// Message returns what to tell now, if there is anything.
func (b *Beats) Message(now time.Time) (Message, bool) {
	if b.at.IsZero() || now.Before(b.at) {
		return Message{}, false
	}
	for _, topic := range b.order {
		if first, last, due := b.byTopic[topic].Due(now); due {
			return Message{Says: Beat, Topic: []byte(topic), First: first, UpTo: last}, true
		}
	}
	b.forget()
	return Message{}, false
}

// forget lets go of the topics that nothing is open of, and finds when the
// first of the others is due.
func (b *Beats) forget() {
	open := b.order[:0]
	b.at = time.Time{}
	for _, topic := range b.order {
		h := b.byTopic[topic]
		if !h.Open() {
			delete(b.byTopic, topic)
			continue
		}
		open = append(open, topic)
		b.at = earlier(b.at, h.Wake())
	}
	clear(b.order[len(open):])
	b.order = open
}

// Wake returns when to ask Message again, the zero time if never.
func (b *Beats) Wake() time.Time { return b.at }
