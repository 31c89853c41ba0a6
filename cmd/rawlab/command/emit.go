package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/tcpq"
)

// emitFlags are what a user said to emit.
type emitFlags struct {
	client    clientFlags
	count     int
	reply     bool
	timeout   time.Duration
	broadcast bool
	json      bool
	fates     bool
	log       string
	events    *eventLog
}

// emitReport is what emit prints with --json.
type emitReport struct {
	Transport    string         `json:"transport"`
	Topic        string         `json:"topic"`
	Origin       string         `json:"origin"`
	Emitted      uint64         `json:"emitted"`
	Acknowledged *uint64        `json:"acknowledged"`      // null over UDP without --reliability ack: nobody says
	Fates        *fatesReport   `json:"fates,omitempty"`   // with --report
	Repairs      *repairsReport `json:"repairs,omitempty"` // with --reliability nack
	Parity       *parityReport  `json:"parity,omitempty"`  // with --reliability fec
	told         bool           // the server acknowledges
	unflushed    error
}

func newEmit() *cobra.Command {
	var f emitFlags
	c := &cobra.Command{
		Use:   "emit URL TOPIC [PAYLOAD|-]",
		Short: "Emit events to a topic",
		Long: "Emit PAYLOAD to a topic, or with - or piped input every line of it as an event.\n\n" +
			"Over tcp:// it succeeds only once the server has acknowledged every event; over\n" +
			"udp:// events are sent, and nobody says whether they arrived; with --reliability\n" +
			"ack they are sent until the server has acknowledged them; with nack the server\n" +
			"asks for what it misses, and it succeeds once nothing is missing any more; with\n" +
			"fec every 8 datagrams are followed by 2 of parity, which make good for any two\n" +
			"that are lost, or with fec:K+MxD, by M for K, of D groups that take turns.\n" +
			"Over udp:// an event larger than a datagram travels in pieces, up to 1 MiB.\n\n" +
			"With --reply each event is a question to who listens now: the first reply is\n" +
			"printed, and when nobody can answer that is told at once (over udp:// without\n" +
			"--reliability ack a question or its reply may be lost). With --broadcast there\n" +
			"is no TOPIC: every client that is connected gets the event.\n\n" +
			"With --report the server notes what becomes of each event, and a table tells in\n" +
			"the end: which were forwarded, to how many, which were dropped where, and which\n" +
			"never came. Those the wire has lost, or the server's receive buffer had no room\n" +
			"for; only a capture can tell which.",
		Example: "  rawlab emit tcp://127.0.0.1:9700 news hello\n  seq 1000 | rawlab emit udp://127.0.0.1:9700 news\n" +
			"  rawlab emit tcp://127.0.0.1:9700 sums '1 + 1' --reply\n  rawlab emit tcp://127.0.0.1:9700 --broadcast 'back in five minutes'",
		Args: positional(cobra.RangeArgs(1, 3)),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args) },
	}
	c.Flags().IntVar(&f.count, "count", 0, "emit PAYLOAD so many times, or at most so many lines")
	c.Flags().BoolVar(&f.reply, "reply", false, "wait for a reply to each event, and print it")
	c.Flags().DurationVar(&f.timeout, "timeout", 2*time.Second, "with --reply, how long to wait for each")
	c.Flags().BoolVar(&f.broadcast, "broadcast", false, "emit to every client that is connected")
	c.Flags().BoolVar(&f.fates, "report", false, "print what became of each event, as far as this end and the server know")
	c.Flags().StringVar(&f.log, "log", "", "write a line for each event into this `FILE`: what 'rawlab capture --account' takes")
	f.client.register(c.Flags())
	c.Flags().BoolVar(&f.json, "json", false, "print one JSON object on stdout instead of a sentence; with --reply, one for each event")
	return c
}

