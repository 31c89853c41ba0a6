package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"rawlab/capture/account"
)

// Result is one lab's run, as 'rawlab lab run NAME --json' prints it.
type Result struct {
	Lab          string   `json:"lab"`
	Seed         uint64   `json:"seed"`
	Backend      string   `json:"backend"`
	Reproducible bool     `json:"reproducible"`
	Reasons      []string `json:"reasons,omitempty"`     // why it is not, or what of it does not repeat
	FreshKeys    bool     `json:"fresh_keys,omitempty"`  // keys were drawn anew: encrypted bytes never repeat, whatever the hosts
	Interrupted  bool     `json:"interrupted,omitempty"` // ended before its time: the runs are what was measured until then
	Scenario     Scenario `json:"scenario"`
	Runs         []Run    `json:"runs"`
	TimerLateUS  *Latency `json:"timer_late_us,omitempty"` // of a thread that only waited, on the same machine meanwhile
	Checks       []Check  `json:"checks"`
	Demands      []Check  `json:"demands,omitempty"` // what the user demanded of it, beside the lab's own checks

	Figures    map[string]float64 `json:"figures,omitempty"`    // the lab's own, by name
	Prediction *Prediction        `json:"prediction,omitempty"` // of the reader, if there is one

	Question string   `json:"-"`
	Varies   string   `json:"-"` // what differs between the runs
	Constant string   `json:"-"` // what is the same
	Expect   string   `json:"-"` // what to expect, before looking
	Asked    Asked    `json:"-"` // what readers are asked to predict
	Story    []string `json:"-"` // what happened and why, in sentences
	Details  string   `json:"-"` // a lab's own text, between the table and the story
	Next     []string `json:"-"` // what to try next: command lines
	Reading  []string `json:"-"` // where it is written
	File     []byte   `json:"-"` // the scenario that makes this run again; nil: nobody wrote it
}

// Asked is what readers are asked to predict, and what came out.
type Asked struct {
	Question string
	Unit     string
	Measured float64
}

// Answer writes what came out.
func (a *Asked) Answer() string {
	p := Prediction{Unit: a.Unit}
	return p.Write(a.Measured)
}

// Prediction is what a reader thought would come out, and what did.
type Prediction struct {
	Unit      string  `json:"unit"`
	Predicted float64 `json:"predicted"`
	Measured  float64 `json:"measured"`
}

// Scenario is what was asked for: with it and the seed the run can be made
// again. Shares are from 0 to 1, times in microseconds.
type Scenario struct {
	Events            int     `json:"events"`
	Size              int     `json:"size"`
	Pace              float64 `json:"events_per_second"`
	IPv6              bool    `json:"ipv6"`
	Loss              float64 `json:"loss"`
	DelayUS           int64   `json:"delay_us"`
	JitterUS          int64   `json:"jitter_us"`
	Reorder           float64 `json:"reorder"`
	Duplicate         float64 `json:"duplicate"`
	Corrupt           float64 `json:"corrupt"`
	Rate              int64   `json:"rate_bits_per_second"`
	Queue             int     `json:"queue_packets"`
	ToServer          string  `json:"to_server"` // all that the wire did that way, in the words of an impairment
	ToClient          string  `json:"to_client"`
	ReaderDelayUS     int64   `json:"reader_delay_us"`
	ReceiveBuffer     int     `json:"receive_buffer_bytes"`
	CongestionControl string  `json:"congestion_control,omitempty"`
}

// Run is one transport's part of a lab.
type Run struct {
	Transport    string         `json:"transport"`
	Reliability  string         `json:"reliability"`
	Variant      string         `json:"variant,omitempty"` // what sets it apart from other runs of its transport
	Emitted      int            `json:"emitted"`           // each as often as there are subscribers that it is due to
	Events       int            `json:"events,omitempty"`  // how many those are, where some are due to several
	Delivered    int            `json:"delivered"`
	Duplicates   int            `json:"duplicates"`
	Fates        map[string]int `json:"fates"`
	Unexplained  int            `json:"unexplained"`
	LostDigest   string         `json:"lost_digest"`                    // of the events that the wire hit
	WireHit      int            `json:"wire_hit"`                       // events of UDP that the wire hit, see account.Ledger.Hit
	LostCarriers int            `json:"lost_carriers"`                  // segments or datagrams with events that the wire took
	LatencyUS    *Latency       `json:"latency_us"`                     // null if nothing was delivered
	PerSecond    float64        `json:"delivered_per_second,omitempty"` // from the first intended emit to the last delivery
	Packets      int            `json:"packets"`
	WireBytes    int64          `json:"wire_bytes"`
	PayloadBytes int64          `json:"payload_bytes"`
	Retransmits  int            `json:"retransmits"`
	Reordered    *Reordered     `json:"reordered,omitempty"`       // absent if nothing was delivered
	WireLateUS   *Latency       `json:"wire_late_us,omitempty"`    // how far packets left the wire behind its own schedule
	TCPInfo      *TCPInfo       `json:"tcp_info,omitempty"`        // if it was asked for
	Parts        []Part         `json:"parts,omitempty"`           // by topic and subscriber, where there are several
	Doubts       []string       `json:"doubts,omitempty"`          // why it does not repeat
	InLine       int            `json:"head_of_line,omitempty"`    // events of TCP that stood in line behind earlier bytes
	InLineUS     *Latency       `json:"head_of_line_us,omitempty"` // for how long; of those alone
}

