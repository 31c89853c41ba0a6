package udpq

import (
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq/nack"
)

func isStored(f *framing.Frame) bool {
	return f.Kind == framing.KindEvent && f.Flags&framing.FlagOffset != 0
}

// heed acts on a frame that is no event, and reports whether it is between
// the machines of both ends alone.
func (m *nackMachine) heed(now time.Time, f *framing.Frame) bool {
	if f.Kind == framing.KindReceipt && m.subscriber {
		m.start(now, f)
		return false
	}
	said, err := nack.Parse(f, m.subscriber)
	if err != nil {
		return false // it will be refused as invalid
	}
	of := len(said.Topic) > 0
	switch said.Says {
	case nack.Nothing:
		return false
	case nack.Ask:
		if of {
			return false // the log is not here
		}
		m.send.Asked(now, said.Ranges)
	case nack.Answer:
		if of {
			m.beats.Settle(&said)
		} else {
			m.send.Settled(said.UpTo, said.Lost)
		}
	case nack.Beat, nack.Gone:
		m.goOn(now, &said, of)
	}
	return true
}

// goOn takes how far the other end is, or what it no longer has.
func (m *nackMachine) goOn(now time.Time, said *nack.Message, of bool) {
	switch {
	case of && m.subscriber:
		m.let(string(said.Topic), m.logs.Heed(now, said))
	case of:
	case said.Says == nack.Beat:
		m.let("", m.receive.Beat(now, said))
	default:
		m.let("", m.receive.Gone(now, said))
	}
}

// start learns from a receipt where a stored topic is joined. That of a
// pattern counts over many.
func (m *nackMachine) start(now time.Time, f *framing.Frame) {
	r, err := framing.ParseReceipt(f.Payload)
	if err != nil || r.To == 0 || queue.IsPattern(string(f.Topic)) {
		return
	}
	m.let(string(f.Topic), m.logs.Start(now, f.Topic, r.To-min(r.Replayed, r.To)))
}

// let lets what a receiver returned be accepted. What will not come is told in
// its place, by the frame that would tell it on the wire.
func (m *nackMachine) let(topic string, ready []nack.Ready) {
	for _, r := range ready {
		if r.Frames != nil {
			m.ready = append(m.ready, r.Frames)
			continue
		}
		gone := nack.Message{
			Says: nack.Gone, Topic: []byte(topic), UpTo: r.To - 1, GivenUp: r.GivenUp, Ranges: framing.Ranges(nil).Append(r.From, r.To),
		}
		m.ready = append(m.ready, gone.Append(nil))
	}
}
