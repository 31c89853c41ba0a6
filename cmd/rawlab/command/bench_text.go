package command

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter/tw"

	"rawlab/labs/bench"
	"rawlab/labs/report"
	"rawlab/udpq"
)

const notMeasured = "–"

// lateEmitter, in microseconds, is more than a busy machine's hiccups: half
// of the events are later than that only when the rate is out of reach.
const lateEmitter = 1000

// writeBench writes the result for a person: the table, and how to read it.
func writeBench(w io.Writer, r *bench.Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, kernel %s, %s; events of %d bytes, %s\n\n", r.Machine.System, r.Machine.Kernel,
		plural(r.Machine.CPUs, "CPU"), r.Size, plural(r.Parallel, "emitter"))
	if len(r.Runs) > 0 {
		align, header := tw.Alignment{tw.AlignLeft}, []string{""}
		for _, run := range r.Runs {
			align, header = append(align, tw.AlignRight), append(header, benchHeading(&run)+"\n"+runRate(&run))
		}
		if err := writeTable(&b, align, header, benchRows(r.Runs)); err != nil {
			return err
		}
	}
	for _, s := range benchNotes(r) {
		b.WriteString("\n" + report.Wrap(s, "", 80))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// benchHeading names a run's transport, with UDP's rung if it is on one.
func benchHeading(r *bench.Run) string {
	if r.Transport == "udp" && r.Reliability != string(udpq.ReliabilityNone) {
		return "UDP " + r.Reliability
	}
	return strings.ToUpper(r.Transport)
}

// runRate is the rate in a table's head, as short as it is given with -b.
func runRate(r *bench.Run) string {
	if r.Rate == nil {
		return "flat out"
	}
	return report.Count(int64(*r.Rate)) + "/s"
}

func rateWords(rate float64) string {
	if rate == 0 {
		return "as fast as possible"
	}
	return report.Count(int64(rate)) + " events/s"
}

func benchRows(runs []bench.Run) [][]string {
	var rows [][]string
	add := func(name string, cell func(*bench.Run) string) {
		line := []string{name}
		for i := range runs {
			line = append(line, cell(&runs[i]))
		}
		rows = append(rows, line)
	}
	add("events/s delivered", func(r *bench.Run) string { return spreadCell(r.PerSecond, perSecond) })
	add("emitted", func(r *bench.Run) string { return report.Count(r.Emitted) })
	add("delivered", func(r *bench.Run) string { return report.Count(r.Delivered) })
	add("lost", func(r *bench.Run) string { return lossCell(r) })
	for _, where := range lossPlaces(runs) {
		add("  "+where, func(r *bench.Run) string { return report.Count(r.Lost[where]) })
	}
	add("unexplained", func(r *bench.Run) string { return report.Count(r.Unexplained) })
	if slices.ContainsFunc(runs, func(r bench.Run) bool { return r.Duplicates > 0 }) {
		add("duplicates", func(r *bench.Run) string { return report.Count(r.Duplicates) })
	}
	latency := func(name string, pick func(*bench.Latency) float64) {
		add("latency "+name, func(r *bench.Run) string { return latencyCell(r.Latency, pick) })
	}
	latency("p50", func(l *bench.Latency) float64 { return l.P50 })
	latency("p90", func(l *bench.Latency) float64 { return l.P90 })
	latency("p99", func(l *bench.Latency) float64 { return l.P99 })
	latency("p99.9", func(l *bench.Latency) float64 { return l.P999 })
	latency("max", func(l *bench.Latency) float64 { return l.Max })
	if slices.ContainsFunc(runs, func(r bench.Run) bool { return r.Behind != nil }) {
		add("emitted late, p99", func(r *bench.Run) string {
			return latencyCell(r.Behind, func(l *bench.Latency) float64 { return l.P99 })
		})
	}
	add("CPU s/million, server", func(r *bench.Run) string { return spreadCell(r.ServerCPU, cpuSeconds) })
	add("CPU s/million, clients", func(r *bench.Run) string { return spreadCell(r.ClientCPU, cpuSeconds) })
	return rows
}

// lossPlaces returns where any of the runs lost events.
func lossPlaces(runs []bench.Run) []string {
	var places []string
	for _, r := range runs {
		for where := range r.Lost {
			places = append(places, where)
		}
	}
	slices.Sort(places)
	return slices.Compact(places)
}

func lossCell(r *bench.Run) string {
	lost := r.Emitted - r.Delivered
	if lost == 0 {
		return "0"
	}
	return fmt.Sprintf("%.2g%%", 100*r.Loss())
}

// spreadCell writes the median above the range of the rounds.
func spreadCell(s *bench.Spread, write func(float64) string) string {
	if s == nil {
		return notMeasured
	}
	return write(s.Median) + "\n" + write(s.Min) + "–" + write(s.Max)
}

// perSecond writes a rate with three digits that mean something.
func perSecond(f float64) string {
	switch {
	case f >= 9.995e5:
		return fmt.Sprintf("%.2fM", f/1e6)
	case f >= 99_950:
		return fmt.Sprintf("%.0fK", f/1e3)
	case f >= 9_995:
		return fmt.Sprintf("%.1fK", f/1e3)
	}
	return fmt.Sprintf("%.0f", f)
}

func cpuSeconds(f float64) string { return fmt.Sprintf("%.2f", f) }

func latencyCell(l *bench.Latency, pick func(*bench.Latency) float64) string {
	if l == nil {
		return notMeasured
	}
	us := pick(l)
	if us < 1000 {
		return fmt.Sprintf("%.0f µs", us)
	}
	return report.Milliseconds(us)
}

// benchNotes are the sentences that the numbers need.
func benchNotes(r *bench.Result) []string {
	var notes []string
	if r.Interrupted {
		notes = append(notes, "Interrupted: this is what was measured until then.")
	}
	if len(r.Runs) == 0 {
		return notes
	}
	notes = append(notes, fmt.Sprintf("Rates and CPU are the median of up to %d rounds above their range; the clients' CPU includes what measuring costs.", roundsOf(r)))
	paced, flatOut, what := false, false, "UDP loses what does not fit"
	for _, run := range r.Runs {
		if heading := benchHeading(&run); strings.HasPrefix(heading, "UDP ") {
			what = heading + " does so too, and sends again what is lost"
		}
		paced, flatOut = paced || run.Rate != nil, flatOut || run.Rate == nil
		if run.Behind != nil && run.Behind.P50 > lateEmitter {
			notes = append(notes, fmt.Sprintf("The emitter could not keep %s over %s: half of the events were sent over %s late. Latency says how far it fell behind.",
				rateWords(*run.Rate), benchHeading(&run), report.Milliseconds(run.Behind.P50)))
		}
	}
	if paced {
		notes = append(notes, "At a rate, latency counts from the moment when an event was meant to be sent, so a wait before sending counts too.")
	}
	if flatOut {
		notes = append(notes, "Flat out, latency is time spent in full buffers: TCP makes the emitter wait for them, "+what+".")
	}
	return notes
}

func roundsOf(r *bench.Result) int {
	rounds := 0
	for _, run := range r.Runs {
		rounds = max(rounds, run.Rounds)
	}
	return rounds
}
