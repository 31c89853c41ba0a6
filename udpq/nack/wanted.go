package nack

import (
	"time"

	"rawlab/framing"
	"rawlab/udpq/ack"
)

// Bounds of what waits to be read from logs for one subscriber. What is asked
// for beyond them is asked for again.
const (
	maxWanted       = 64 // topics
	maxWantedRanges = 256
)

// Wanted is the events of logs that a subscriber has asked for.
type Wanted struct {
	rate   int
	pacer  ack.Pacer
	topics []wantedOf // those asked for first, first
}

type wantedOf struct {
	topic  string
	ranges spans
}

// NewWanted returns what nothing was asked of.
func NewWanted(c Config) *Wanted { return &Wanted{rate: c.orDefault().RepairRate} }

// Asked takes a request for offsets of a topic.
func (w *Wanted) Asked(topic []byte, missing framing.Ranges) {
	of := w.of(topic)
	if of == nil {
		return
	}
	for from, to := range missing.All() {
		if len(of.ranges) < maxWantedRanges {
			of.ranges.add(from, to, maxWantedRanges)
		}
	}
}

func (w *Wanted) of(topic []byte) *wantedOf {
	for i := range w.topics {
		if w.topics[i].topic == string(topic) {
			return &w.topics[i]
		}
	}
	if len(w.topics) == maxWanted {
		return nil
	}
	w.topics = append(w.topics, wantedOf{topic: string(topic)})
	return &w.topics[len(w.topics)-1]
}

// Next returns offsets of a topic to read now, at most so many. Taken says
// how many bytes they were.
func (w *Wanted) Next(most uint64) (topic string, from, to uint64, some bool) {
	for len(w.topics) > 0 {
		of := &w.topics[0]
		if len(of.ranges) > 0 {
			s := of.ranges.shift(most)
			return of.topic, s.from, s.to, true
		}
		w.topics = w.topics[1:]
	}
	w.topics = nil
	return "", 0, 0, false
}

// Wait returns how long to wait before so many bytes may be sent again.
func (w *Wanted) Wait(now time.Time, bytes int) time.Duration {
	return pace(&w.pacer, now, bytes, w.rate)
}

// Taken says that so many bytes were sent again.
func (w *Wanted) Taken(bytes int) {
	for ; bytes > 0; bytes -= framing.DefaultDatagram {
		w.pacer.Take(min(bytes, framing.DefaultDatagram))
	}
}
