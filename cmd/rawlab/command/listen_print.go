package command

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
)

// printer shows what a listener is told.
type printer interface {
	receipt(topic string, r *framing.Receipt) error
	event(*edge.Event) error
	gap(*edge.Gap) error
	lost(*edge.Lost) error
}

// oneAtATime lets a client's goroutines print beside who follows it.
type oneAtATime struct {
	mu sync.Mutex
	printer
}

func (p *oneAtATime) receipt(topic string, r *framing.Receipt) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printer.receipt(topic, r)
}

func (p *oneAtATime) event(e *edge.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printer.event(e)
}

func (p *oneAtATime) gap(g *edge.Gap) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printer.gap(g)
}

func (p *oneAtATime) lost(l *edge.Lost) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printer.lost(l)
}

// linePrinter prints payloads on out, for other programs, and the rest on
// notes, for people.
type linePrinter struct {
	out, notes io.Writer
	topic      string
	name       string
	server     endpoint
	line       []byte
}

func (p *linePrinter) receipt(topic string, r *framing.Receipt) error {
	if topic != p.topic { // one of a pattern's
		return p.receiptLine("receipt for "+topic, r)
	}
	if p.name == "" {
		_, err := fmt.Fprintf(p.notes, "listening to %s at %s\n", topic, p.server)
		return err
	}
	fmt.Fprintf(p.notes, "listening to %s at %s as %s\n", topic, p.server, p.name)
	return p.receiptLine("receipt", r)
}

// receiptLine says what was missed. A pattern's receipt only counts: the
// offsets are those of its topics.
func (p *linePrinter) receiptLine(what string, r *framing.Receipt) error {
	where := fmt.Sprintf("offsets %d to %d, ", r.From, r.To-1)
	if r.From == r.To || what == "receipt" && queue.IsPattern(p.topic) {
		where = ""
	}
	_, err := fmt.Fprintf(p.notes, "%s: %d missed: %d replayed, %d expired (%sepoch %x)\n",
		what, r.To-r.From, r.Replayed, r.Expired.Total(), where, r.Epoch)
	if where != "" {
		for from, to := range r.Expired.All() {
			fmt.Fprintf(p.notes, "%s: expired: offsets %d to %d\n", what, from, to-1)
		}
	}
	return err
}

func (p *linePrinter) lost(l *edge.Lost) error {
	why := "expired before it could be sent"
	if l.GivenUp {
		why = "given up: sent as often as wanted, never acknowledged"
	}
	if l.Topic == "" {
		return p.lostDatagrams(l)
	}
	_, err := fmt.Fprintf(p.notes, "lost: %s, offsets %d to %d: %s\n", l.Topic, l.From, l.To-1, why)
	return err
}

// lostDatagrams prints what --reliability nack could not repair. Which events
// those were, a gap tells that follows.
func (p *linePrinter) lostDatagrams(l *edge.Lost) error {
	why := "the server no longer had them"
	if l.GivenUp {
		why = "asked for as often as it makes sense, in vain"
	}
	_, err := fmt.Fprintf(p.notes, "lost: %d datagrams with events that are not stored: %s\n", l.To-l.From, why)
	return err
}

// event prints a payload in one line: line ends inside it are escaped. What is
// emitted to everybody is for people.
func (p *linePrinter) event(e *edge.Event) error {
	p.line = p.line[:0]
	if e.Topic == queue.Broadcast {
		_, err := p.notes.Write(append(appendLine(append(p.line, "broadcast: "...), e.Payload), '\n'))
		return err
	}
	if queue.IsPattern(p.topic) {
		p.line = append(append(p.line, e.Topic...), '\t')
	}
	p.line = appendLine(p.line, e.Payload)
	switch {
	case e.Redelivered:
		fmt.Fprintf(p.notes, "redelivered: event %d:%d\n", e.Origin, e.Sequence)
	case e.Duplicate || e.Late:
		fmt.Fprintf(p.notes, "%s: event %d:%d\n", lateOrDuplicate(e), e.Origin, e.Sequence)
	}
	_, err := p.out.Write(append(p.line, '\n'))
	return err
}

