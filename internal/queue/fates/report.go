package fates

import (
	"time"

	"rawlab/framing"
)

// Verdict says where an event was last seen, as far as both ends know.
type Verdict string

// The verdicts. Each event that was emitted has one.
const (
	Arrived     Verdict = "arrived"      // at the server: its outcome tells the rest
	NotSent     Verdict = "send-refused" // the emitter's own kernel did not take it
	OnTheWay    Verdict = "on-the-way"   // not there yet, and it may still come: it is sent or repaired again, or has not left
	LostOnWay   Verdict = "lost-on-way"  // not there when the server was asked: the wire or its receive buffer, which only a capture can tell
	UnknownFate Verdict = "unknown"      // neither end knows any more, or did yet
)

// Report is what became of everything that an origin has emitted, as far as
// both ends know.
type Report struct {
	Origin   uint64        `json:"origin,string"`
	Since    time.Time     `json:"since"` // of what the server knows, by its clock
	At       time.Time     `json:"at"`    // it answered, by its clock
	Topics   []TopicReport `json:"topics"`
	Unplaced []Unplaced    `json:"unplaced"` // counts of frames, or of datagrams of anybody's, that the server knows no numbers of
}

// TopicReport is the part of one topic, or stream.
type TopicReport struct {
	Topic   string `json:"topic"`
	Emitted uint64 `json:"emitted"` // events
	Runs    []Run  `json:"runs"`    // of all sequences emitted, in order
}

// Run is consecutive sequences, from From up to, not including, To, of which
// the same is known.
type Run struct {
	From    uint64  `json:"from"`
	To      uint64  `json:"to"`
	Verdict Verdict `json:"verdict"`
	Outcome Outcome `json:"outcome,omitzero"` // at the server, if it arrived
}

// Count returns how many events that are.
func (r *Run) Count() uint64 { return r.To - r.From }

// Sent is what an emitter knows itself.
type Sent struct {
	Origin   uint64
	Topics   []SentTopic
	Refused  *Known // what its kernel did not take
	OnTheWay *Known // what may still come
}

// SentTopic is a stream of numbers given out: 1 to Last.
type SentTopic struct {
	Topic  string
	Stream uint16
	Last   uint64
	Before uint64 // numbers up to it were given out before the server's ledger was begun
}

// Join makes a report of what both ends know.
func Join(sent *Sent, server *Known) *Report {
	r := &Report{Origin: sent.Origin, Since: server.Since, At: server.Now, Unplaced: server.Unplaced, Topics: []TopicReport{}}
	for _, t := range sent.Topics {
		if t.Last == 0 {
			continue
		}
		topic := TopicReport{Topic: t.Topic, Emitted: t.Last}
		for number := uint64(1); number <= t.Last; {
			verdict, what, to := judge(&t, number, sent, server)
			to = min(to, t.Last+1)
			topic.add(Run{framing.Sequence(t.Stream, number), framing.Sequence(t.Stream, to), verdict, what})
			number = to
		}
		r.Topics = append(r.Topics, topic)
	}
	return r
}

// judge returns what is known of a number, and up to which other one.
func judge(t *SentTopic, number uint64, sent *Sent, server *Known) (Verdict, Outcome, uint64) {
	what, to, unknown := server.at(t.Stream, number)
	if what != (Outcome{}) {
		return Arrived, what, to
	}
	if number <= t.Before {
		unknown, to = true, min(to, t.Before+1)
	}
	refused, end, forgotten := sent.Refused.at(t.Stream, number)
	to = min(to, end)
	waits, end, _ := sent.OnTheWay.at(t.Stream, number)
	to = min(to, end)
	switch {
	case refused != (Outcome{}):
		return NotSent, Outcome{}, to
	case waits != (Outcome{}):
		return OnTheWay, Outcome{}, to
	case unknown || forgotten:
		return UnknownFate, Outcome{}, to
	}
	return LostOnWay, Outcome{}, to
}

// add appends a run, to the last one if the same is known of both.
func (t *TopicReport) add(r Run) {
	if n := len(t.Runs); n > 0 {
		last := &t.Runs[n-1]
		if last.To == r.From && last.Verdict == r.Verdict && last.Outcome == r.Outcome {
			last.To = r.To
			return
		}
	}
	t.Runs = append(t.Runs, r)
}

// Counts returns how many events were emitted, and how many of each verdict.
func (r *Report) Counts() (emitted uint64, by map[Verdict]uint64) {
	by = make(map[Verdict]uint64)
	for _, t := range r.Topics {
		emitted += t.Emitted
		for _, run := range t.Runs {
			by[run.Verdict] += run.Count()
		}
	}
	return emitted, by
}

// Waiting returns how many events may still change their fate: on the way, or
// waiting at the server.
func (r *Report) Waiting() (n uint64) {
	for _, t := range r.Topics {
		for _, run := range t.Runs {
			if run.Verdict == OnTheWay || run.Outcome.Waiting() > 0 {
				n += run.Count()
			}
		}
	}
	return n
}
