package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"rawlab/labs"
	"rawlab/labs/report"
)

func newLab() *cobra.Command {
	c := &cobra.Command{Use: "lab", Short: "Run experiments that compare TCP and UDP"}
	group(c)
	c.AddCommand(newLabList(), newLabRun(), newLabNew(), newLabVerify())
	return c
}

func newLabList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the labs: what each asks, varies and holds",
		Args:  positional(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			for _, l := range labs.Catalog {
				fmt.Fprintf(c.OutOrStdout(), "%s\n%s%s%s%s\n", l.Name,
					report.Wrap(l.Question, "  asks    ", 80), report.Wrap(l.Varies, "  varies  ", 80),
					report.Wrap(l.Held, "  held    ", 80), report.Wrap(l.Expect, "  expect  ", 80))
			}
			return nil
		},
	}
}

// labFlags are what a user said; see labs.Options for their meaning.
type labFlags struct {
	options labs.Options
	units   units
	backend string
	json    bool
	predict bool
	folder  string
	junit   string
	failOn  []string
	quiet   bool
	sweep   sweepFlags

	directions directionFlags
	scenario   string
	asker      *asker
}

func newLabRun() *cobra.Command {
	var f labFlags
	c := &cobra.Command{
		Use:   "run NAME|FILE.yaml…|all",
		Short: "Run labs and account for every event",
		Long: "Run labs, one after the other, on two hosts and a wire of their own, which any\n" +
			"user may make. Options not given are the lab's own; 'rawlab lab list' names the labs,\n" +
			"and 'all' means every one. A FILE holds a lab of your own; 'rawlab lab new' writes\n" +
			"one to start from.\n\n" +
			"Kernel hosts are namespaces of this machine, in real time. Virtual hosts are network\n" +
			"stacks inside the program, on virtual time: they run on every system, a minute passes\n" +
			"in a moment, and the same seed gives the same bytes.\n\n" +
			"An option that is a number, or one of some words, takes several values, with commas\n" +
			"between, and two options may: a lab then runs once for each combination, or --repeat\n" +
			"times, and says what came out with its 95 % confidence; -o writes sweep.json,\n" +
			"sweep.csv and report.html.",
		Example: "  rawlab lab run loss\n  rawlab lab run loss --loss 10% --delay 40ms --seed 7 -o result\n  rawlab lab run layers --json\n  rawlab lab run loss --backend virtual --delay 300ms\n" +
			"  rawlab lab run loss --loss 0,1,2,5,10% --repeat 5\n  rawlab lab run loss --reliability none,ack,nack,fec --repeat 5\n  rawlab lab run all --junit labs.xml --fail-on 'unexplained>0'\n" +
			"  rawlab lab run evening.yaml --seed 2",
		Args: positional(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, names []string) error { return f.run(c, names) },
	}
	f.register(c)
	return c
}

func (f *labFlags) register(c *cobra.Command) {
	o, s := &f.options, c.Flags()
	s.IntVar(&o.Events, "events", 0, "events to emit over each transport")
	s.Var((*clientsValue)(&o.Emitters), "emitters", "`CLIENTS` that emit so many events each, in a lab of a file's own runs (default 1)")
	s.Var((*clientsValue)(&o.Subscribers), "subscribers", "`CLIENTS` that listen, in a lab of a file's own runs; every event is due to each (default 1)")
	s.BoolVar(&o.OwnHosts, "own-hosts", false, "each client has a host of its own, behind a link of its own, in a lab of a file's own runs")
	s.Var(&f.units.size, "size", "payload of an event, `bytes` (K, M)")
	s.Float64Var(&o.Pace, "pace", 0, "events per second that the emitter means to send")
	registerWords(s, &o.Impairment.Jitter)
	f.directions.register(s)
	s.Uint64Var(&o.Seed, "seed", 0, "decides every packet's fate")
	s.BoolVarP(&o.IPv6, "ipv6", "6", false, "run over IPv6")
	s.DurationVar(&o.ReaderDelay, "reader-delay", 0, "time the subscriber takes for each event")
	s.DurationVar(&o.Patience, "patience", 0, "`TIME` that TCP may try to connect where nobody answers")
	s.Var(&f.units.receiveBuffer, "rcvbuf", "receive buffer of the subscriber, `bytes` (K, M)")
	s.StringVar(&o.Transport, "transport", "", "run over this `TRANSPORT` alone, tcp or udp, not over both")
	registerReliability(s, &o.Reliability)
	registerCongestion(s, "congestion", &o.Congestion, "UDP with --reliability ack")
	s.Var((*controlValue)(&o.TCPCongestion), "cc", "TCP, `ALGORITHM` of the hosts' congestion control: "+strings.Join(labs.CongestionControls(), ", ")+" (default: this machine's)")
	s.StringVar((*string)(&o.Fragments), "fragments", "", "who cuts events that are larger than a datagram over UDP: 'ip' the kernel, into packets, usual without a rung; 'own' rawlab, into datagrams, usual on one")
	s.DurationVar(&o.TCPInfo, "tcp-info", 0, "look at every TCP connection (TCP_INFO) once in this `INTERVAL`, such as 100ms; with -o into tcpinfo.csv")
	s.BoolVar(&o.KernelReasons, "kernel-reasons", false, "as root: also ask the kernel why it drops each packet (eBPF), which must agree")
	s.StringVar(&f.backend, "backend", backendAuto, "`HOSTS` to run on: kernel, virtual, or auto: kernel where this machine lets them be made")
	s.StringVar(&f.scenario, "scenario", "", "read options from this YAML `FILE`, one 'option: value' a line; flags override it")
	s.BoolVar(&f.predict, "predict", false, "ask first what you think will come out, and tell after")
	s.BoolVar(&f.json, "json", false, "print one JSON object instead of tables")
	s.StringVarP(&f.folder, "output", "o", "", "write result.json, ledger.csv, capture.pcapng and report.html, a page that shows them, into this `DIR`; of several labs, into a folder each")
	s.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing but results and errors: no progress, no notes")
	s.StringArrayVar(&f.failOn, "fail-on", nil, "exit with 3 if this `CONDITION` comes true: 'udp.lost>1%', 'tcp.p99>200ms'; may be given again")
	s.StringVar(&f.junit, "junit", "", "write a JUnit report into this `FILE`: a test case for each check and each --fail-on")
	f.sweep.register(c)
}

func (f *labFlags) run(c *cobra.Command, names []string) error {
	if err := readScenario(c.Flags(), f.scenario); err != nil {
		return err
	}
	s, err := f.newSeries(c, names)
	if err != nil {
		return err
	}
	var several *sweepRun
	if f.sweep.wanted() {
		if several, err = s.newSweep(c); err != nil {
			return err
		}
	}
	backend, err := f.chooseBackend(c.ErrOrStderr())
	if err != nil {
		return err
	}
	if err := f.askable(backend); err != nil {
		return err
	}
	if again := f.runsElsewhere(backend); again != nil {
		return rerun(c.Context(), again)
	}
	if several != nil {
		return several.run(c, backend)
	}
	f.asker = newAsker(c.InOrStdin(), c.ErrOrStderr())
	for i := range s.options {
		s.options[i].Backend = backend
	}
	return s.run(c)
}

// optionsFor joins what the user said with the lab's defaults and refuses
// what the lab does not take.
func (f *labFlags) optionsFor(c *cobra.Command, l *labs.Lab) (labs.Options, error) {
	o, err := f.given(c, l)
	if err != nil {
		return o, err
	}
	if err := o.Validate(); err != nil {
		return o, usagef("lab %s: %w", l.Name, err)
	}
	return o, nil
}