// Reordered is how far deliveries were out of order, by RFC 4737.
type Reordered struct {
	Events     int     `json:"events"` // that came when a later one had come before
	Ratio      float64 `json:"ratio"`  // of the events delivered
	ExtentP50  int     `json:"extent_p50"`
	ExtentMax  int     `json:"extent_max"`  // how many places too late
	NReordered []int   `json:"n_reordered"` // events with 1, 2, … later ones just before them, as far as 16
}

// maxDegree bounds the degrees of n-reordering that a result lists.
const maxDegree = 16

// fromReordering sums up the order of deliveries.
func fromReordering(m *account.Reordered) *Reordered {
	if m.Received == 0 {
		return nil
	}
	r := &Reordered{Events: m.Events, Ratio: m.Ratio(), NReordered: append([]int{}, m.NReordered[:min(len(m.NReordered), maxDegree)]...)}
	if e := slices.Sorted(slices.Values(m.Extents)); len(e) > 0 {
		r.ExtentP50, r.ExtentMax = e[(len(e)-1)/2], e[len(e)-1]
	}
	return r
}

// Latency holds exact percentiles (nearest rank), in microseconds; an
// event's is from the intended emit to the delivery.
type Latency struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Check is one claim of a lab, held against what was measured.
type Check struct {
	Claim    string `json:"claim"`
	Measured string `json:"measured"`
	Held     bool   `json:"held"`
}

// Held reports whether every check did, and every demand.
func (r *Result) Held() bool { return len(r.Failed()) == 0 }

// Failed lists the checks and demands that did not hold.
func (r *Result) Failed() []Check {
	var failed []Check
	for _, list := range [][]Check{r.Checks, r.Demands} {
		for _, c := range list {
			if !c.Held {
				failed = append(failed, c)
			}
		}
	}
	return failed
}

// WriteJSON writes the result as one JSON object.
func (r *Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// FromLedger sums up one run's ledger; size is an event's payload in bytes.
func FromLedger(transport, reliability string, size int, l *account.Ledger) Run {
	fates := map[string]int{}
	stood := l.StoodInLine()
	for f, n := range l.Fates {
		fates[string(f)] = n
	}
	events := 0
	if l.Sent != l.Emitted {
		events = l.Sent
	}
	return Run{
		Transport: transport, Reliability: reliability, Events: events,
		Emitted: l.Emitted, Delivered: l.Delivered, Duplicates: l.Duplicates,
		Fates: fates, Unexplained: l.Unexplained(), LostDigest: l.LostDigest(),
		WireHit: l.CountHit(), LostCarriers: l.LostCarriers,
		Reordered: fromReordering(&l.Reordered), LatencyUS: latency(l.Events), Packets: l.Packets, WireBytes: l.WireBytes,
		PayloadBytes: int64(l.Emitted) * int64(size), Retransmits: l.Retransmits,
		InLine: len(stood), InLineUS: Percentiles(stood),
	}
}

// latency is that of the delivered events.
func latency(events []account.Event) *Latency {
	var l []time.Duration
	for i := range events {
		if e := &events[i]; e.Fate == "" {
			l = append(l, e.Latency)
		}
	}
	return Percentiles(l)
}

// Percentiles sorts l and takes its percentiles; nil if it is empty.
func Percentiles(l []time.Duration) *Latency {
	if len(l) == 0 {
		return nil
	}
	slices.Sort(l)
	at := func(p float64) float64 {
		rank := int(math.Ceil(p*float64(len(l)))) - 1
		return float64(l[max(rank, 0)].Nanoseconds()) / 1e3
	}
	return &Latency{P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), Max: at(1)}
}

// Name says which of a result's runs this is: its transport, with the rung
// that UDP is on, and its variant.
func (r *Run) Name() string { return runName(r.Transport, r.Reliability, r.Variant) }

func runName(transport, reliability, variant string) string {
	var name strings.Builder
	name.WriteString(transport)
	for _, word := range []string{rungWord(transport, reliability), variant} {
		if word != "" {
			name.WriteString(" " + word)
		}
	}
	return name.String()
}

// rungWord is a rung where it is worth saying.
func rungWord(transport, reliability string) string {
	if transport != "udp" || reliability == "none" {
		return ""
	}
	return reliability
}

// OnRung reports whether what the wire lost was sent again, or made good, by
// a rung over UDP.
func (r *Run) OnRung() bool { return rungWord(r.Transport, r.Reliability) != "" }

// tookFromRung reports whether the wire gave a rung something to make good.
func (r *Run) tookFromRung() bool { return r.OnRung() && r.LostCarriers > 0 }

// Overhead is the bytes on the wire per payload byte; false without payload.
func (r *Run) Overhead() (float64, bool) {
	if r.PayloadBytes == 0 {
		return 0, false
	}
	return float64(r.WireBytes) / float64(r.PayloadBytes), true
}

// Balances reports whether every event is in exactly one place.
func (r *Run) Balances() bool {
	sum := r.Delivered
	for _, n := range r.Fates {
		sum += n
	}
	return sum == r.Emitted && r.Unexplained == 0
}

// Count writes a whole number with thousands separated.
func Count[T ~int | ~int64 | ~uint32 | ~uint64](n T) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Milliseconds writes microseconds as milliseconds with three digits that
// mean something.
func Milliseconds(us float64) string {
	ms := us / 1e3
	switch {
	case ms >= 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.2f ms", ms)
}

// Share writes part of whole as a percentage.
func Share(part, whole int) string {
	if whole == 0 {
		return "none of 0"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(part)/float64(whole))
}
