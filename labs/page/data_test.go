package page_test

import (
	"encoding/json"
	"testing"

	"rawlab/labs/page"
	"rawlab/labs/report"
)

// raw is the data as the page has it.
type raw struct {
	Runs []struct {
		Every, Emitted, Packets int
		Events                  map[string]json.RawMessage
		Streams                 []map[string]json.RawMessage
		Notable                 []struct{ Place int }
		Bytes                   []struct{ Events []int }
	}
	Charts map[string]json.RawMessage
	Fates  []string
	Words  []string
}

func parse(t *testing.T, text []byte) *raw {
	t.Helper()
	var d raw
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

func (d *raw) events(t *testing.T) table {
	e := table{}
	for name, column := range d.Runs[0].Events {
		e[name] = unpack(t, column)
	}
	return e
}

func build(t *testing.T, evidence []report.Evidence, budget int) (*raw, []byte) {
	t.Helper()
	text, _, err := page.Build(evidence, budget)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, text), text
}

const plenty = 1 << 30

func TestEveryEventIsThere(t *testing.T) {
	_, evidence := lossy(200, "t")
	d, _ := build(t, evidence, plenty)
	events := d.events(t)
	if n := len(events["place"]); n != 200 || d.Runs[0].Every != 1 {
		t.Fatalf("%d events, one in %d, want all 200", n, d.Runs[0].Every)
	}
	for i := range events["place"] {
		e := &evidence[0].Ledger.Events[i]
		took := int64(-1)
		if e.Fate == "" {
			took = 20_000
		}
		if events["sequence"][i] != int64(i+1) || events["at"][i] != int64(i)*400 || events["took"][i] != took || d.Fates[events["fate"][i]] != string(e.Fate) {
			t.Errorf("event %d: sequence %d, at %d, took %d, fate %q", i+1, events["sequence"][i], events["at"][i], events["took"][i], d.Fates[events["fate"][i]])
		}
	}
}

// TestEveryPacketIsThere: as many as the taps saw leave, each with its event
// and what the wire did.
func TestEveryPacketIsThere(t *testing.T) {
	_, evidence := lossy(200, "t")
	d, _ := build(t, evidence, plenty)
	packets, lost := 0, 0
	for _, s := range d.Runs[0].Streams {
		first, trip, fate := unpack(t, s["first"]), unpack(t, s["trip"]), unpack(t, s["fate"])
		for i := range first {
			packets++
			ends := int64(0)
			if n := first[i] + 1; trip[i] < 0 {
				lost++
				ends = 1
				if n%10 != 3 && n%10 != 7 {
					t.Errorf("the packet of event %d did not come", n)
				}
			} else if trip[i] != 10_000 {
				t.Errorf("a packet took %d µs, want 10 ms", trip[i])
			}
			if fate[i] != ends {
				t.Errorf("a packet has the fate %d, want %d", fate[i], ends)
			}
		}
	}
	if packets != 200+180 || lost != 40 || d.Runs[0].Packets != packets {
		t.Errorf("%d packets of %d, %d lost; want 380, 40 lost", packets, d.Runs[0].Packets, lost)
	}
}

// TestNumbersAreThoseOfTheCapture: what the page calls packet 17 is the
// capture file's.
func TestNumbersAreThoseOfTheCapture(t *testing.T) {
	_, evidence := lossy(30, "t")
	numbers := report.PacketNumbers(evidence)
	d, _ := build(t, evidence, plenty)
	got := unpack(t, d.Runs[0].Streams[0]["number"])
	for i, n := range got {
		if want := numbers[0][0][outgoing(evidence, i)]; int64(want) != n {
			t.Errorf("packet %d is number %d, want %d", i, n, want)
		}
	}
}

// outgoing is the place of the nth packet that left the client.
func outgoing(evidence []report.Evidence, n int) int {
	for i, p := range evidence[0].Taps[0].Packets {
		if p.Outgoing {
			if n--; n < 0 {
				return i
			}
		}
	}
	return -1
}

// TestMoreThanThePageHolds is sampled for drawing, and counted all the same.
func TestMoreThanThePageHolds(t *testing.T) {
	_, evidence := lossy(4000, "t")
	const budget = 60_000
	all, _ := build(t, evidence, plenty)
	some, text := build(t, evidence, budget)
	if len(text) > budget {
		t.Errorf("%d bytes of data, want at most %d", len(text), budget)
	}
	events := some.events(t)
	if n := len(events["place"]); some.Runs[0].Every < 2 || n < 100 || n >= 4000 {
		t.Errorf("%d events, one in %d", n, some.Runs[0].Every)
	}
	for _, n := range some.Runs[0].Notable {
		found := false
		for _, p := range events["place"] {
			found = found || p == int64(n.Place)
		}
		if !found {
			t.Errorf("event %d is proposed, and not there", n.Place)
		}
	}
	if some.Runs[0].Emitted != 4000 || some.Runs[0].Packets != all.Runs[0].Packets {
		t.Errorf("the sample claims %d events and %d packets", some.Runs[0].Emitted, some.Runs[0].Packets)
	}
	for name := range all.Charts {
		if string(all.Charts[name]) != string(some.Charts[name]) {
			t.Errorf("the chart %s is drawn from the sample", name)
		}
	}
}

func TestNotableEventsHaveTheirBytes(t *testing.T) {
	_, evidence := lossy(50, "t")
	d, _ := build(t, evidence, plenty)
	for _, n := range d.Runs[0].Notable {
		packets := 0
		for _, p := range d.Runs[0].Bytes {
			for _, e := range p.Events {
				if e == n.Place {
					packets++
				}
			}
		}
		if packets == 0 {
			t.Errorf("no packet of event %d has its bytes", n.Place)
		}
	}
	if len(d.Runs[0].Notable) < 3 {
		t.Errorf("%d events are proposed, want one delivered and one lost on each leg at least", len(d.Runs[0].Notable))
	}
}
