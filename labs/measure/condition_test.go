package measure_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/labs/measure"
	"rawlab/labs/report"
)

// result is what a lab with four runs found.
func result() *report.Result {
	return &report.Result{
		Lab: "loss",
		Runs: []report.Run{
			{Transport: "tcp", Reliability: "tcp", Emitted: 200, Delivered: 200, Packets: 500, Retransmits: 25, PayloadBytes: 1000, WireBytes: 3530,
				PerSecond: 2480, LatencyUS: &report.Latency{P50: 20_000, P99: 250_000, Max: 300_000}},
			{Transport: "udp", Reliability: "none", Emitted: 200, Delivered: 190, Fates: map[string]int{"wire-loss": 9, "no-socket": 1}, LatencyUS: &report.Latency{P99: 21_000}},
			{Transport: "udp", Reliability: "ack", Emitted: 200, Delivered: 200, LatencyUS: &report.Latency{P99: 90_000}},
			{Transport: "udp", Reliability: "none", Variant: "with 5 % loss", Emitted: 200},
		},
		Figures: map[string]float64{"Jain's index": 0.75},
	}
}

func TestCheck(t *testing.T) {
	for text, want := range map[string][]string{ // what each check says; a failed one has a ! before it
		"udp.lost>10%":            {"not udp.lost > 10% (10, 5.00 %)", "not udp/ack.lost > 10% (0, 0 %)", "!not udp/with-5-%-loss.lost > 10% (200, 100 %)"},
		"udp/ack.lost > 0":        {"not udp/ack.lost > 0 (0, 0 %)"},
		"tcp.p99>200ms":           {"!not tcp.p99 > 200ms (250 ms)"},
		"tcp.p99>0.25s":           {"not tcp.p99 > 0.25s (250 ms)"},
		"tcp.p99>=250000us":       {"!not tcp.p99 >= 250000us (250 ms)"},
		"loss:tcp.retransmits>5%": {"not tcp.retransmits > 5% (25, 5.00 %)"},
		"tcp.retransmits>=5%":     {"!not tcp.retransmits >= 5% (25, 5.00 %)"},
		"tcp.rate<2500/s":         {"!not tcp.rate < 2500/s (2,480 /s)"},
		"tcp.rate<2.4K":           {"not tcp.rate < 2.4K (2,480 /s)"},
		"tcp.overhead>3.5":        {"!not tcp.overhead > 3.5 (3.53)"},
		"tcp.wire-bytes>3K":       {"!not tcp.wire-bytes > 3K (3,530 B)"},
		"tcp.emitted!=200":        {"not tcp.emitted != 200 (200)"},
		"udp/with-5-%-loss.p99>1s": {
			"!not udp/with-5-%-loss.p99 > 1s (there is none in this run)"},
		"tcp.delivered==200":           {"!not tcp.delivered == 200 (200, 100 %)"},
		"tcp.delivered<=199":           {"not tcp.delivered <= 199 (200, 100 %)"},
		"udp/ack.wire-loss>0":          {"not udp/ack.wire-loss > 0 (0, 0 %)"},
		"figures.Jain's index<0.8":     {"!not figures.Jain's index < 0.8 (0.75)"},
		"tcp.duplicates>1,000":         {"not tcp.duplicates > 1,000 (0, 0 %)"},
		"TCP.p50 > 20.5ms":             {"not tcp.p50 > 20.5ms (20.0 ms)"},
		"loss : udp/ack.p99 <= 90 ms ": {"!not udp/ack.p99 <= 90 ms (90.0 ms)"},
	} {
		c, err := measure.Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		checks, err := c.Check(result())
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		var got []string
		for _, c := range checks {
			mark := "!"
			if c.Held {
				mark = ""
			}
			got = append(got, mark+c.Claim+" ("+c.Measured+")")
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: want, got:\n%s", text, d)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"udp.lots>1%":   `measure "lots" is not known; the nearest is "lost"`,
		"upd.lost>1%":   `transport "upd" is not known; the nearest is "udp"; there are: tcp, udp`,
		"udp.lost":      "want a name, one of > >= < <= == !=, and a value",
		"udp.lost=1%":   "want a name, one of",
		"udp.lost>":     "want a name, one of",
		"udp.lost>>1":   "want a name, one of",
		"":              "want a name, one of",
		"tcp.p99>200":   "p99 wants a time with its unit, such as 200ms",
		"tcp.p99>2%":    "p99 wants a time with its unit",
		"tcp.lost>NaN":  "lost wants a number, or a share such as 1%",
		"tcp.lost>inf%": "lost wants a number, or a share such as 1%",
		"tcp.lost>5ms":  "lost wants a number, or a share",
		"figures.a>b":   "a lab's own figure wants a number",
		"tcp.rate>1%":   "rate wants events per second",
		"a:b:c>1":       `measure "b:c" is not known`,
	} {
		if _, err := measure.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, want an error with %q", text, err, want)
		}
	}
}

func TestCheckOfWhatIsNotThere(t *testing.T) {
	for text, want := range map[string]string{
		"udp/akc.lost>0":          `run of lab loss "udp/akc" is not known; the nearest is "udp/ack"; there are: tcp, udp, udp/ack, udp/with-5-%-loss`,
		"figures.Jains index<0.8": `figure of lab loss "Jains index" is not known; the nearest is "Jain's index"`,
	} {
		c, err := measure.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Check(result()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	empty := &report.Result{Lab: "none"}
	c, err := measure.Parse("lost>0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Check(empty); err == nil || !strings.Contains(err.Error(), "there is none") {
		t.Errorf("a result without runs: %v", err)
	}
}

func TestEveryMeasureIsTold(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range measure.List {
		if m.Name == "" || m.About == "" || seen[m.Name] || strings.ContainsAny(m.Name, ". <>=!:/") {
			t.Errorf("measure %+v: wants a name of its own, that a condition can hold, and what it is about", m)
		}
		seen[m.Name] = true
		if found, err := measure.Find(m.Name); err != nil || found != m {
			t.Errorf("Find(%q) = %v, %v", m.Name, found, err)
		}
		for _, r := range result().Runs {
			if v, ok := m.Of(&r); ok && v < 0 {
				t.Errorf("%s of %s = %v", m.Name, r.Name(), v)
			}
		}
	}
}

func TestSelectorSelectsItsRunAlone(t *testing.T) {
	r := result()
	for i := range r.Runs {
		selector := measure.Selector(&r.Runs[i])
		for j := range r.Runs {
			want := i == j || r.Runs[i].Variant == "" && r.Runs[i].Reliability == "none" && r.Runs[j].Transport == "udp"
			if got := measure.Selects(selector, &r.Runs[j]); got != want {
				t.Errorf("%q selects %q: %t, want %t", selector, r.Runs[j].Name(), got, want)
			}
		}
	}
}
