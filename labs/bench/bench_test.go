package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rawlab/labs/bench"
)

const roleEnv = "RAWLAB_BENCH_TEST_SERVER"

// TestMain makes the test binary a server's process when a test starts it so.
func TestMain(m *testing.M) {
	if transport := os.Getenv(roleEnv); transport != "" {
		if err := bench.Serve(context.Background(), transport, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func server(transport string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), roleEnv+"="+transport, "GORACE=atexit_sleep_ms=0") // with -race each would sleep a second at its end
	return cmd, nil
}

// checkAccount holds that every emitted event is in exactly one place.
func checkAccount(t *testing.T, r *bench.Run) {
	t.Helper()
	sum := r.Delivered
	for _, n := range r.Lost {
		sum += n
	}
	if int64(sum)+r.Unexplained != int64(r.Emitted) || r.Unexplained != 0 || r.Duplicates != 0 {
		t.Errorf("%s: %d emitted, %d delivered, lost %v, %d unexplained, %d duplicates: the account does not balance",
			r.Transport, r.Emitted, r.Delivered, r.Lost, r.Unexplained, r.Duplicates)
	}
}

func TestMeasureEvents(t *testing.T) {
	r, err := bench.Measure(t.Context(), &bench.Config{Events: 2000, Rates: []float64{20_000, 0}, Parallel: 3, Rounds: 2, Omit: 20 * time.Millisecond, Server: server})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Runs) != 4 || r.Interrupted {
		t.Fatalf("%d runs, interrupted: %t, want 4 whole ones", len(r.Runs), r.Interrupted)
	}
	for _, run := range r.Runs {
		checkAccount(t, &run)
		if run.Emitted != 2000 || run.Rounds != 2 {
			t.Errorf("%s: emitted %d in %d rounds, want 2000 in 2", run.Transport, run.Emitted, run.Rounds)
		}
		if run.Transport == "tcp" && run.Delivered != 2000 {
			t.Errorf("tcp delivered %d of 2000", run.Delivered)
		}
		if (run.Rate == nil) != (run.Behind == nil) {
			t.Errorf("%s: rate %v, behind %v: only a rate can be missed", run.Transport, run.Rate, run.Behind)
		}
		checkFigures(t, &run)
	}
}

func checkFigures(t *testing.T, r *bench.Run) {
	t.Helper()
	if r.PerSecond == nil || r.Latency == nil || r.ClientCPU == nil || r.ServerCPU == nil {
		t.Fatalf("%s: something was not measured: %+v", r.Transport, r)
	}
	for name, s := range map[string]*bench.Spread{"events/s": r.PerSecond, "client CPU": r.ClientCPU, "server CPU": r.ServerCPU} {
		if !(s.Min <= s.Median && s.Median <= s.Max) || s.Min < 0 || math.IsInf(s.Max, 0) {
			t.Errorf("%s: %s = %+v, want a spread", r.Transport, name, s)
		}
	}
	if l := r.Latency; !(0 < l.P50 && l.P50 <= l.P90 && l.P90 <= l.P99 && l.P99 <= l.P999 && l.P999 <= l.Max) {
		t.Errorf("%s: latency = %+v, want rising percentiles", r.Transport, l)
	}
}

func TestMeasureDuration(t *testing.T) {
	const rate = 4000
	r, err := bench.Measure(t.Context(), &bench.Config{
		Transports: []string{"udp"}, Duration: 500 * time.Millisecond, Rates: []float64{rate}, Rounds: 2, Size: 1, Server: server,
	})
	if err != nil {
		t.Fatal(err)
	}
	run := r.Runs[0]
	checkAccount(t, &run)
	if want := rate / 2; run.Emitted == 0 || run.Emitted > uint64(want) {
		t.Errorf("emitted %d in half a second at %d a second, want up to %d", run.Emitted, rate, want)
	}
}

// TestMeasureInterrupted ends a benchmark of an hour as soon as a round runs.
func TestMeasureInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := bench.Measure(ctx, &bench.Config{
		Duration: time.Hour, Server: server,
		Progress: func(p bench.Progress) {
			if p.Round == 1 && p.Transport == "tcp" {
				time.AfterFunc(100*time.Millisecond, cancel)
			}
		},
	})
	if err != nil || !r.Interrupted {
		t.Fatalf("Measure = %+v, %v, want a result that says it was interrupted", r, err)
	}
	var out bytes.Buffer
	if err := r.WriteJSON(&out); err != nil || !json.Valid(out.Bytes()) {
		t.Errorf("WriteJSON = %q, %v", out.String(), err)
	}
	for _, run := range r.Runs {
		checkAccount(t, &run)
	}
}

func TestMeasureBeforeAnything(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := bench.Measure(ctx, &bench.Config{Server: server})
	if err != nil || !r.Interrupted || len(r.Runs) != 0 {
		t.Errorf("Measure = %+v, %v, want no runs", r, err)
	}
}

func TestMeasureRefuses(t *testing.T) {
	for name, c := range map[string]bench.Config{
		"transport":         {Transports: []string{"sctp"}},
		"negative rate":     {Rates: []float64{-1}},
		"no number as rate": {Rates: []float64{math.NaN()}},
		"endless rate":      {Rates: []float64{math.Inf(1)}},
		"too few events":    {Events: 3},
		"too many events":   {Events: math.MaxInt},
		"size":              {Size: 70_000},
		"negative size":     {Size: -1},
		"parallel":          {Parallel: 1000},
		"omit":              {Omit: -1},
		"rounds":            {Rounds: -1},
		"short rounds":      {Duration: time.Second, Rounds: 100},
		"negative duration": {Duration: -time.Second},
	} {
		c.Server = server
		_, err := bench.Measure(t.Context(), &c)
		if _, ok := errors.AsType[*bench.ConfigError](err); !ok {
			t.Errorf("%s: Measure = %v, want a ConfigError", name, err)
		}
	}
}

func TestMeasureWithoutAServer(t *testing.T) {
	for name, cmd := range map[string]*exec.Cmd{
		"no such program": exec.Command("/no/such/program"),
		"dies at once":    exec.Command(os.Args[0], "-test.run", "^$"),
	} {
		_, err := bench.Measure(t.Context(), &bench.Config{Server: func(string) (*exec.Cmd, error) { return cmd, nil }})
		if err == nil {
			t.Errorf("%s: Measure succeeds", name)
		}
	}
}
