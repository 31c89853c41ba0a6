package sweep_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"rawlab/labs/measure"
	"rawlab/labs/report"
	"rawlab/labs/sweep"
)

// plan is a sweep over loss.
func plan(axes ...sweep.Axis) *sweep.Plan {
	return &sweep.Plan{Lab: "loss", Question: "what of it?", Backend: "virtual", Axes: axes, Repeat: 3, Seed: 1}
}

var loss = sweep.Axis{Option: "loss", Values: []string{"0%", "1%", "2%", "10%"}}
var delay = sweep.Axis{Option: "delay", Values: []string{"10ms", "20ms"}}

// measured is a result whose numbers tell which cell and seed it is of.
func measured(_ context.Context, cell int, _ []string, seed uint64) (*report.Result, error) {
	lost := cell * (100 + int(seed%7))
	return &report.Result{Runs: []report.Run{
		{Transport: "tcp", Emitted: 10_000, Delivered: 10_000, LatencyUS: &report.Latency{P50: 20_000, P99: float64(50_000 * (cell + 1))}, PayloadBytes: 10, WireBytes: 35},
		{Transport: "udp", Reliability: "none", Emitted: 10_000, Delivered: 10_000 - lost, LatencyUS: &report.Latency{P50: 20_000, P99: 21_000}, PayloadBytes: 10, WireBytes: 32},
	}, Checks: []report.Check{{Claim: "few are lost", Measured: fmt.Sprint(lost), Held: lost < 300}}}, nil
}

func TestConduct(t *testing.T) {
	p := plan(loss, delay)
	var order []string
	s, err := p.Conduct(t.Context(), func(ctx context.Context, cell int, values []string, seed uint64) (*report.Result, error) {
		order = append(order, p.Name(values)+fmt.Sprint(" ", seed))
		return measured(ctx, cell, values, seed)
	})
	if err != nil || s.Interrupted || s.Runs() != 24 || len(s.Cells) != 8 {
		t.Fatalf("%d runs, %d cells, interrupted %t, %v", s.Runs(), len(s.Cells), s.Interrupted, err)
	}
	if order[0] != "loss 0%, delay 10ms 1" || order[1] != "loss 0%, delay 20ms 1" || order[2] != "loss 1%, delay 10ms 1" {
		t.Errorf("order %q", order[:3])
	}
	for i, c := range s.Cells {
		if !slices.Equal(c.Seeds, p.Seeds()) {
			t.Errorf("cell %d has seeds %d, want %d", i, c.Seeds, p.Seeds())
		}
	}
}

func TestSeeds(t *testing.T) {
	p := plan()
	p.Repeat = 1000
	seeds := p.Seeds()
	if len(seeds) != 1000 || seeds[0] != 1 || !slices.Equal(seeds, p.Seeds()) {
		t.Fatalf("%d seeds from %d on, the same again: %t", len(seeds), seeds[0], slices.Equal(seeds, p.Seeds()))
	}
	if len(slices.Compact(slices.Sorted(slices.Values(seeds)))) != 1000 || slices.Max(seeds) >= 1<<48 {
		t.Error("seeds come twice, or are large")
	}
	other := *p
	other.Seed = 2
	if slices.ContainsFunc(other.Seeds(), func(s uint64) bool { return slices.Contains(seeds, s) }) {
		t.Error("the seeds of two sweeps overlap")
	}
}

