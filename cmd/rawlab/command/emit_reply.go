package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue/edge"
	"rawlab/tcpq"
)

// replyReport is what emit --reply prints of each event with --json.
type replyReport struct {
	Topic     string  `json:"topic"`
	Reply     *string `json:"reply,omitempty"`
	Base64    []byte  `json:"reply_base64,omitempty"` // of a reply that is no UTF-8
	From      string  `json:"from,omitempty"`
	RoundTrip float64 `json:"round_trip_us"`
	Error     string  `json:"error,omitempty"`
}

// ask emits every payload as a request and prints the replies, until one does
// not come.
func (f *emitFlags) ask(c *cobra.Command, e client, topic string, next func(context.Context) ([]byte, error)) (err error) {
	defer func() { err = errors.Join(err, e.Close()) }()
	for n := 1; ; n++ {
		payload, err := next(c.Context())
		switch {
		case err == io.EOF:
			return nil
		case c.Context().Err() != nil:
			return errors.New("interrupted")
		case err != nil:
			return fmt.Errorf("reading event %d: %w", n, err)
		}
		if err := f.askOnce(c, e, topic, payload); err != nil {
			return fmt.Errorf("event %d: %w", n, err)
		}
	}
}

func (f *emitFlags) askOnce(c *cobra.Command, e client, topic string, payload []byte) error {
	ctx, cancel := edge.WithTimeout(c.Context(), clock.Real, f.timeout, "the reply")
	defer cancel()
	start := clock.Real.Now()
	reply, err := e.Request(ctx, topic, payload)
	took := clock.Real.Now().Sub(start)
	err = f.unanswered(c.Context(), topic, err)
	if f.json {
		return errors.Join(err, json.NewEncoder(c.OutOrStdout()).Encode(newReplyReport(topic, &reply, took, err)))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "reply from %d in %v\n", reply.Origin, took.Round(time.Microsecond))
	_, err = c.OutOrStdout().Write(append(appendLine(nil, reply.Payload), '\n'))
	return err
}

// unanswered says in a user's words why there is no reply.
func (f *emitFlags) unanswered(ctx context.Context, topic string, err error) error {
	refused, isRefused := errors.AsType[*tcpq.RefusedError](err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errors.New("interrupted before a reply came")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no reply in %v: somebody listens to %s, but does not answer; --timeout waits longer", f.timeout, topic)
	case isRefused && (refused.Code == framing.CodeNobody || refused.Code == framing.CodeGone):
		return errors.New(refused.Words)
	}
	return err
}

func newReplyReport(topic string, reply *edge.Event, took time.Duration, err error) replyReport {
	r := replyReport{Topic: topic, RoundTrip: float64(took.Nanoseconds()) / 1000}
	if err != nil {
		r.Error = err.Error()
		return r
	}
	r.From = formatOrigin(reply.Origin)
	if text := string(reply.Payload); utf8.ValidString(text) {
		r.Reply = &text
	} else {
		r.Base64 = reply.Payload
	}
	return r
}
