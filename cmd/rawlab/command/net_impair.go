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

func (f *impairFlags) register(c *cobra.Command) {
	s := c.Flags()
	s.String("impair", "", "all of netem's `WORDS` at once, phases and rules too: 'delay 10ms; 3s; 2s loss 30%; 1s down'")
	registerWords(s, &f.jitter)
	s.Uint64Var(&f.seed, "seed", 1, "decides every packet's fate")
	s.StringVar(&f.to, "to", "", "only the direction to this `HOST`, client or server (default both)")
}

// given tells whether anything was said.
func (f *impairFlags) given(c *cobra.Command) bool {
	return wordsGiven(c.Flags()) || c.Flags().Changed("impair") || c.Flags().Changed("seed") || f.clear
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
// then the single words.
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
	return withWords(s, i, f.jitter)
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
