package page

import (
	"math"
	"slices"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/report"
)

// charts are counted from everything, not from the sample.
type charts struct {
	// Latency: the share of events delivered within X milliseconds, by run.
	Latency chart `json:"latency"`
	// Delivered: events emitted and delivered until X seconds, two lines a run.
	Delivered chart `json:"delivered"`
	// Slowest: the longest latency, in milliseconds, of the events emitted in
	// the interval that ends at X seconds.
	Slowest chart `json:"slowest"`
	// Window and RTT: what samples of TCP connections say.
	Window chart `json:"window"`
	RTT    chart `json:"rtt"`
}

// chart is lines over a common X; a point that is not there is null.
type chart struct {
	X     []float64 `json:"x"`
	Lines []line    `json:"lines"`
}

type line struct {
	Name   string     `json:"name"`
	Run    int        `json:"run"`
	Dashed bool       `json:"dashed,omitempty"`
	Y      []*float64 `json:"y"`
}

// points is how many a line has at most.
const points = 300

func drawCharts(evidence []report.Evidence, runs []*followed) charts {
	c := charts{Latency: latencyChart(evidence)}
	c.Delivered, c.Slowest = timeCharts(runs)
	c.Window, c.RTT = tcpCharts(runs)
	return c
}

func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}

// significant leaves so many digits that mean something.
func significant(v float64, digits int) float64 {
	if v == 0 {
		return 0
	}
	return round(v, digits-1-int(math.Floor(math.Log10(math.Abs(v)))))
}

// latencyChart evaluates every run's distribution at latencies that are
// evenly spread over their logarithms.
func latencyChart(evidence []report.Evidence) chart {
	sorted := make([][]float64, len(evidence))
	least, most := math.Inf(1), 0.0
	for i := range evidence {
		for j := range evidence[i].Ledger.Events {
			if e := &evidence[i].Ledger.Events[j]; e.Fate == "" {
				sorted[i] = append(sorted[i], max(float64(e.Latency.Nanoseconds())/1e6, 1e-6))
			}
		}
		slices.Sort(sorted[i])
		if n := len(sorted[i]); n > 0 {
			least, most = min(least, sorted[i][0]), max(most, sorted[i][n-1])
		}
	}
	c := chart{X: []float64{}, Lines: []line{}}
	if most == 0 {
		return c
	}
	from, to := math.Log(least/1.1), math.Log(most*1.1)
	for k := range points {
		c.X = append(c.X, significant(math.Exp(from+(to-from)*float64(k)/(points-1)), 6))
	}
	for i := range evidence {
		l := line{Name: evidence[i].Name(), Run: i}
		emitted := float64(max(1, len(evidence[i].Ledger.Events)))
		for _, x := range c.X {
			n, _ := slices.BinarySearchFunc(sorted[i], x, func(a, b float64) int {
				if a <= b {
					return -1
				}
				return 1
			})
			y := round(float64(n)/emitted, 6)
			l.Y = append(l.Y, &y)
		}
		c.Lines = append(c.Lines, l)
	}
	return c
}

// timeCharts count events over the time of the longest run.
func timeCharts(runs []*followed) (delivered, slowest chart) {
	end := time.Duration(0)
	for _, f := range runs {
		end = max(end, f.end())
	}
	delivered, slowest = chart{X: []float64{}, Lines: []line{}}, chart{X: []float64{}, Lines: []line{}}
	if end == 0 {
		return delivered, slowest
	}
	step := end/(points-1) + 1
	for k := range points {
		delivered.X = append(delivered.X, significant((time.Duration(k)*step).Seconds(), 6))
	}
	slowest.X = delivered.X
	for i, f := range runs {
		emits, comes, slow := make([]float64, points), make([]float64, points), make([]*float64, points)
		for j := range f.e.Ledger.Events {
			e := &f.e.Ledger.Events[j]
			if f.emitted[j].IsZero() {
				continue
			}
			at := f.emitted[j].Sub(f.start)
			k := bin(at, step)
			emits[k]++
			if e.Fate != "" {
				continue
			}
			comes[bin(at+e.Latency, step)]++
			if ms := significant(float64(e.Latency.Nanoseconds())/1e6, 5); slow[k] == nil || ms > *slow[k] {
				slow[k] = &ms
			}
		}
		delivered.Lines = append(delivered.Lines,
			line{Name: f.e.Name() + " emitted", Run: i, Dashed: true, Y: sums(emits)}, line{Name: f.e.Name() + " delivered", Run: i, Y: sums(comes)})
		slowest.Lines = append(slowest.Lines, line{Name: f.e.Name(), Run: i, Y: slow})
	}
	return delivered, slowest
}

// bin is the first point of time at or after t.
func bin(t, step time.Duration) int { return min(max(0, int((t+step-1)/step)), points-1) }

func sums(counts []float64) []*float64 {
	total, y := 0.0, make([]*float64, len(counts))
	for i, n := range counts {
		total += n
		v := total
		y[i] = &v
	}
	return y
}

// end is when the run's last event was delivered, or emitted.
func (f *followed) end() time.Duration {
	end := time.Duration(0)
	for i := range f.e.Ledger.Events {
		if t := f.emitted[i]; !t.IsZero() {
			end = max(end, t.Sub(f.start)+delivery(&f.e.Ledger.Events[i]))
		}
	}
	return end
}

func delivery(e *account.Event) time.Duration {
	if e.Fate != "" {
		return 0
	}
	return e.Latency
}
