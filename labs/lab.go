package labs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// Lab is one experiment.
type Lab struct {
	Name     string
	Question string
	Varies   string // what differs between the runs
	Held     string // what is the same
	Expect   string // what a reader should expect, before looking
	Predict  Prediction
	Next     []string // what to try next: command lines
	Reading  []string // where it is written, such as "RFC 768"
	Defaults Options  // of an option not given
	Takes    []string // the options it takes, by their names on the command line
	run      func(context.Context, *Options) (*Outcome, error)
}

// Run conducts the experiment.
func (l *Lab) Run(ctx context.Context, o *Options) (*Outcome, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	out, err := l.run(ctx, o)
	if stopped, ok := errors.AsType[*stoppedError](err); ok {
		out, err = stopped.interrupted(), nil
	}
	if err != nil {
		return nil, err
	}
	r := out.Result
	r.Lab, r.Question, r.Seed, r.Backend = l.Name, l.Question, o.Seed, o.backend()
	r.Varies, r.Constant, r.Expect, r.Next, r.Reading = l.Varies, l.Held, l.Expect, l.Next, l.Reading
	if l.Predict.Answer != nil && !r.Interrupted {
		r.Asked = report.Asked{Question: l.Predict.Question(o), Unit: l.Predict.Unit, Measured: l.Predict.Answer(r)}
	}
	if o.timed() && r.Backend == BackendKernel {
		goesByTheClock(r, everyRun)
	}
	r.Checks = append(append(r.Checks, balance(r)...), kernelChecks(out)...)
	return out, nil
}

// goesByTheClock says of runs what a schedule means for them on kernel hosts.
func goesByTheClock(r *report.Result, which func(run int) bool) {
	doubt(r, "the wire's schedule goes by the clock: which packets meet which phase does not repeat, what a phase does to a packet does", which)
}

// doubt says why some runs of a result do not repeat.
func doubt(r *report.Result, reason string, which func(run int) bool) {
	r.Reproducible = false
	r.Reasons = append(r.Reasons, reason)
	for i := range r.Runs {
		if which(i) {
			r.Runs[i].Doubts = append(r.Runs[i].Doubts, reason)
		}
	}
}

func everyRun(int) bool { return true }

// Prediction is what a lab asks of its reader before it runs: a number that
// the run then measures.
type Prediction struct {
	Ask    string // the question, with %s where Given stands
	Given  func(*Options) string
	Unit   string // of the answer
	Answer func(*report.Result) float64
}

// Question is what is asked, with this run's options in it.
func (p *Prediction) Question(o *Options) string {
	if p.Given == nil {
		return p.Ask
	}
	return fmt.Sprintf(p.Ask, p.Given(o))
}

// Outcome is what a lab found, with the evidence.
type Outcome struct {
	Result   *report.Result
	Evidence []report.Evidence
	planned  []int // events of each run, were it not ended before its time
}

// Options are what a user may change.
type Options struct {
	Events        int              // to emit over each transport
	Emitters      int              // that emit so many each, in a lab that can have several; 0: one
	Subscribers   int              // likewise, each of which all events are due to
	OwnHosts      bool             // each of those has a host of its own, behind a link of its own
	Size          int              // payload of an event, bytes
	Pace          float64          // events per second that the emitter means to send
	Impairment    wire.Impairment  // of both directions
	Back          *wire.Impairment // of the direction to the client, where that is another
	Seed          uint64
	IPv6          bool             // over IPv6, not IPv4
	Backend       string           // BackendKernel or BackendVirtual; empty: kernel in a process with namespaces of its own, else virtual
	ReaderDelay   time.Duration    // that the subscriber takes for each event
	ReceiveBuffer int              // of the subscriber's socket, bytes; 0 leaves what is usual
	Reliability   udpq.Reliability // of UDP; empty: none
	Congestion    udpq.Congestion  // of UDP with udpq.ReliabilityAck; empty: its default
	Transport     string           // "tcp" or "udp" alone, in a lab that can do with one; empty: both
	Fragments     udpq.Fragments   // who cuts events larger than a datagram of framing.DefaultDatagram over UDP; empty: IP, on a rung rawlab
	KernelReasons bool             // ask the kernel why it drops what it drops; needs root, and kernel hosts
	TCPCongestion string           // congestion control of TCP; empty: the hosts' own
	TCPInfo       time.Duration    // between two looks at every TCP connection; 0: nobody looks
	Progress      func(Progress)   // told now and then; nil: nobody is
	Stop          <-chan struct{}  // when it is closed, nothing more is emitted, and the lab ends with what it has; nil: never
	stages        int              // see Progress
	clients       int              // hosts of clients; 0: one for all of them

	Patience time.Duration     // that TCP has where nobody answers
	sysctls  map[string]string // of kernel hosts, those that this kernel has
}

// Progress says how far a lab has come.
type Progress struct {
	Stage       string
	Done, Total int // events of the stage
	Stages      int // that the lab has; 0 if it is not known
}

// fragments is who cuts large events over UDP. A rung sends a lost piece again
// alone, or repairs it, only where it has cut the event itself.
func (o *Options) fragments(t *transport) udpq.Fragments {
	if t.rung {
		return cmp.Or(o.Fragments, udpq.FragmentsOwn)
	}
	return cmp.Or(o.Fragments, udpq.FragmentsIP)
}

