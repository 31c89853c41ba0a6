package command

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"rawlab/labs/wire"
)

// impairWords are the flags whose values are what follows the same word in
// the language of wire.ParseImpairment, in an order in which each can be
// applied: a delay before what needs one.
var impairWords = []struct{ name, usage string }{
	{"loss", "share of packets lost, as `5%` or 0.05; or 'gemodel 1% 10%' for bursts"},
	{"delay", "added to every packet, as `20ms`"},
	{"distribution", "of the jitter: `uniform`, normal, pareto or paretonormal"},
	{"reorder", "share of packets that skip the delay, as `1%`; or '25% gap 5'"},
	{"duplicate", "share of packets sent twice, as `1%`"},
	{"corrupt", "share of packets with one bit flipped, as `1%`; or '1% payload' (link, ip, transport)"},
	{"rate", "of the wire, in bits per second, as `10Mbit`; 0 is no limit"},
	{"queue", "what may wait for the rate: `packets`, or bytes as 64kb (default 1000 packets)"},
	{"aqm", "how the queue is kept short: `taildrop` or codel"},
}

// registerWords adds the flags of all words, and of the jitter.
func registerWords(s *pflag.FlagSet, jitter *time.Duration) {
	for _, w := range impairWords {
		s.String(w.name, "", w.usage)
	}
	s.DurationVar(jitter, "jitter", 0, "how far the delay spreads: by this much more or less, or of normal and the like one standard deviation")
}

// wordsGiven tells whether any of the flags was given.
func wordsGiven(s *pflag.FlagSet) bool {
	for _, w := range impairWords {
		if s.Changed(w.name) {
			return true
		}
	}
	return s.Changed("jitter")
}

// withWords returns the impairment with what the flags say. The jitter comes
// before the check of all together.
func withWords(s *pflag.FlagSet, i wire.Impairment, jitter time.Duration) (wire.Impairment, error) {
	var err error
	for _, w := range impairWords {
		if !s.Changed(w.name) {
			continue
		}
		value, _ := s.GetString(w.name)
		if i, err = i.With(w.name + " " + value); err != nil {
			return i, fmt.Errorf("--%s %w", w.name, err)
		}
	}
	if s.Changed("jitter") {
		i.Jitter = jitter
	}
	return i, i.Validate()
}
