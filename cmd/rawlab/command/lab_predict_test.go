package command_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestPredict: the answer on standard input is in the result beside what was
// measured; what is no answer costs no run.
func TestPredict(t *testing.T) {
	for _, c := range []struct {
		answer string
		code   int
		want   float64
	}{
		{"1,000 packets\n", 0, 1000},
		{"7", 0, 7},
		{"many\n", 2, 0},
		{"-3\n", 2, 0},
		{"", 2, 0},
	} {
		cmd := rawlab(t, "lab", "run", "layers", "--backend", "virtual", "--json", "--predict")
		cmd.Stdin = strings.NewReader(c.answer)
		out, err := cmd.Output()
		if code := cmd.ProcessState.ExitCode(); code != c.code {
			t.Fatalf("%q: exit code %d, want %d: %v", c.answer, code, c.code, err)
		}
		if c.code != 0 {
			continue
		}
		var r struct {
			Prediction struct{ Predicted, Measured float64 }
			Runs       []struct{ Packets float64 }
		}
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatal(err)
		}
		if p := r.Prediction; p.Predicted != c.want || p.Measured == 0 || p.Measured != r.Runs[0].Packets {
			t.Errorf("%q: %+v", c.answer, p)
		}
	}
}
