package bench

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"rawlab/internal/machine"
)

// Result is a benchmark, as --json prints it. What could not be measured is
// null, never 0 or NaN.
type Result struct {
	Machine     Machine `json:"machine"`
	Size        int     `json:"size"`
	Parallel    int     `json:"parallel"`
	Interrupted bool    `json:"interrupted"` // it was ended early; rounds says how much was measured
	Runs        []Run   `json:"runs"`
}

// Machine is where it was measured.
type Machine struct {
	System string `json:"system"`
	Kernel string `json:"kernel"`
	CPUs   int    `json:"cpus"`
}

// Run is one transport at one rate.
type Run struct {
	Transport   string            `json:"transport"`
	Reliability string            `json:"reliability"` // "tcp", or UDP's rung
	Rate        *float64          `json:"rate"`        // events per second meant; null is as fast as possible
	Rounds      int               `json:"rounds"`
	Emitted     uint64            `json:"emitted"`
	Delivered   uint64            `json:"delivered"` // each counted once
	Duplicates  uint64            `json:"duplicates"`
	Lost        map[string]uint64 `json:"lost"` // by where, see the constants
	Unexplained int64             `json:"unexplained"`
	PerSecond   *Spread           `json:"events_per_second"` // delivered
	Latency     *Latency          `json:"latency_us"`        // from when an event was meant to be sent
	Behind      *Latency          `json:"behind_us"`         // how much later the emitter sent it; null as fast as possible
	ClientCPU   *Spread           `json:"client_cpu_seconds_per_million"`
	ServerCPU   *Spread           `json:"server_cpu_seconds_per_million"`
}

// Where events were lost, beside the server's own fates.
const (
	LostRefused      = "send-refused"  // the emitter's kernel did not take it
	LostToServer     = "to-server"     // emitted, never read by the server: its socket's receive buffer was full
	LostToSubscriber = "to-subscriber" // sent by the server, never read: the subscriber's receive buffer was full
)

// Spread is the median of the rounds between the lowest and the highest.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Latency is percentiles in microseconds.
type Latency struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Loss is the share of emitted events that were not delivered.
func (r *Run) Loss() float64 {
	if r.Emitted == 0 {
		return 0
	}
	return 1 - float64(r.Delivered)/float64(r.Emitted)
}

// WriteJSON writes the result as one object on a line.
func (r *Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

func thisMachine() Machine {
	f := machine.Probe()
	return Machine{System: f.System, Kernel: f.Kernel, CPUs: f.CPUs}
}

// sums gathers the rounds of a session.
type sums struct {
	rounds []round
	behind *hdrhistogram.Histogram
}

func newSums() sums { return sums{behind: newHistogram()} }

// A server counts an event after it has sent it: its last counts may come a
// moment after the event.
const (
	recounts    = 20
	recountTime = 10 * time.Millisecond
)

// result closes the account of a session.
func (s *session) result() (Run, error) {
	r := Run{Transport: s.transport, Reliability: s.transport, Rounds: len(s.sum.rounds)}
	if s.transport == "udp" {
		r.Reliability = string(s.config.Reliability)
	}
	if s.rate > 0 {
		r.Rate = &s.rate
		r.Behind = percentiles(s.sum.behind, time.Duration(s.sum.behind.Max()))
	}
	var refused uint64
	all, slowest := newHistogram(), time.Duration(0)
	for _, p := range s.pairs {
		t, _ := p.recorder.state()
		r.Emitted += p.measured
		refused += p.refused
		r.Delivered += t.delivered
		r.Duplicates += t.duplicates
		slowest = max(slowest, p.recorder.mergeInto(all))
	}
	r.Latency = percentiles(all, slowest)
	r.summarize(s.sum.rounds)
	for range recounts {
		now, err := s.server.report()
		if err != nil {
			return Run{}, err
		}
		if r.settle(refused, &s.base, &now); r.Unexplained == 0 {
			break
		}
		time.Sleep(recountTime)
	}
	return r, nil
}

// settle says where what was not delivered got lost. Each place is counted by
// who stands on both sides of it, so whatever the server received and neither
// sent nor dropped stays unexplained.
func (r *Run) settle(refused uint64, base, now *report) {
	r.Lost = make(map[string]uint64)
	received, forwarded := now.Received-base.Received, now.Forwarded-base.Forwarded
	explained := r.lose(LostRefused, refused, 0) + r.lose(LostToServer, r.Emitted-refused, received)
	explained += r.lose(LostToSubscriber, forwarded, r.Delivered+r.Duplicates)
	for fate, n := range now.Dropped {
		explained += r.lose(fate, n, base.Dropped[fate])
	}
	r.Unexplained = int64(r.Emitted) - int64(r.Delivered) - explained
}

// lose notes what went into a place and did not come out.
func (r *Run) lose(where string, in, out uint64) int64 {
	if in <= out {
		return 0
	}
	r.Lost[where] = in - out
	return int64(in - out)
}

func (r *Run) summarize(rounds []round) {
	var rates, client, server []float64
	for _, d := range rounds {
		if d.delivered == 0 || d.took <= 0 {
			continue
		}
		n := float64(d.delivered)
		rates = append(rates, n/d.took.Seconds())
		client = append(client, d.client.Seconds()/n*1e6)
		server = append(server, d.server.Seconds()/n*1e6)
	}
	r.PerSecond, r.ClientCPU, r.ServerCPU = spread(rates), spread(client), spread(server)
}

// spread returns nil if there is nothing to spread.
func spread(v []float64) *Spread {
	if len(v) == 0 {
		return nil
	}
	slices.SortFunc(v, cmp.Compare[float64])
	half := len(v) / 2
	median := v[half]
	if len(v)%2 == 0 {
		median = (v[half-1] + v[half]) / 2
	}
	return &Spread{Median: median, Min: v[0], Max: v[len(v)-1]}
}

// percentiles returns nil if nothing was recorded.
func percentiles(h *hdrhistogram.Histogram, slowest time.Duration) *Latency {
	if h.TotalCount() == 0 {
		return nil
	}
	us := func(ns int64) float64 { return float64(min(ns, int64(slowest))) / 1e3 }
	return &Latency{
		P50: us(h.ValueAtPercentile(50)), P90: us(h.ValueAtPercentile(90)), P99: us(h.ValueAtPercentile(99)),
		P999: us(h.ValueAtPercentile(99.9)), Max: us(int64(slowest)),
	}
}
