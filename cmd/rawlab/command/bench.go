package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rawlab/labs/bench"
	"rawlab/udpq"
)

func newBench() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure what TCP and UDP deliver on loopback"}
	group(c)
	c.AddCommand(
		newBenchRun("compare", "Measure TCP and UDP in turns", "tcp", "udp"),
		newBenchRun("tcp", "Measure TCP", "tcp"),
		newBenchRun("udp", "Measure UDP", "udp"),
		newBenchServer(),
	)
	return c
}

// benchFlags are what a user said, with iperf3's letters.
type benchFlags struct {
	seconds, omit    secondsValue
	events, rate     countValue
	size             bytesValue
	parallel, rounds int
	reliability      udpq.Reliability
	congestion       udpq.Congestion
	json             bool
}

func newBenchRun(name, short string, transports ...string) *cobra.Command {
	f := benchFlags{
		seconds: secondsValue(bench.DefaultDuration), omit: secondsValue(500 * time.Millisecond), size: bench.DefaultSize,
	}
	c := &cobra.Command{
		Use:   name,
		Short: short + ": events per second, latency, loss, processor time",
		Long: short + " on loopback, emitter to server to subscriber: events per second,\n" +
			"latency, loss and processor time. Without -b, first at a rate that any machine\n" +
			"carries, for latency, then as fast as possible, for throughput.",
		Example: "  rawlab bench " + name + " -t 2\n  rawlab bench " + name + " -n 1M -l 1K -b 0 --json",
		Args:    positional(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c, transports) },
	}
	s := c.Flags()
	s.VarP(&f.seconds, "time", "t", "`seconds` to measure each transport at each rate")
	s.VarP(&f.events, "events", "n", "instead of -t: `events` to emit over each (K, M)")
	s.VarP(&f.size, "length", "l", "payload of an event, `bytes` (K)")
	s.VarP(&f.rate, "rate", "b", "`events` per second, all emitters together (K, M); 0 is as fast as possible")
	s.IntVarP(&f.parallel, "parallel", "P", 1, "pairs of emitter and subscriber")
	s.VarP(&f.omit, "omit", "O", "`seconds` of warm-up that are not measured")
	s.IntVar(&f.rounds, "rounds", 0, "that share the time or the events; transports take turns (default 5)")
	if slices.Contains(transports, "udp") {
		registerReliability(s, &f.reliability)
		registerCongestion(s, "congestion", &f.congestion, "with --reliability ack, of the emitters")
	}
	s.BoolVar(&f.json, "json", false, "print one JSON object instead of a table")
	return c
}

func (f *benchFlags) run(c *cobra.Command, transports []string) error {
	if err := f.check(c); err != nil {
		return err
	}
	p := benchProgress{w: c.ErrOrStderr()}
	if file, ok := p.w.(*os.File); ok {
		p.tty = term.IsTerminal(int(file.Fd()))
	}
	config := f.config(c, transports)
	config.Progress = p.update
	r, err := bench.Measure(c.Context(), config)
	p.done()
	if wrong, ok := errors.AsType[*bench.ConfigError](err); ok {
		return usagef("%w; see '%s --help'", wrong, c.CommandPath())
	} else if err != nil {
		return err
	}
	if f.json {
		return r.WriteJSON(c.OutOrStdout())
	}
	return writeBench(c.OutOrStdout(), r)
}

// check refuses what the configuration would take for "not said".
func (f *benchFlags) check(c *cobra.Command) error {
	if c.Flags().Changed("time") && c.Flags().Changed("events") {
		return usagef("-t and -n exclude each other: one of them ends the measuring")
	}
	if err := checkCongestion(f.congestion, f.reliability); err != nil {
		return err
	}
	zero := map[string]bool{
		"time": f.seconds == 0, "events": f.events == 0, "length": f.size == 0, "parallel": f.parallel == 0, "rounds": f.rounds == 0,
	}
	for name, is := range zero {
		if is && c.Flags().Changed(name) {
			return usagef("--%s 0: must be more", name)
		}
	}
	return nil
}

func (f *benchFlags) config(c *cobra.Command, transports []string) *bench.Config {
	config := &bench.Config{
		Transports: transports, Duration: time.Duration(f.seconds), Events: int(f.events),
		Size: int(f.size), Parallel: f.parallel, Omit: time.Duration(f.omit), Rounds: f.rounds, Reliability: f.reliability, Congestion: f.congestion, Server: benchServer,
	}
	if c.Flags().Changed("rate") {
		config.Rates = []float64{float64(f.rate)}
	}
	return config
}

// benchServer is this program once more, as newBenchServer.
func benchServer(transport string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program to start it as a server: %w", err)
	}
	return exec.Command(program, "bench", "server", transport), nil
}

// newBenchServer is the verb of the process that a benchmark starts. The end
// of its input ends it, not the terminal's signal: the benchmark still wants
// what is on its way.
func newBenchServer() *cobra.Command {
	return &cobra.Command{
		Use:    "server TRANSPORT",
		Hidden: true,
		Args:   positional(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return bench.Serve(context.WithoutCancel(c.Context()), args[0], c.InOrStdin(), c.OutOrStdout())
		},
	}
}

// benchProgress tells of rounds: on a terminal in one line that changes,
// elsewhere in a line for each transport and rate.
type benchProgress struct {
	w    io.Writer
	tty  bool
	said bool
}

func (p *benchProgress) update(u bench.Progress) {
	what := u.Transport + ", " + rateWords(u.Rate)
	switch {
	case p.tty && u.Round == 0:
		fmt.Fprintf(p.w, "\r\x1b[Kbench: %s: warming up", what)
		p.said = true
	case p.tty:
		fmt.Fprintf(p.w, "\r\x1b[Kbench: %s: round %d of %d", what, u.Round, u.Rounds)
		p.said = true
	case u.Round == 0:
		fmt.Fprintf(p.w, "bench: %s\n", what)
	}
}

// done takes the line away.
func (p *benchProgress) done() {
	if p.said {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
