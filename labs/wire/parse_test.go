package wire_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rawlab/labs/wire"
)

const ms = time.Millisecond

func TestParseImpairment(t *testing.T) {
	for text, want := range map[string]wire.Impairment{
		"":                                 {},
		"none":                             {},
		"loss 5%":                          {Loss: 0.05},
		"LOSS random 0.05":                 {Loss: 0.05},
		"loss gemodel 1%":                  {Burst: wire.Gilbert{P: 0.01, R: 0.99, BadLoss: 1}},
		"loss gemodel 1% 10% 70% 0.1%":     {Burst: wire.Gilbert{P: 0.01, R: 0.1, BadLoss: 0.7, GoodLoss: 0.001}},
		"delay 10ms":                       {Delay: 10 * ms},
		"delay 10ms 2ms loss 1%":           {Delay: 10 * ms, Jitter: 2 * ms, Loss: 0.01},
		"delay 1.5s distribution normal":   {Delay: 1500 * ms, Distribution: wire.Normal},
		"delay 10ms reorder 25% gap 5":     {Delay: 10 * ms, Reorder: 0.25, Gap: 5},
		"duplicate 1%":                     {Duplicate: 0.01},
		"corrupt 2% payload":               {Corrupt: 0.02, Layer: wire.Payload},
		"rate 10mbit queue 64kb aqm codel": {Rate: 10_000_000, QueueBytes: 65536, AQM: wire.CoDel},
		"rate 1Mbps limit 100":             {Rate: 8_000_000, Queue: 100},
		"down":                             {Down: true},
		"delay 10ms; 3s; 2s loss 30%; 1s down": {
			Delay: 10 * ms,
			Schedule: wire.Schedule{Phases: []wire.Phase{
				{For: 3 * time.Second, Impairment: wire.Impairment{Delay: 10 * ms}},
				{For: 2 * time.Second, Impairment: wire.Impairment{Delay: 10 * ms, Loss: 0.3}},
				{For: time.Second, Impairment: wire.Impairment{Delay: 10 * ms, Down: true}},
			}},
		},
		"1s down; once": {Schedule: wire.Schedule{Once: true, Phases: []wire.Phase{{For: time.Second, Impairment: wire.Impairment{Down: true}}}}},
		"delay 10ms; udp port 9700 to-server: loss 3%; any: none": {
			Delay: 10 * ms,
			Rules: []wire.Rule{
				{Selector: wire.Selector{Protocol: wire.ProtocolUDP, Port: 9700, Toward: wire.ToServer}, Impairment: wire.Impairment{Delay: 10 * ms, Loss: 0.03}},
				{},
			},
		},
	} {
		got, err := wire.ParseImpairment(text)
		if err != nil {
			t.Errorf("ParseImpairment(%q): %v", text, err)
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("ParseImpairment(%q): -want +got\n%s", text, d)
		}
		again, err := wire.ParseImpairment(got.String())
		if err != nil {
			t.Errorf("ParseImpairment(%q), as %q was printed: %v", got.String(), text, err)
		}
		if d := cmp.Diff(got, again); d != "" {
			t.Errorf("%q printed as %q reads differently:\n%s", text, got.String(), d)
		}
	}
}

func TestParseImpairmentSaysWhere(t *testing.T) {
	for text, offset := range map[string]int{
		"los 5%":                      0,
		"loss":                        4,
		"loss 5x":                     5,
		"loss 120%":                   5,
		"delay 10":                    6,
		"delay 10ms 3x":               11,
		"delay 10ms reorder 5% gap":   25,
		"delay 10ms reorder 5% gap 0": 26,
		"rate fast":                   5,
		"queue 5 pounds":              8,
		"loss 1%; loss 2%":            9,
		"loss 1%; 3s lose 2%":         12,
		"udp port 0: down":            9,
		"sctp: down":                  0,
		": down":                      0,
		"delay 5ms distribution odd":  23,
		"once":                        0,
		"corrupt 5% cable":            11,
	} {
		_, err := wire.ParseImpairment(text)
		syntax, ok := errors.AsType[*wire.SyntaxError](err)
		if !ok || syntax.Offset != offset {
			t.Errorf("ParseImpairment(%q) = %v, want a syntax error at %d", text, err, offset)
		}
	}
	for _, text := range []string{"delay 1ms 2ms", "reorder 5%", "1s delay 1ms 2ms", "tcp: reorder 5%", "icmp port 5: down", "delay 2m"} {
		if _, err := wire.ParseImpairment(text); err == nil {
			t.Errorf("ParseImpairment(%q) accepts what cannot be", text)
		}
	}
}

