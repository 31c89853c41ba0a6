package command

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"rawlab/framing"
	"rawlab/internal/queue/edge"
)

// listenFlags are what a user said to listen.
type listenFlags struct {
	name  string
	count int
	json  bool
}

func newListen() *cobra.Command {
	var f listenFlags
	c := &cobra.Command{
		Use:   "listen URL TOPIC",
		Short: "Print the events of a topic as they come",
		Long: "Print the payload of every event of a topic, a line each. Events that have not\n" +
			"come, though later ones have, are told on stderr.\n\n" +
			"With --as NAME the server stores the topic's events while NAME is away, and on\n" +
			"return sends what was missed, and a receipt for it.",
		Example: "  rawlab listen udp://127.0.0.1:9700 news\n  rawlab listen tcp://127.0.0.1:9700 news --as ada --json",
		Args:    positional(cobra.ExactArgs(2)),
		RunE:    func(c *cobra.Command, args []string) error { return f.run(c, args) },
	}
	c.Flags().StringVar(&f.name, "as", "", "listen under a `name`, so that nothing is missed while away")
	c.Flags().IntVar(&f.count, "count", 0, "end after so many events")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON objects, one a line, for events, gaps and the receipt")
	return c
}

func (f *listenFlags) run(c *cobra.Command, args []string) (err error) {
	server, err := parseEndpoint(args[0])
	if err != nil {
		return err
	}
	topic := args[1]
	if err := checkTopic(topic); err != nil {
		return err
	}
	if f.count < 0 {
		return usagef("--count %d: want 1 or more", f.count)
	}
	ctx := c.Context()
	l, err := server.dial(ctx, f.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	receipt, err := l.Subscribe(ctx, topic)
	if err != nil {
		return err
	}
	var p printer = &linePrinter{out: c.OutOrStdout(), notes: c.ErrOrStderr(), topic: topic, name: f.name, server: server}
	if f.json {
		p = &jsonPrinter{json.NewEncoder(c.OutOrStdout())}
	}
	if err := p.receipt(&receipt); err != nil {
		return err
	}
	return f.follow(ctx, l, p)
}

// follow prints events until there are enough, the user interrupts, which is
// no failure, or the server goes.
func (f *listenFlags) follow(ctx context.Context, l client, p printer) error {
	for n := 0; f.count == 0 || n < f.count; n++ {
		e, err := l.Next(ctx)
		switch {
		case ctx.Err() != nil && err != nil:
			return nil
		case err != nil:
			return fmt.Errorf("after %d events: %w", n, err)
		}
		if e.Missed > 0 {
			err = p.gap(&edge.Gap{Origin: e.Origin, From: e.Sequence - e.Missed, To: e.Sequence})
		}
		if err := errors.Join(err, p.event(&e)); err != nil {
			return err
		}
	}
	return nil
}

// printer shows what a listener is told.
type printer interface {
	receipt(*framing.Receipt) error
	event(*edge.Event) error
	gap(*edge.Gap) error
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

func (p *linePrinter) receipt(r *framing.Receipt) error {
	if p.name == "" {
		_, err := fmt.Fprintf(p.notes, "listening to %s at %s\n", p.topic, p.server)
		return err
	}
	fmt.Fprintf(p.notes, "listening to %s at %s as %s\n", p.topic, p.server, p.name)
	_, err := fmt.Fprintf(p.notes, "receipt: %d missed: %d replayed, %d expired\n", r.To-r.From, r.Replayed, r.Expired.Total())
	for from, to := range r.Expired.All() {
		fmt.Fprintf(p.notes, "receipt: expired: offsets %d to %d\n", from, to-1)
	}
	return err
}

// event prints a payload in one line: line ends inside it are escaped.
func (p *linePrinter) event(e *edge.Event) error {
	p.line = p.line[:0]
	for _, b := range e.Payload {
		switch b {
		case '\n':
			p.line = append(p.line, `\n`...)
		case '\r':
			p.line = append(p.line, `\r`...)
		default:
			p.line = append(p.line, b)
		}
	}
	if e.Duplicate || e.Late {
		fmt.Fprintf(p.notes, "%s: event %d:%d\n", lateOrDuplicate(e), e.Origin, e.Sequence)
	}
	_, err := p.out.Write(append(p.line, '\n'))
	return err
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
	Epoch    string      `json:"epoch"`
	From     uint64      `json:"from"`
	To       uint64      `json:"to"`
	Replayed uint64      `json:"replayed"`
	Expired  [][2]uint64 `json:"expired"` // half-open ranges of offsets
}

type jsonEvent struct {
	Type      string  `json:"type"`
	Topic     string  `json:"topic"`
	Origin    string  `json:"origin"`
	Sequence  uint64  `json:"sequence"`
	Time      string  `json:"time"`
	Payload   *string `json:"payload,omitempty"`
	Base64    string  `json:"payload_base64,omitempty"` // of a payload that is no UTF-8
	Offset    uint64  `json:"offset,omitempty"`
	Replayed  bool    `json:"replayed,omitempty"`
	Late      bool    `json:"late,omitempty"`
	Duplicate bool    `json:"duplicate,omitempty"`
}

type jsonGap struct {
	Type   string `json:"type"`
	Origin string `json:"origin"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to"` // not included
}

func (p *jsonPrinter) receipt(r *framing.Receipt) error {
	expired := [][2]uint64{}
	for from, to := range r.Expired.All() {
		expired = append(expired, [2]uint64{from, to})
	}
	return p.Encode(jsonReceipt{"receipt", formatOrigin(r.Epoch), r.From, r.To, r.Replayed, expired})
}

func (p *jsonPrinter) event(e *edge.Event) error {
	j := jsonEvent{
		Type: "event", Topic: e.Topic, Origin: formatOrigin(e.Origin), Sequence: e.Sequence,
		Time: e.Time.UTC().Format(time.RFC3339Nano), Offset: e.Offset,
		Replayed: e.Replayed, Late: e.Late, Duplicate: e.Duplicate,
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