func (o *Options) progress(stage string, done int) {
	if o.Progress != nil {
		o.Progress(Progress{Stage: stage, Done: done, Total: o.Events, Stages: o.stages})
	}
}

// Bounds of options.
const (
	maxEvents = 2_000_000
	maxSize   = 60_000 // fits one UDP datagram with our header
	maxPace   = 1_000_000
)

// OptionError says which option is wrong.
type OptionError struct{ Err error }

func (e *OptionError) Error() string { return e.Err.Error() }
func (e *OptionError) Unwrap() error { return e.Err }

// Validate says what of the options cannot be.
func (o *Options) Validate() error {
	var err error
	switch {
	case o.Events < 1 || o.Events > maxEvents:
		err = fmt.Errorf("--events %d: must be 1 to %d", o.Events, maxEvents)
	case o.Emitters < 0 || o.Emitters > MaxClients:
		err = fmt.Errorf("--emitters %d: must be 1 to %d", o.Emitters, MaxClients)
	case o.Subscribers < 0 || o.Subscribers > MaxClients:
		err = fmt.Errorf("--subscribers %d: must be 1 to %d", o.Subscribers, MaxClients)
	case o.Size < 0 || o.Size > maxSize:
		err = fmt.Errorf("--size %d: must be 0 to %d bytes", o.Size, maxSize)
	case !(o.Pace > 0 && o.Pace <= maxPace):
		err = fmt.Errorf("--pace %v: must be over 0 and at most %d events per second", o.Pace, maxPace)
	case o.ReaderDelay < 0 || o.ReaderDelay > time.Minute:
		err = fmt.Errorf("--reader-delay %v: must be 0 to 1m", o.ReaderDelay)
	case o.ReceiveBuffer < 0 || o.ReceiveBuffer > 1<<30:
		err = fmt.Errorf("--rcvbuf %d: must be 0 to %d bytes", o.ReceiveBuffer, 1<<30)
	case o.TCPInfo != 0 && (o.TCPInfo < time.Millisecond || o.TCPInfo > time.Minute):
		err = fmt.Errorf("--tcp-info %v: must be 1ms to 1m between two looks", o.TCPInfo)
	case o.Fragments != "" && o.Fragments != udpq.FragmentsIP && o.Fragments != udpq.FragmentsOwn:
		err = fmt.Errorf("--fragments %s: must be %s or %s", o.Fragments, udpq.FragmentsIP, udpq.FragmentsOwn)
	case o.Transport != "" && o.Transport != "tcp" && o.Transport != "udp":
		err = fmt.Errorf("--transport %s: must be tcp or udp; without it the lab runs over both", o.Transport)
	case o.KernelReasons && o.Backend == BackendVirtual:
		err = errors.New("--kernel-reasons: only the kernel gives them, and virtual hosts have none; use --backend kernel")
	case o.Backend != "" && o.Backend != BackendKernel && o.Backend != BackendVirtual:
		err = fmt.Errorf("--backend %s: must be %s or %s", o.Backend, BackendKernel, BackendVirtual)
	default:
		i := o.impairments()
		err = errors.Join(i[0].Validate(), i[1].Validate())
	}
	if err != nil {
		return &OptionError{err}
	}
	return nil
}

// impairments returns both directions'; the first leads to the server.
func (o *Options) impairments() [2]wire.Impairment {
	if o.Back == nil {
		return [2]wire.Impairment{o.Impairment, o.Impairment}
	}
	return [2]wire.Impairment{o.Impairment, *o.Back}
}

// timed tells whether a schedule decides what is lost.
func (o *Options) timed() bool {
	i := o.impairments()
	return i[0].Timed() || i[1].Timed()
}

// path is what of the impairments belongs to the path itself.
func (o *Options) path() [2]wire.Impairment {
	i := o.impairments()
	return [2]wire.Impairment{i[0].Path(), i[1].Path()}
}

func (o *Options) scenario() report.Scenario {
	i, both := &o.Impairment, o.impairments()
	return report.Scenario{
		Events: o.Events, Size: o.Size, Pace: o.Pace, Loss: i.Loss, DelayUS: i.Delay.Microseconds(),
		JitterUS: i.Jitter.Microseconds(), Reorder: i.Reorder, Duplicate: i.Duplicate, Corrupt: i.Corrupt,
		IPv6: o.IPv6, Rate: i.Rate, Queue: i.Queue, ToServer: both[0].String(), ToClient: both[1].String(), ReaderDelayUS: o.ReaderDelay.Microseconds(), ReceiveBuffer: o.ReceiveBuffer,
	}
}

// Find returns the lab of a name; the error names the nearest ones.
func Find(name string) (*Lab, error) {
	if i := slices.IndexFunc(Catalog, func(l *Lab) bool { return l.Name == name }); i >= 0 {
		return Catalog[i], nil
	}
	var names []string
	for _, l := range Catalog {
		names = append(names, l.Name)
	}
	return nil, fmt.Errorf("no lab is called %q; there are: %s", name, strings.Join(names, ", "))
}
