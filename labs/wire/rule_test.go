package wire_test

import (
	"strings"
	"testing"
	"time"

	"rawlab/labs/wire"
)

func TestScheduleGoesByTime(t *testing.T) {
	for text, want := range map[string]string{
		"10ms; 5ms down":                    "..........xxxxx..........xxxxx",
		"10ms; 5ms down; once":              "..........xxxxx...............",
		"down; 3ms up; 2ms loss 100%; once": "...xxxxxxxxxxxxxxxxxxxxxxxxxxx",
	} {
		d := direction(t, text)
		d.Begin(1000)
		var got strings.Builder
		for id := range uint64(30) {
			now := 1000 + int64(id)*int64(ms)
			d.Accept(sized(id, 100), now)
			if len(d.Departures(now)) == 0 {
				got.WriteString("x")
			} else {
				got.WriteString(".")
			}
		}
		if got.String() != want {
			t.Errorf("%s: %s, want %s", text, got.String(), want)
		}
	}
}

func TestFirstRuleHolds(t *testing.T) {
	text := "delay 7ms; udp port 9700 to-server: delay 1ms; udp to-server: delay 2ms; to-client: delay 3ms; tcp: down"
	i, err := wire.ParseImpairment(text)
	if err != nil {
		t.Fatal(err)
	}
	icmp := udpFrame(1, 2, 0, 0)
	icmp[23] = wire.ProtocolICMP
	for name, c := range map[string]struct {
		direction int
		frame     []byte
		delay     time.Duration
		lose      bool
	}{
		"port":         {0, udpFrame(40000, 9700, 0, 0), 1 * ms, false},
		"source port":  {0, udpFrame(9700, 40000, 0, 0), 1 * ms, false},
		"protocol":     {0, udpFrame(40000, 9701, 0, 0), 2 * ms, false},
		"direction":    {1, udpFrame(40000, 9700, 0, 0), 3 * ms, false},
		"another":      {0, tcpFrame(1, 2, 0), 7 * ms, true},
		"none of them": {0, icmp, 7 * ms, false},
	} {
		d := wire.NewPlan(i, 1, c.direction, identify).Decide(c.frame, 0)
		if d.Delay != c.delay || d.Lose != c.lose {
			t.Errorf("%s: delay %v, lost %v, want %v and %v", name, d.Delay, d.Lose, c.delay, c.lose)
		}
	}
}

// TestRulesMoveNoFate: what a rule does to some packets leaves the others'
// fates as they are.
func TestRulesMoveNoFate(t *testing.T) {
	base, _ := wire.ParseImpairment("loss 5% delay 10ms 2ms duplicate 2%")
	ruled, err := base.With("udp port 9701: loss 50% gemodel")
	if err == nil {
		t.Fatalf("accepted %v", &ruled)
	}
	if ruled, err = base.With("udp port 9701: loss gemodel 10% 20%"); err != nil {
		t.Fatal(err)
	}
	a, b := wire.NewPlan(base, 4, 0, identify), wire.NewPlan(ruled, 4, 0, identify)
	for id := range uint64(5000) {
		b.Decide(udpFrame(40000, 9701, id, 0), 0)
		f := udpFrame(40000, 9700, id, 0)
		if x, y := a.Decide(f, 0), b.Decide(f, 0); x != y {
			t.Fatalf("event %d: %+v without the rule, %+v with it", id, x, y)
		}
	}
}

// TestRuleSharesTheQueue unless it asks for a rate of its own.
func TestRuleSharesTheQueue(t *testing.T) {
	for rule, want := range map[string]int{"loss 0%": 10, "rate 2mbit": 20} {
		d := direction(t, "rate 1mbit queue 10; udp port 9701: "+rule)
		for id := range uint64(50) {
			f := sized(id, 1000)
			f[37] += byte(id % 2)
			d.Accept(f, 0)
		}
		if left, _ := drain(d, 0); len(left) != want {
			t.Errorf("%s: %d frames went through, want %d", rule, len(left), want)
		}
	}
}
