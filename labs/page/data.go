package page

import (
	"encoding/json"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/report"
)

// data is what the page's script draws from. Times are in microseconds since
// the run's start, unless their name says otherwise.
type data struct {
	Runs   []runData `json:"runs"`
	Charts charts    `json:"charts"`
	Words  []string  `json:"words"` // to which other numbers point
	Fates  []string  `json:"fates"` // of events; 0 is none
	Reason []string  `json:"reasons"`
}

type runData struct {
	Name      string       `json:"name"`
	Transport string       `json:"transport"`
	Start     string       `json:"start"` // RFC 3339
	Every     int          `json:"every"` // of the events, one in so many is here and the notable ones
	Emitted   int          `json:"emitted"`
	Packets   int          `json:"packets"` // that left a host; not all may be here
	Events    eventData    `json:"events"`
	Streams   []streamData `json:"streams"`
	Notable   []notable    `json:"notable"`
	Bytes     []packetData `json:"bytes"` // packets with their bytes
}

// eventData is a row for each event.
type eventData struct {
	Place    delta  `json:"place"` // in the ledger
	Origin   column `json:"origin"`
	Sequence delta  `json:"sequence"`
	To       column `json:"to,omitempty"` // the origin of its subscriber; absent where there is one
	At       delta  `json:"at"`           // meant to be emitted; -1 if that is not known
	Took     delta  `json:"took"`         // until the first delivery, -1: it was lost
	Fate     column `json:"fate"`
	Leg      column `json:"leg"` // where it was lost
	Wait     column `json:"wait"`
	WaitBack column `json:"wait_back"` // on the way to the subscriber
	Twice    column `json:"twice"`     // deliveries beyond the first
}

// streamData is a row for each packet of a flow's one direction.
type streamData struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Side   int    `json:"side"` // that sends: 0 the client's, 1 the server's
	Number delta  `json:"number"`
	Left   delta  `json:"left"`
	Trip   delta  `json:"trip"` // -1: it was not seen to come
	Copies column `json:"copies"`
	Fate   column `json:"fate"` // see passage
	Length column `json:"length"`
	Word   column `json:"word"`
	Seq    delta  `json:"seq"`
	Ack    delta  `json:"ack"`
	Again  column `json:"again"` // a word, 0: it was not
	First  delta  `json:"first"` // of the events in it, by place
	Count  column `json:"count"`
	More   []more `json:"more,omitempty"` // where they do not follow each other
}

// more is a packet's further runs of events: row, then first and count.
type more [3]int64

// Bounds of the page: what is beyond is sampled.
const (
	dataBudget = 1_750_000 // bytes of JSON; style, script and words are some 100,000 more
	maxLost    = 500       // of events that are always there: lost, slowest, longest in line
	maxSlow    = 100
	openPacket = 100 // packets without events at the beginning of a stream that are always there
)

// builder makes the data.
type builder struct {
	words words
	fates map[account.Fate]int64
}

// build makes the data as JSON of at most budget bytes; sampled if it would be
// more.
func build(evidence []report.Evidence, budget int) ([]byte, *data, error) {
	numbers := report.PacketNumbers(evidence)
	runs := make([]*followed, len(evidence))
	picks := make([][]notable, len(evidence))
	for i := range evidence {
		picks[i] = pick(evidence[i].Ledger)
		wanted := map[account.ID]bool{}
		for _, n := range picks[i] {
			wanted[evidence[i].Ledger.Events[n.Place].ID] = true
		}
		runs[i] = follow(&evidence[i], wanted)
	}
	drawn := drawCharts(evidence, runs)
	for every := firstGuess(evidence, budget); ; every *= 2 {
		d := &data{Charts: drawn, Runs: []runData{}}
		b := &builder{fates: map[account.Fate]int64{}}
		b.words.number("")
		d.Fates, d.Reason = []string{""}, []string{""}
		for i, f := range account.Fates {
			b.fates[f] = int64(i + 1)
			d.Fates, d.Reason = append(d.Fates, string(f)), append(d.Reason, report.FateReasons[f])
		}
		for i := range runs {
			d.Runs = append(d.Runs, b.run(runs[i], numbers[i], picks[i], every, len(evidence)))
		}
		d.Words = b.words.list
		text, err := json.Marshal(d)
		if err != nil || len(text) <= budget || every > maxSample {
			return text, d, err
		}
	}
}

// maxSample is a sample of hardly more than the notable events.
const maxSample = 1 << 24

// firstGuess spares encoding what is many times too much.
func firstGuess(evidence []report.Evidence, budget int) int {
	const least = 4 // bytes that a row takes at the least
	rows, every := 0, 1
	for i := range evidence {
		rows += len(evidence[i].Ledger.Events) + len(evidence[i].Taps[0].Packets)
	}
	for rows*least/every > budget {
		every *= 2
	}
	return every
}

func (b *builder) run(f *followed, numbers [2][]int, picks []notable, every, runs int) runData {
	keep := sample(f.e.Ledger, every)
	for _, n := range picks {
		keep[n.Place] = true
	}
	d := runData{
		Name: f.e.Name(), Transport: f.e.Transport, Start: f.start.UTC().Format(time.RFC3339Nano), Every: every,
		Emitted: len(f.e.Ledger.Events), Packets: len(f.packets), Notable: picks,
	}
	d.Events = b.events(f, keep)
	d.Streams = b.streams(f, numbers, keep, every)
	d.Bytes = b.bytes(f, numbers, bytesBudget/max(1, runs))
	return d
}

func (b *builder) events(f *followed, keep []bool) eventData {
	var d eventData
	for i := range f.e.Ledger.Events {
		e := &f.e.Ledger.Events[i]
		if !keep[i] {
			continue
		}
		emitted, took := int64(-1), int64(-1)
		if !f.emitted[i].IsZero() {
			emitted = f.since(f.emitted[i])
		}
		if e.Fate == "" {
			took = e.Latency.Microseconds()
		}
		w := f.waits[i]
		d.Place, d.Origin, d.Sequence = append(d.Place, int64(i)), append(d.Origin, int64(e.ID.Origin)), append(d.Sequence, int64(e.ID.Sequence))
		if e.To != 0 {
			d.To = append(d.To, int64(e.To))
		}
		d.At, d.Took = append(d.At, emitted), append(d.Took, took)
		d.Fate, d.Leg = append(d.Fate, b.fates[e.Fate]), append(d.Leg, int64(e.Lost))
		d.Wait, d.WaitBack = append(d.Wait, w[account.ToServer]), append(d.WaitBack, w[account.ToSubscriber])
		d.Twice = append(d.Twice, int64(e.Duplicates))
	}
	return d
}

func (f *followed) since(t time.Time) int64 { return t.Sub(f.start).Microseconds() }
