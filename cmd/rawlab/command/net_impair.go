package command

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"rawlab/labs/testbed"
	"rawlab/labs/wire"
)

// impairFlags are netem's words about the wire.
type impairFlags struct {
	jitter time.Duration
	seed   uint64
	to     string
	clear  bool
}

// impairWords are the flags whose values are what follows the same word in
// the language of wire.ParseImpairment.
var impairWords = []struct{ name, usage string }{
	{"loss", "share of packets lost, as `5%` or 0.05; or 'gemodel 1% 10%' for bursts"},
	{"delay", "added to every packet, as `20ms`"},
	{"reorder", "share of packets that skip the delay, as `1%`"},
	{"duplicate", "share of packets sent twice, as `1%`"},
	{"corrupt", "share of packets with one bit flipped, as `1%`"},
	{"rate", "of the wire, in bits per second, as `10Mbit`; 0 is no limit"},
	{"queue", "what may wait for the rate: `packets`, or bytes as 64kb (default 1000 packets)"},
}

func (f *impairFlags) register(c *cobra.Command) {
	s := c.Flags()
	s.String("impair", "", "all of netem's `WORDS` at once, phases and rules too: 'delay 10ms; 3s; 2s loss 30%; 1s down'")
	for _, w := range impairWords {
		s.String(w.name, "", w.usage)
	}
	s.DurationVar(&f.jitter, "jitter", 0, "up to this much more or less delay")
	s.Uint64Var(&f.seed, "seed", 1, "decides every packet's fate")
	s.StringVar(&f.to, "to", "", "only the direction to this `HOST`, client or server (default both)")
}

// given tells whether anything was said.
func (f *impairFlags) given(c *cobra.Command) bool {
	for _, w := range impairWords {
		if c.Flags().Changed(w.name) {
			return true
		}
	}
	return c.Flags().Changed("impair") || c.Flags().Changed("jitter") || c.Flags().Changed("seed") || f.clear
}

// change returns what holds after what the user said, where before held.
func (f *impairFlags) change(c *cobra.Command, before *testbed.Status) (seed uint64, after [2]wire.Impairment, err error) {
	seed = before.Seed
	if c.Flags().Changed("seed") {
		seed = f.seed
	}
	chosen, err := f.directions()
	if err != nil {
		return 0, after, err
	}
	for d := range after {
		if after[d], err = wire.ParseImpairment(before.Directions[d].Impairment); err != nil {
			return 0, after, err
		}
		if !chosen[d] {
			continue
		}
		if after[d], err = f.apply(c, after[d]); err != nil {
			return 0, after, usagef("%w", err)
		}
	}
	return seed, after, nil
}

// directions tells which the user means; direction 0 leads to the server.
func (f *impairFlags) directions() ([2]bool, error) {
	switch f.to {
	case "":
		return [2]bool{true, true}, nil
	case "server":
		return [2]bool{true, false}, nil
	case "client":
		return [2]bool{false, true}, nil
	}
	return [2]bool{}, usagef("--to %s: the wire leads to client and to server", f.to)
}

// apply returns the impairment with what the user said: the whole text first,
// then the single words. The jitter comes before the check of all together.
func (f *impairFlags) apply(c *cobra.Command, i wire.Impairment) (wire.Impairment, error) {
	s := c.Flags()
	if f.clear {
		i = wire.Impairment{}
	}
	var err error
	if text, _ := s.GetString("impair"); text != "" {
		if i, err = i.With(text); err != nil {
			return i, fmt.Errorf("--impair %w", err)
		}
	}
	for _, w := range impairWords {
		if !s.Changed(w.name) {
			continue
		}
		value, _ := s.GetString(w.name)
		if i, err = i.With(w.name + " " + value); err != nil {
			return i, fmt.Errorf("--%w", err)
		}
	}
	if s.Changed("jitter") {
		i.Jitter = f.jitter
	}
	return i, i.Validate()
}

// writeImpairments says what holds now, in the words of --impair.
func writeImpairments(w io.Writer, s *testbed.Status) error {
	same := s.Directions[0].Impairment == s.Directions[1].Impairment
	for _, d := range s.Directions {
		where := "to " + d.To
		if same {
			where = "both ways"
		}
		if _, err := fmt.Fprintf(w, "%-10s %s (seed %d)\n", where, d.Impairment, s.Seed); err != nil || same {
			return err
		}
	}
	return nil
}