func TestWithChangesOnlyWhatIsNamed(t *testing.T) {
	base := wire.Impairment{Loss: 0.05, Delay: 10 * ms, Jitter: 2 * ms, Queue: 5}
	got, err := base.With("delay 30ms; 1s down")
	if err != nil {
		t.Fatal(err)
	}
	if got.Loss != 0.05 || got.Delay != 30*ms || got.Jitter != 0 || got.Queue != 5 || len(got.Schedule.Phases) != 1 || base.Delay != 10*ms {
		t.Errorf("With = %v", &got)
	}
	for _, rule := range []string{"udp: loss 1%", "tcp: down"} {
		if got, err = got.With(rule); err != nil {
			t.Fatal(err)
		}
	}
	if len(got.Rules) != 2 || len(got.Schedule.Phases) != 1 || got.Rules[0].Impairment.Delay != 30*ms {
		t.Errorf("With rules = %v", &got)
	}
}

// plain draws an impairment without schedule and rules.
func plain(t *rapid.T) wire.Impairment {
	share := func(name string) float64 { return float64(rapid.IntRange(0, 1000).Draw(t, name)) / 1000 }
	i := wire.Impairment{
		Loss: share("loss"), Duplicate: share("duplicate"), Corrupt: rapid.Float64Range(0, 1).Draw(t, "corrupt"),
		Layer: wire.Layer(rapid.IntRange(0, 3).Draw(t, "layer")),
		Delay: time.Duration(rapid.Int64Range(1, 1e9).Draw(t, "delay")),
		Rate:  rapid.SampledFrom([]int64{0, 1000, 1234, 5_000_000, 2_000_000_000}).Draw(t, "rate"),
		AQM:   wire.AQM(rapid.IntRange(0, 1).Draw(t, "aqm")), Down: rapid.Bool().Draw(t, "down"),
		Distribution: wire.Distribution(rapid.IntRange(0, 3).Draw(t, "distribution")),
	}
	i.Jitter = time.Duration(rapid.Int64Range(0, int64(i.Delay)).Draw(t, "jitter"))
	if rapid.Bool().Draw(t, "burst") {
		i.Loss, i.Burst = 0, wire.Gilbert{P: share("p"), R: share("r"), BadLoss: share("1-h"), GoodLoss: share("1-k")}
	}
	if i.Reorder = share("reorder"); i.Reorder > 0 {
		i.Gap = rapid.IntRange(0, 50).Draw(t, "gap")
	}
	if n := rapid.IntRange(0, 5000).Draw(t, "queue"); rapid.Bool().Draw(t, "bytes") {
		i.QueueBytes = n
	} else {
		i.Queue = n
	}
	return i
}

func TestStringReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := plain(t)
		for range rapid.IntRange(0, 3).Draw(t, "phases") {
			want.Schedule.Phases = append(want.Schedule.Phases, wire.Phase{
				For: time.Duration(rapid.Int64Range(1, 1e12).Draw(t, "for")), Impairment: plain(t),
			})
			want.Schedule.Once = rapid.Bool().Draw(t, "once")
		}
		for range rapid.IntRange(0, 3).Draw(t, "rules") {
			want.Rules = append(want.Rules, wire.Rule{
				Selector: wire.Selector{
					Protocol: rapid.SampledFrom([]uint8{0, wire.ProtocolTCP, wire.ProtocolUDP}).Draw(t, "protocol"),
					Port:     rapid.Uint16().Draw(t, "port"), Toward: wire.Toward(rapid.IntRange(0, 2).Draw(t, "toward")),
				},
				Impairment: plain(t),
			})
		}
		got, err := wire.ParseImpairment(want.String())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%q reads differently: -want +got\n%s", want.String(), d)
		}
	})
}

func FuzzParseImpairment(f *testing.F) {
	for _, s := range []string{"loss 5% delay 10ms 2ms", "3s; 2s loss 30%; once", "udp port 9700 to-server: loss gemodel 1% 10%", "rate 1mbit queue 64kb aqm codel"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		i, err := wire.ParseImpairment(text)
		if err != nil {
			return
		}
		again, err := wire.ParseImpairment(i.String())
		if err != nil {
			t.Fatalf("%q, printed as %q: %v", text, i.String(), err)
		}
		if d := cmp.Diff(i, again); d != "" {
			t.Fatalf("%q, printed as %q, reads differently:\n%s", text, i.String(), d)
		}
	})
}
