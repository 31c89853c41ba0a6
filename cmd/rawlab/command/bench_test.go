package command_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"rawlab/cmd/rawlab/command"
	"rawlab/labs/bench"
)

func TestBenchJSON(t *testing.T) {
	var out, errs bytes.Buffer
	args := strings.Fields("bench compare -n 0.4K -l 1K -b 20K -P 2 -O 10ms --rounds 2 --reliability ack --json")
	if code := command.Main(t.Context(), args, nil, &out, &errs); code != 0 {
		t.Fatalf("%s = %d, %s", args, code, errs.String())
	}
	var r bench.Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%s printed %q: %v", args, out.String(), err)
	}
	if r.Size != 1024 || r.Parallel != 2 || len(r.Runs) != 2 {
		t.Fatalf("%s = %+v, want two runs of 1024 bytes by 2 emitters", args, r)
	}
	for i, transport := range []string{"tcp", "udp"} {
		run := r.Runs[i]
		if want := []string{"tcp", "ack"}[i]; run.Reliability != want {
			t.Errorf("run %d is on rung %q, want %q", i, run.Reliability, want)
		}
		if run.Transport != transport || run.Emitted != 400 || run.Unexplained != 0 || run.Rate == nil || *run.Rate != 20_000 {
			t.Errorf("run %d = %+v, want 400 events over %s at 20,000 a second, all explained", i, run, transport)
		}
	}
	if !strings.Contains(errs.String(), "bench: udp, 20,000 events/s") {
		t.Errorf("progress was %q", errs.String())
	}
}

func TestBenchText(t *testing.T) {
	rate := 10_000.0
	wide := bench.Run{
		Rounds: 5, Emitted: 12_345_678, Delivered: 11_000_000, Duplicates: 3, Unexplained: 2,
		Lost:      map[string]uint64{bench.LostToServer: 1_000_000, "server-queue": 345_678},
		PerSecond: &bench.Spread{Median: 123_456, Min: 99_999, Max: 2_000_000},
		Latency:   &bench.Latency{P50: 12, P90: 999, P99: 1_234, P999: 99_999, Max: 123_456},
		ClientCPU: &bench.Spread{Median: 12.34, Min: 10.1, Max: 15.9},
	}
	paced := wide
	paced.Rate, paced.Behind = &rate, paced.Latency
	result := &bench.Result{Machine: bench.Machine{System: "linux/amd64", Kernel: "6.18.0", CPUs: 2}, Size: 128, Parallel: 1, Interrupted: true}
	for i, run := range []bench.Run{paced, paced, wide, wide} {
		run.Transport = []string{"tcp", "udp"}[i%2]
		result.Runs = append(result.Runs, run)
	}
	text := benchText(t, result)
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("a line of %d characters: %q", n, line)
		}
	}
	for _, want := range []string{"TCP", "10,000/s", "flat out", "123K", "100K–2.00M", "11%", "server-queue", "12 µs", "1.23 ms", "123 ms", "12.34", "Interrupted", "–"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing from\n%s", want, text)
		}
	}
}

// TestBenchTextOfNothing: a run that was ended before anything was delivered
// has figures for nothing, and says so without a NaN.
func TestBenchTextOfNothing(t *testing.T) {
	text := benchText(t, &bench.Result{Interrupted: true, Runs: []bench.Run{{Transport: "udp"}}})
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || !strings.Contains(text, "–") {
		t.Errorf("an empty run reads\n%s", text)
	}
	benchText(t, &bench.Result{Interrupted: true})
}

func benchText(t *testing.T, r *bench.Result) string {
	t.Helper()
	var out bytes.Buffer
	if err := command.WriteBench(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestBenchUsage(t *testing.T) {
	for _, line := range []string{
		"bench tcp udp", "bench sctp", "bench tcp -t 1 -n 100", "bench tcp -t x", "bench tcp -t -1", "bench tcp -t 0", "bench tcp -t NaN",
		"bench tcp -n 0", "bench tcp -n 1.5", "bench tcp -n 9T", "bench tcp -n -5", "bench tcp -n 2", "bench tcp -l 0", "bench tcp -l 1M",
		"bench tcp -b -1", "bench tcp -b 1G", "bench tcp -P 0", "bench tcp -P 65", "bench tcp -O -1", "bench tcp --rounds 0", "bench tcp --rounds 1000",
		"bench tcp --reliability ack", "bench udp --reliability most",
	} {
		var out, errs bytes.Buffer
		if code := command.Main(t.Context(), strings.Fields(line), nil, &out, &errs); code != 2 || errs.Len() == 0 || out.Len() > 0 {
			t.Errorf("%s = %d, stdout %q, stderr %q, want 2 and words on stderr", line, code, out.String(), errs.String())
		}
	}
}