// target returns the topic and the arguments behind it.
func (f *emitFlags) target(c *cobra.Command, args []string) (topic string, rest []string, err error) {
	switch {
	case f.log != "" && f.reply:
		return "", nil, usagef("--log is about events, and --reply waits for an answer to each: choose")
	case f.fates && f.reply:
		return "", nil, usagef("--report is about events, and --reply waits for an answer to each: choose")
	case f.broadcast && f.reply:
		return "", nil, usagef("--broadcast goes to all and --reply waits for one: choose")
	case f.broadcast && len(args) > 1:
		return "", nil, usagef("--broadcast takes the place of TOPIC: usage: rawlab emit URL --broadcast [PAYLOAD|-]")
	case f.broadcast:
		return queue.Broadcast, args, nil
	case len(args) == 0:
		return "", nil, usagef("no TOPIC; usage: %s", c.UseLine())
	case c.Flags().Changed("timeout") && !f.reply:
		return "", nil, usagef("--timeout is how long to wait for a reply: add --reply")
	case f.reply && f.timeout <= 0:
		return "", nil, usagef("--timeout %v: want more than 0, such as 2s", f.timeout)
	}
	return args[0], args[1:], checkTopic(args[0])
}

func (f *emitFlags) run(c *cobra.Command, args []string) error {
	server, err := parseEndpoint(args[0])
	if err != nil {
		return err
	}
	topic, rest, err := f.target(c, args[1:])
	if err != nil {
		return err
	}
	if f.count < 0 {
		return usagef("--count %d: want 1 or more", f.count)
	}
	next, err := f.source(c.InOrStdin(), rest)
	if err != nil {
		return err
	}
	f.client.notes = c.ErrOrStderr()
	e, err := server.dialWith(c.Context(), &tcpq.ClientConfig{Report: f.fates}, &f.client)
	if err != nil {
		return err
	}
	if f.reply {
		return f.ask(c, e, topic, next)
	}
	r := emitReport{Transport: server.transport, Topic: topic, Origin: formatOrigin(e.Origin()), told: f.client.acknowledges(server)}
	if f.events, err = createLog(f.log); err != nil {
		return errors.Join(err, e.Close())
	}
	err = f.emitAll(c.Context(), e, &r, next)
	err = errors.Join(err, f.events.close())
	return errors.Join(err, f.report(c, &r))
}

// source returns what yields the payloads, io.EOF at their end.
func (f *emitFlags) source(stdin io.Reader, args []string) (func(context.Context) ([]byte, error), error) {
	if len(args) == 1 && args[0] != "-" {
		return repeat([]byte(args[0]), max(1, f.count)), nil
	}
	if file, ok := stdin.(*os.File); len(args) == 0 && ok && term.IsTerminal(int(file.Fd())) {
		return nil, usagef("nothing to emit: give a PAYLOAD, or - to type events line by line")
	}
	return lines(stdin, f.count), nil
}

func repeat(payload []byte, count int) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		if count--; count < 0 {
			return nil, io.EOF
		}
		return payload, ctx.Err()
	}
}

// lines reads lines ahead, so that an interrupt need not wait for the next.
func lines(r io.Reader, limit int) func(context.Context) ([]byte, error) {
	type line struct {
		b   []byte
		err error
	}
	ahead := make(chan line, 64) // so that reading and emitting overlap
	quit := make(chan struct{})
	go func() {
		s := bufio.NewReaderSize(r, 64<<10)
		for n := 0; limit == 0 || n < limit; n++ {
			b, err := readLine(s)
			select {
			case ahead <- line{b, err}:
			case <-quit:
				return
			}
			if err != nil {
				return
			}
		}
		select {
		case ahead <- line{nil, io.EOF}:
		case <-quit:
		}
	}()
	return func(ctx context.Context) ([]byte, error) {
		select {
		case l := <-ahead:
			return l.b, l.err
		case <-ctx.Done():
			close(quit)
			return nil, ctx.Err()
		}
	}
}