// TestConductKeepsWhatIsMeasured: an end before its time ends the sweep, not
// what it has.
func TestConductKeepsWhatIsMeasured(t *testing.T) {
	broken := errors.New("no wire")
	n := 0
	s, err := plan(loss).Conduct(t.Context(), func(ctx context.Context, cell int, values []string, seed uint64) (*report.Result, error) {
		if n++; n == 6 {
			return nil, broken
		}
		return measured(ctx, cell, values, seed)
	})
	if err != broken || !s.Interrupted || s.Runs() != 5 || len(s.Cells[0].Results) != 2 || len(s.Cells[1].Results) != 1 {
		t.Errorf("%v, interrupted %t, %d runs", err, s.Interrupted, s.Runs())
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err = plan(loss).Conduct(ctx, func(ctx context.Context, cell int, values []string, seed uint64) (*report.Result, error) {
		cancel()
		return measured(ctx, cell, values, seed)
	})
	if err != nil || !s.Interrupted || s.Runs() != 1 {
		t.Errorf("cancelled: %v, interrupted %t, %d runs", err, s.Interrupted, s.Runs())
	}
	var text bytes.Buffer
	if err := s.WriteText(&text, sweep.TextOptions{}); err != nil || !strings.Contains(text.String(), "INTERRUPTED after 1 of 12 runs") {
		t.Errorf("%v: %s", err, text.String())
	}
}

func TestValidate(t *testing.T) {
	many := sweep.Axis{Option: "events"}
	for i := range 400 {
		many.Values = append(many.Values, fmt.Sprint(i+1))
	}
	for want, p := range map[string]*sweep.Plan{
		"":                               plan(loss, delay),
		"at most 2 may vary at once":     plan(loss, delay, sweep.Axis{Option: "size", Values: []string{"1", "2"}}),
		"400 cells of 3 runs each":       plan(many),
		"--repeat 0: must be 1 to 1000":  {Repeat: 0},
		"--repeat -1: must be 1 to 1000": {Repeat: -1},
	} {
		if err := p.Validate(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want %q", err, want)
		}
	}
}

func conduct(t *testing.T, p *sweep.Plan) *sweep.Sweep {
	t.Helper()
	s, err := p.Conduct(t.Context(), measured)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTextFitsAScreen: with two runs, with many, over two options.
func TestTextFitsAScreen(t *testing.T) {
	single := plan(loss)
	single.Repeat = 1
	for name, s := range map[string]*sweep.Sweep{"one axis": conduct(t, plan(loss)), "two": conduct(t, plan(loss, delay)), "none": conduct(t, plan()), "once": conduct(t, single)} {
		for i := range s.Cells {
			for _, r := range s.Cells[i].Results {
				for _, rung := range []string{"ack", "nack", "fec"} {
					u := r.Runs[0]
					u.Transport, u.Reliability = "udp", rung
					r.Runs = append(r.Runs, u)
				}
			}
		}
		var text bytes.Buffer
		if err := s.WriteText(&text, sweep.TextOptions{Measures: measure.List}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
				t.Errorf("%s: a line of %d characters: %q", name, n, line)
			}
		}
		if strings.Contains(text.String(), "\x1b") {
			t.Errorf("%s: colours, though none were asked for", name)
		}
		for _, run := range []string{"TCP", "UDP", "UDP ack", "UDP nack", "UDP fec"} {
			if !strings.Contains(text.String(), run) {
				t.Errorf("%s: nothing of %s", name, run)
			}
		}
	}
}

func TestText(t *testing.T) {
	s := conduct(t, plan(loss))
	var text, again, coloured bytes.Buffer
	for w, color := range map[*bytes.Buffer]bool{&text: false, &again: false, &coloured: true} {
		if err := s.WriteText(w, sweep.TextOptions{Color: color}); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(text.Bytes(), again.Bytes()) || !strings.Contains(coloured.String(), "\x1b[") {
		t.Error("the text differs from itself, or has no colours where they were asked for")
	}
	for _, want := range []string{"lost: events not delivered", "median", "mean ± 95 %", "── TCP   •• UDP", "Student's t", "few are lost", "loss 10%, seed 1", "seeds 1, "} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, text.String())
		}
	}
}

// TestFilesAgree: the summary in JSON is that of the lines in CSV.
func TestFilesAgree(t *testing.T) {
	s := conduct(t, plan(loss))
	var j, c bytes.Buffer
	if err := errors.Join(s.WriteJSON(&j), s.WriteCSV(&c)); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&c).ReadAll()
	if err != nil || len(lines) != 1+4*3*2 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	var sum float64
	n, lost := 0.0, slices.Index(lines[0], "lost")
	for _, l := range lines[1:] {
		if l[0] == "10%" && l[2] == "udp" {
			v, err := strconv.ParseFloat(l[lost], 64)
			if err != nil {
				t.Fatal(err)
			}
			sum, n = sum+v, n+1
		}
	}
	var o struct {
		Cells []struct {
			Values []string
			Runs   []struct {
				Run      string
				Measures map[string]sweep.Summary
			}
			Failed []string
		}
	}
	if err := json.Unmarshal(j.Bytes(), &o); err != nil {
		t.Fatal(err)
	}
	last := o.Cells[3]
	if got := last.Runs[1].Measures["lost"]; n != 3 || got.Mean != sum/n || got.N != 3 || got.Half == nil || len(last.Failed) != 3 || len(o.Cells[0].Failed) != 0 {
		t.Errorf("JSON says %+v (%d failed), CSV a mean of %v over %v", got, len(last.Failed), sum/n, n)
	}
}

