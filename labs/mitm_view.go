package labs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// MITMView looks at conversations from the middle of the wire.
var MITMView = &Lab{
	Name:     "mitm-view",
	Question: "what does somebody in the middle of the wire still see of an encrypted conversation?",
	Varies:   "what is around the events: nothing, TLS 1.3 over TCP, DTLS 1.2 over UDP",
	Held:     "the events: a secret topic, and one of two secret words each; their pace; a wire that only delays",
	Expect:   "plain, everything is there to be read; encrypted, topic and words are gone, and who talks to whom, how often, when, and how much is not",
	Predict: Prediction{
		Ask:  "Each of %s events says 'hold' or 'sell everything'. Over TLS, of how many can somebody in the middle, who cannot decrypt a byte, tell which?",
		Unit: "events", Given: func(o *Options) string { return report.Count(o.Events) },
		Answer: func(r *report.Result) float64 { return r.Figures["tcp tls told apart"] },
	},
	Defaults: Options{
		Events: 60, Size: len(longWord), Pace: 100, Seed: 1,
		Impairment: wire.Impairment{Delay: 5 * time.Millisecond},
	},
	Takes: []string{"events", "delay", "seed", "ipv6"},
	Next: []string{
		"rawlab lab run mitm-view -o result; rawlab explain result/capture.pcapng",
		"rawlab lab run mitm-view --events 300 --ipv6",
		"rawlab serve --help",
		"rawlab lab run layers",
	},
	Reading: []string{
		"RFC 8446, sections 5.4 and E.3 (padding, and what sizes give away)", "RFC 6347 (DTLS 1.2)", "RFC 6066, section 3 (SNI)",
		"RFC 9849 (encrypted ClientHello)", "RFC 7258 (pervasive monitoring)",
	},
	run: runMITMView,
}

// What nobody but the two ends is to know, and the name that the clients ask
// the server for.
const (
	secretTopic = "trades/insider"
	shortWord   = "hold"
	longWord    = "sell everything"
	serverName  = "broker.example"
	leastWords  = 10 // events, half of either word to begin with
)

func runMITMView(ctx context.Context, o *Options) (*Outcome, error) {
	if o.Events < leastWords {
		return nil, &OptionError{fmt.Errorf("--events %d: needs at least %d, to have some of either word to tell apart", o.Events, leastWords)}
	}
	id, err := newIdentity(serverName)
	if err != nil {
		return nil, err
	}
	words := decisions(o)
	plain := overUDP(udpq.ReliabilityNone)
	out := &Outcome{Result: newResult(o)}
	var plans []*plan
	for _, c := range []struct {
		transport *transport
		variant   string
	}{{overTCP, "plain"}, {id.overTLS(), "tls"}, {plain, "plain"}, {id.overDTLS(true), "dtls"}} {
		plans = append(plans, &plan{
			transport: c.transport, variant: c.variant, topic: secretTopic, script: steady,
			body: func(i int) []byte { return []byte(words[i]) },
		})
	}
	if err := out.conduct(ctx, o, plans...); err != nil {
		return nil, err
	}
	views := make([]view, len(plans))
	r := out.Result
	r.Figures = map[string]float64{}
	for i := range views {
		views[i] = lookFromTheMiddle(&out.Evidence[i], words)
		r.Figures[views[i].name+" told apart"] = float64(views[i].right)
		r.Runs[i].PayloadBytes = sizeOfAll(words)
	}
	r.FreshKeys = true
	r.Reasons = append(r.Reasons, "keys are drawn anew in each run: the encrypted bytes, and at times a byte of the handshakes' length, do not repeat")
	r.Details = viewsTable(views)
	r.Checks = viewChecks(out, views)
	r.Story = viewStory(o, r, views)
	return out, nil
}

// decisions are the words of the events, as the seed has them; both occur.
func decisions(o *Options) []string {
	random := rand.New(rand.NewPCG(o.Seed, 0))
	words := make([]string, o.Events)
	for i := range words {
		words[i] = shortWord
		if random.IntN(2) == 1 {
			words[i] = longWord
		}
	}
	for i := range leastWords {
		words[i] = []string{longWord, shortWord}[i%2]
	}
	return words
}

func sizeOfAll(words []string) (bytes int64) {
	for _, w := range words {
		bytes += int64(len(w))
	}
	return bytes
}