// readLine returns a line without its end; the last one may lack it. A line
// that no frame could hold is not read to its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	var whole []byte
	for {
		part, err := r.ReadSlice('\n')
		whole = append(whole, part...)
		switch {
		case err == nil:
			whole = whole[:len(whole)-1]
			if n := len(whole); n > 0 && whole[n-1] == '\r' {
				whole = whole[:n-1]
			}
			return whole, nil
		case err == io.EOF && len(whole) > 0:
			return whole, nil
		case err != bufio.ErrBufferFull:
			return nil, err
		case len(whole) > framing.DefaultLimit:
			return nil, fmt.Errorf("line of more than %d bytes: an event may not be that large", framing.DefaultLimit)
		}
	}
}

// emitAll emits every payload and closes the client. What was emitted before
// an error is still acknowledged.
func (f *emitFlags) emitAll(ctx context.Context, e client, r *emitReport, next func(context.Context) ([]byte, error)) error {
	stop := context.AfterFunc(ctx, func() { e.Close() }) // or Emit could wait on for a server that takes nothing
	defer stop()
	err := f.emitEach(ctx, e, r, next)
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	unflushed := e.Flush(ctx)
	r.unflushed = unflushed
	if r.told {
		r.Acknowledged = acknowledged(r.Emitted, unflushed)
	}
	r.Repairs, r.Parity = f.client.repairs(e, repairsSent), f.client.parity(e)
	if err == nil {
		err = r.Repairs.err()
	}
	if f.fates && ctx.Err() == nil {
		var untold error
		r.Fates, untold = askFates(ctx, e)
		err = errors.Join(err, untold)
	}
	if errors.Is(unflushed, context.Canceled) {
		unflushed = errors.New("interrupted before the server had acknowledged everything")
	}
	if err == nil || unflushed == nil {
		err = errors.Join(err, unflushed)
	}
	if closed := e.Close(); err == nil {
		err = closed
	}
	return err
}

// acknowledged returns how many events the server has, nil when it is not known.
func acknowledged(emitted uint64, unflushed error) *uint64 {
	if refused, ok := errors.AsType[*tcpq.UnacceptedError](unflushed); ok {
		emitted -= refused.Events
		unflushed = nil
	}
	if unflushed != nil {
		return nil
	}
	return &emitted
}

func (f *emitFlags) emitEach(ctx context.Context, e client, r *emitReport, next func(context.Context) ([]byte, error)) error {
	for {
		payload, err := next(ctx)
		switch {
		case err == io.EOF:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("reading event %d: %w", r.Emitted+1, err)
		}
		line := loggedEvent{Origin: r.Origin, Time: time.Now(), Topic: r.Topic, Bytes: len(payload)}
		line.Sequence, err = e.Emit(r.Topic, payload)
		if err != nil {
			line.Refused = err.Error()
			err = fmt.Errorf("emitting event %d: %w", r.Emitted+1, err)
		}
		if err := errors.Join(err, f.events.note(&line)); err != nil {
			return err
		}
		r.Emitted++
	}
}

func (f *emitFlags) report(c *cobra.Command, r *emitReport) error {
	if f.json {
		return json.NewEncoder(c.OutOrStdout()).Encode(r)
	}
	n, fate := r.Emitted, "sent, not acknowledged"
	switch {
	case r.Acknowledged != nil:
		n, fate = *r.Acknowledged, "acknowledged"
	case r.Repairs != nil && r.Repairs.Lost == 0 && r.unflushed == nil:
		fate = "sent, none is missing"
	}
	events := "events"
	if n == 1 {
		events = "event"
	}
	_, err := fmt.Fprintf(c.ErrOrStderr(), "%d %s %s\n", n, events, fate)
	if r.Repairs != nil {
		r.Repairs.write(c.ErrOrStderr())
	}
	r.Parity.write(c.ErrOrStderr())
	if r.Fates != nil {
		err = errors.Join(err, r.Fates.write(c.OutOrStdout()))
	}
	return err
}