// appendLine appends a payload with its line ends escaped.
func appendLine(line, payload []byte) []byte {
	for _, b := range payload {
		switch b {
		case '\n':
			line = append(line, `\n`...)
		case '\r':
			line = append(line, `\r`...)
		default:
			line = append(line, b)
		}
	}
	return line
}

func lateOrDuplicate(e *edge.Event) string {
	if e.Late {
		return "late"
	}
	return "duplicate"
}

func (p *linePrinter) gap(g *edge.Gap) error {
	what := fmt.Sprintf("%d events, %d:%d to %[2]d:%[4]d,", g.To-g.From, g.Origin, g.From, g.To-1)
	if g.To-g.From == 1 {
		what = fmt.Sprintf("event %d:%d", g.Origin, g.From)
	}
	_, err := fmt.Fprintf(p.notes, "gap: %s did not come\n", what)
	return err
}

// jsonPrinter prints one object a line.
type jsonPrinter struct{ *json.Encoder }

type jsonReceipt struct {
	Type     string      `json:"type"`
	Topic    string      `json:"topic"`
	Epoch    string      `json:"epoch"`
	From     uint64      `json:"from"`
	To       uint64      `json:"to"`
	Replayed uint64      `json:"replayed"`
	Expired  [][2]uint64 `json:"expired"` // half-open ranges of offsets
}

type jsonEvent struct {
	Type        string  `json:"type"`
	Topic       string  `json:"topic"`
	Origin      string  `json:"origin"`
	Sequence    uint64  `json:"sequence"`
	Time        string  `json:"time"`
	Payload     *string `json:"payload,omitempty"`
	Base64      string  `json:"payload_base64,omitempty"` // of a payload that is no UTF-8
	Offset      uint64  `json:"offset,omitempty"`
	Replayed    bool    `json:"replayed,omitempty"`
	Redelivered bool    `json:"redelivered,omitempty"`
	Request     bool    `json:"request,omitempty"` // whoever emitted it waits for a reply
	Late        bool    `json:"late,omitempty"`
	Duplicate   bool    `json:"duplicate,omitempty"`
}

type jsonLost struct {
	Type    string `json:"type"`
	Topic   string `json:"topic"`
	From    uint64 `json:"from"` // offset
	To      uint64 `json:"to"`   // not included
	GivenUp bool   `json:"given_up"`
}

type jsonGap struct {
	Type   string `json:"type"`
	Origin string `json:"origin"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to"` // not included
}

func (p *jsonPrinter) lost(l *edge.Lost) error {
	return p.Encode(jsonLost{"lost", l.Topic, l.From, l.To, l.GivenUp})
}

func (p *jsonPrinter) receipt(topic string, r *framing.Receipt) error {
	expired := [][2]uint64{}
	for from, to := range r.Expired.All() {
		expired = append(expired, [2]uint64{from, to})
	}
	return p.Encode(jsonReceipt{"receipt", topic, formatOrigin(r.Epoch), r.From, r.To, r.Replayed, expired})
}

func (p *jsonPrinter) event(e *edge.Event) error {
	j := jsonEvent{
		Type: "event", Topic: e.Topic, Origin: formatOrigin(e.Origin), Sequence: e.Sequence,
		Time: e.Time.UTC().Format(time.RFC3339Nano), Offset: e.Offset,
		Replayed: e.Replayed, Redelivered: e.Redelivered, Request: e.Request, Late: e.Late, Duplicate: e.Duplicate,
	}
	if text := string(e.Payload); utf8.ValidString(text) {
		j.Payload = &text
	} else {
		j.Base64 = base64.StdEncoding.EncodeToString(e.Payload)
	}
	return p.Encode(j)
}

func (p *jsonPrinter) gap(g *edge.Gap) error {
	return p.Encode(jsonGap{"gap", formatOrigin(g.Origin), g.From, g.To})
}