// TestPage: every point is drawn and said, nothing runs, and the page repeats.
// Where nothing was lost, there is nothing to draw.
func TestPage(t *testing.T) {
	for name, c := range map[string]struct {
		s       *sweep.Sweep
		figures int
		points  int // of each measure
	}{
		"one axis": {conduct(t, plan(loss)), 1, 2 * len(loss.Values)},
		"two":      {conduct(t, plan(loss, delay)), 1, len(loss.Values) * len(delay.Values)},
		"none":     {conduct(t, plan()), 0, 0},
	} {
		var page, again bytes.Buffer
		lost, err := measure.Find("lost")
		if err != nil {
			t.Fatal(err)
		}
		shown := []*measure.Measure{lost}
		if err := errors.Join(c.s.WritePage(&page, shown), c.s.WritePage(&again, shown)); err != nil {
			t.Fatal(err)
		}
		text := page.String()
		if !bytes.Equal(page.Bytes(), again.Bytes()) || strings.Contains(text, "<script") || strings.Contains(text, "style=") {
			t.Errorf("%s: the page differs from itself, or has what its policy forbids", name)
		}
		if n, points := strings.Count(text, "<figure>"), strings.Count(text, "<circle "); n != c.figures || points != c.points {
			t.Errorf("%s: %d figures with %d points, want %d and %d", name, n, points, c.figures, c.points)
		}
		for _, want := range []string{"95 % confidence interval", "seeds", "few are lost", "mean ± 95 %"} {
			if want == "few are lost" && name == "none" {
				want = "Every check of all 3 runs held"
			}
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q", name, want)
			}
		}
	}
}

// TestWords: an axis of words has bars, no lines; of two axes the one of
// numbers goes along, with a line for each word. Runs keep their names though
// the rung that they are on changes.
func TestWords(t *testing.T) {
	rung := sweep.Axis{Option: "reliability", Values: []string{"none", "ack"}}
	for name, c := range map[string]struct {
		axes  []sweep.Axis
		words []string
		none  string
	}{
		"alone":          {[]sweep.Axis{rung}, []string{" none  TCP  ██", "\n ack   TCP  ██", "       UDP  ██"}, "┤"},
		"before numbers": {[]sweep.Axis{rung, loss}, []string{"── reliability none   •• reliability ack", "\nloss "}, "█"},
		"behind numbers": {[]sweep.Axis{loss, rung}, []string{"── reliability none   •• reliability ack", "\nloss "}, "█"},
	} {
		s, err := plan(c.axes...).Conduct(t.Context(), func(ctx context.Context, cell int, values []string, seed uint64) (*report.Result, error) {
			r, err := measured(ctx, cell+1, values, seed)
			r.Runs[1].Reliability = values[slices.IndexFunc(c.axes, func(a sweep.Axis) bool { return a.Option == "reliability" })]
			return r, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Subjects(); len(got) != 2 || got[1] != (sweep.Subject{Name: "udp", Selector: "udp"}) {
			t.Errorf("%s: subjects %v", name, got)
		}
		var text, page, object bytes.Buffer
		if err := errors.Join(s.WriteText(&text, sweep.TextOptions{}), s.WritePage(&page, nil), s.WriteJSON(&object)); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.words {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, text.String())
			}
		}
		if strings.Contains(text.String(), c.none) {
			t.Errorf("%s: %q in\n%s", name, c.none, text.String())
		}
		if bars := strings.Contains(page.String(), `<rect class="bar ink-`); bars != (len(c.axes) == 1) || bars == strings.Contains(page.String(), `<path class="line`) {
			t.Errorf("%s: the page has bars: %t", name, bars)
		}
		if !strings.Contains(object.String(), "\"words\": true") {
			t.Errorf("%s: sweep.json has no axis of words", name)
		}
	}
}

// TestRungsSideBySide: where a result has several rungs beside each other,
// their names say so, whatever varies.
func TestRungsSideBySide(t *testing.T) {
	s, err := plan(sweep.Axis{Option: "reliability", Values: []string{"nack", "fec"}}).Conduct(t.Context(), func(ctx context.Context, cell int, values []string, seed uint64) (*report.Result, error) {
		r, err := measured(ctx, cell, values, seed)
		other := r.Runs[1]
		other.Reliability = values[0]
		r.Runs = append(r.Runs, other)
		return r, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Subjects(); len(got) != 4 || got[3].Selector != "udp/fec" {
		t.Errorf("subjects %v", got)
	}
}
