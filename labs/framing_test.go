package labs_test

import (
	"testing"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/labs"
)

// TestFramingCountsCutEvents holds the events that the lab says TCP has cut
// against a plain model: the stream's bytes, and where its segments begin.
func TestFramingCountsCutEvents(t *testing.T) {
	o := labs.Framing.Defaults
	o.Events = 150
	out := runVirtual(t, labs.Framing, o)
	type way struct{ src, dst any }
	streams, begins := map[way][]byte{}, map[way]map[int]bool{}
	p := dissect.NewParser(dissect.LinkEthernet)
	for _, packet := range out.Evidence[0].Taps[account.Client].Packets {
		h, err := p.Parse(packet.Data)
		if err != nil || !packet.Outgoing || h.Protocol != dissect.TCP || len(h.Payload) == 0 {
			continue
		}
		key := way{h.Src, h.Dst}
		if begins[key] == nil {
			begins[key] = map[int]bool{}
		}
		begins[key][len(streams[key])] = true // nothing is lost, so that they come in order
		streams[key] = append(streams[key], h.Payload...)
	}
	cut, emits := 0, 0
	for key, b := range streams {
		for at := 0; at < len(b); {
			f, n, err := framing.Parse(b[at:], framing.DefaultLimit)
			if err != nil {
				t.Fatal(err)
			}
			if f.Kind == framing.KindEmit {
				emits++
				for i := at + 1; i < at+n; i++ {
					if begins[key][i] {
						cut++
						break
					}
				}
			}
			at += n
		}
	}
	if got := out.Result.Figures["tcp events cut"]; got != float64(cut) || emits != o.Events || cut == 0 {
		t.Errorf("the lab counts %v events cut, of %d the model %d", got, emits, cut)
	}
}

// TestNobodyHomeUntilTheStackGivesUp: a stack asks seven times in two minutes,
// then says that it timed out.
func TestNobodyHomeUntilTheStackGivesUp(t *testing.T) {
	o := labs.NobodyHome.Defaults
	o.Patience = 9 * time.Minute
	out := runVirtual(t, labs.NobodyHome, o)
	holds(t, out)
	if n := out.Result.Figures["silent tcp SYNs"]; n != 7 {
		t.Errorf("%v SYNs, want 7", n)
	}
}
