package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/pflag"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
)

// delivery is how a listener wants to get its events.
type delivery struct {
	word          string
	ackWindow     int
	redeliver     time.Duration
	maxDeliveries int
	overflow      string
}

const deduplicated = "deduplicated"

// deliveries are the words of --delivery and what they ask of the server.
var deliveries = map[string]framing.Delivery{
	"":              framing.DeliveryDefault,
	"at-most-once":  framing.AtMostOnce,
	"at-least-once": framing.AtLeastOnce,
	deduplicated:    framing.AtLeastOnce,
}

func (d *delivery) register(f *pflag.FlagSet) {
	f.StringVar(&d.word, "delivery", "", "how sure to be of each event: `at-most-once|at-least-once|deduplicated` (default: stored events until they are acknowledged, but not again before the next visit; others once)")
	f.IntVar(&d.ackWindow, "ack-window", 0, fmt.Sprintf("how many events may be on the way unacknowledged (default %d)", queue.DefaultAckWindow))
	f.DurationVar(&d.redeliver, "redeliver-after", 0, fmt.Sprintf("send the oldest event again after so long without an acknowledgement (default %v)", queue.DefaultRedeliver))
	f.IntVar(&d.maxDeliveries, "max-deliveries", 0, "give an event up that was sent so often (default: never)")
	f.StringVar(&d.overflow, "overflow", "", "when this listener is too slow for events that are not stored: `drop-oldest|disconnect|block` (default: what the server does)")
}

func (d *delivery) deduplicates() bool { return d.word == deduplicated }

// wish checks what was said and turns it into what is asked of the server.
func (d *delivery) wish(flags *pflag.FlagSet) (framing.Subscribe, error) {
	w := framing.Subscribe{Redeliver: d.redeliver}
	var known bool
	if w.Delivery, known = deliveries[d.word]; !known || d.word == "" && flags.Changed("delivery") {
		return w, usagef("--delivery %q: want at-most-once, at-least-once or deduplicated", d.word)
	}
	for _, name := range []string{"ack-window", "redeliver-after", "max-deliveries"} {
		if flags.Changed(name) && w.Delivery != framing.AtLeastOnce {
			return w, usagef("--%s is about acknowledgements: add --delivery at-least-once or deduplicated", name)
		}
	}
	if flags.Changed("redeliver-after") && d.redeliver < time.Millisecond {
		return w, usagef("--redeliver-after %v: want 1ms or more", d.redeliver)
	}
	for name, number := range map[string]struct {
		from int
		to   *uint16
	}{"ack-window": {d.ackWindow, &w.Window}, "max-deliveries": {d.maxDeliveries, &w.MaxDeliveries}} {
		if flags.Changed(name) && (number.from < 1 || number.from > math.MaxUint16) {
			return w, usagef("--%s %d: want 1 to %d", name, number.from, math.MaxUint16)
		}
		*number.to = uint16(number.from)
	}
	if d.overflow != "" {
		policy, err := queue.ParseOverflow(d.overflow)
		if err != nil {
			return w, usagef("--overflow: %w", err)
		}
		w.Overflow = policy.WishFor()
	}
	return w, nil
}

// answers is what a listener replies to requests; nil replies nothing.
type answers struct {
	client client
	text   string
	next   func(context.Context) ([]byte, error) // instead of text
}

func (f *listenFlags) answers(l client, stdin io.Reader) (*answers, error) {
	if f.replyWith == "" {
		return nil, nil
	}
	a := &answers{client: l, text: f.replyWith}
	if f.replyWith == "-" {
		a.next = lines(stdin, 0)
	}
	return a, nil
}

// answer replies to an event that is a request.
func (a *answers) answer(ctx context.Context, e *edge.Event) error {
	if a == nil || !e.Request {
		return nil
	}
	reply := bytes.ReplaceAll([]byte(a.text), []byte("{}"), e.Payload)
	if a.next != nil {
		var err error
		reply, err = a.next(ctx)
		switch {
		case err == io.EOF:
			return errors.New("stdin has ended: no more replies")
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("reading a reply: %w", err)
		}
	}
	return a.client.Reply(e, reply)
}
