package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
	"rawlab/tcpq"
)

// listenFlags are what a user said to listen.
type listenFlags struct {
	client clientFlags
	name   string
	count  int
	json   bool
	delivery
	replyWith string
}

func newListen() *cobra.Command {
	var f listenFlags
	c := &cobra.Command{
		Use:   "listen URL TOPIC",
		Short: "Print the events of a topic as they come",
		Long: "Print the payload of every event of a topic, a line each. Events that have not\n" +
			"come, though later ones have, are told on stderr.\n\n" +
			"A TOPIC such as orders.* or orders.> stands for many: * is any one word between\n" +
			"dots, > all that follow. Then each line begins with the event's topic and a tab.\n\n" +
			"With --as NAME the server stores the topic's events while NAME is away, and on\n" +
			"return sends what was missed, and a receipt for it.\n\n" +
			"Delivery 'at-least-once' sends an event again that is not acknowledged in time,\n" +
			"'deduplicated' also, and prints none twice; 'at-most-once' never sends again.\n" +
			"An event is acknowledged when the next one is printed.\n\n" +
			"udp+multicast://group:port%interface joins the group that a server sends to with\n" +
			"--udp-multicast: nobody is asked, and what is lost is told and stays lost.",
		Example: "  rawlab listen udp://127.0.0.1:9700 news\n  rawlab listen tcp://127.0.0.1:9700 'orders.>' --as ada --json\n" +
			"  rawlab listen tcp://127.0.0.1:9700 jobs --as worker --delivery at-least-once --ack-window 1\n" +
			"  rawlab listen tcp://127.0.0.1:9700 echo --reply-with {}\n" +
			"  rawlab listen udp+multicast://239.255.0.1:9701%eth0 'orders.>'",
		Args: positional(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args) },
	}
	c.Flags().StringVar(&f.name, "as", "", "listen under a `name`, so that nothing is missed while away")
	c.Flags().IntVar(&f.count, "count", 0, "end after so many events")
	f.client.register(c.Flags())
	f.delivery.register(c.Flags())
	c.Flags().StringVar(&f.replyWith, "reply-with", "", "answer requests with `text`, in which {} is the request's payload; - takes a line of stdin for each")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON objects, one a line, for events, gaps and the receipt")
	return c
}

func (f *listenFlags) run(c *cobra.Command, args []string) (err error) {
	if group, ok := strings.CutPrefix(args[0], groupScheme); ok {
		return f.runGroup(c, group, args[1])
	}
	server, err := parseEndpoint(args[0])
	if err != nil {
		return err
	}
	topic := args[1]
	if err := checkPattern(topic); err != nil {
		return err
	}
	if err := checkCount(f.count); err != nil {
		return err
	}
	wish, err := f.delivery.wish(c.Flags())
	if err != nil {
		return err
	}
	var p printer = &linePrinter{out: c.OutOrStdout(), notes: c.ErrOrStderr(), topic: topic, name: f.name, server: server}
	if f.json {
		p = &jsonPrinter{json.NewEncoder(c.OutOrStdout())}
	}
	p = &oneAtATime{printer: p}
	ctx := c.Context()
	f.client.notes = c.ErrOrStderr()
	l, err := server.dialWith(ctx, &tcpq.ClientConfig{
		Name:        f.name,
		Deduplicate: f.deduplicates(),
		OnReceipt:   func(topic string, r framing.Receipt) { p.receipt(topic, &r) }, // an error comes again with what follows
		OnLost:      func(lost edge.Lost) { p.lost(&lost) },
	}, &f.client)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	answers, err := f.answers(l, c.InOrStdin())
	if err != nil {
		return err
	}
	receipt, err := l.SubscribeFrom(ctx, topic, wish)
	if err != nil {
		return err
	}
	if err := p.receipt(topic, &receipt); err != nil {
		return err
	}
	defer func() {
		if r := f.client.repairs(l, repairsReceived); r != nil {
			r.write(c.ErrOrStderr())
		}
		f.client.parity(l).write(c.ErrOrStderr())
	}()
	return f.follow(ctx, l, p, answers)
}

// follow prints events until there are enough, the user interrupts, which is
// no failure, or the server goes. What is emitted to everybody is not counted.
func (f *listenFlags) follow(ctx context.Context, l interface {
	Next(context.Context) (edge.Event, error)
}, p printer, answers *answers) error {
	for n := 0; f.count == 0 || n < f.count; {
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
		if e.Duplicate && f.deduplicates() {
			continue // over UDP
		}
		if err := errors.Join(err, p.event(&e)); err != nil {
			return err
		}
		if err := answers.answer(ctx, &e); err != nil {
			return err
		}
		if e.Topic != queue.Broadcast {
			n++
		}
	}
	return nil
}
