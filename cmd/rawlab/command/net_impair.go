package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rawlab/labs/testbed"
	"rawlab/labs/wire"
)

// impairFlags are netem's words about links.
type impairFlags struct {
	jitter time.Duration
	seed   uint64
	links  []string
	to     string
	clear  bool
}

func (f *impairFlags) register(c *cobra.Command) {
	s := c.Flags()
	s.String("impair", "", "all of netem's `WORDS` at once, phases and rules too: 'delay 10ms; 3s; 2s loss 30%; 1s down'")
	registerWords(s, &f.jitter)
	s.Uint64Var(&f.seed, "seed", 1, "decides every packet's fate")
	s.StringSliceVar(&f.links, "link", nil, "only the link of this `HOST`, such as client2; may be given again (default the link of every client)")
	s.StringVar(&f.to, "to", "", "only the direction to the server, or only that to the client: `END` is server or client (default both)")
}

// given tells whether anything was said.
func (f *impairFlags) given(c *cobra.Command) bool {
	return wordsGiven(c.Flags()) || c.Flags().Changed("impair") || c.Flags().Changed("seed") || f.clear
}

// change returns what links do after what the user said, where before held:
// those that the user means, by name.
func (f *impairFlags) change(c *cobra.Command, before []testbed.Direction) (map[string]testbed.Setting, error) {
	up, down, err := f.directions()
	if err != nil {
		return nil, err
	}
	names, err := f.chosen(before)
	if err != nil {
		return nil, err
	}
	after := map[string]testbed.Setting{}
	for i := 0; i < len(before); i += 2 {
		link := before[i].Link
		if !slices.Contains(names, link) {
			continue
		}
		s := testbed.Setting{Seed: before[i].Seed}
		if c.Flags().Changed("seed") {
			s.Seed = f.seed
		}
		toServer, toClient := up, down
		if !testbed.UpToServer(link) {
			toServer, toClient = down, up
		}
		if s.Up, err = f.changed(c, &before[i], toServer); err != nil {
			return nil, err
		}
		if s.Down, err = f.changed(c, &before[i+1], toClient); err != nil {
			return nil, err
		}
		after[link] = s
	}
	return after, nil
}

// changed returns what one direction does, if it is meant with what the user
// said.
func (f *impairFlags) changed(c *cobra.Command, before *testbed.Direction, meant bool) (wire.Impairment, error) {
	i, err := wire.ParseImpairment(before.Impairment)
	if err != nil || !meant {
		return i, err
	}
	if i, err = f.apply(c, i); err != nil {
		return i, usagef("%w", err)
	}
	return i, nil
}

// chosen names the links that the user means: without a word, those of all
// clients, so that what is between a client and the server is impaired once.
func (f *impairFlags) chosen(before []testbed.Direction) ([]string, error) {
	var all, clients []string
	for i := 0; i < len(before); i += 2 {
		all = append(all, before[i].Link)
		if testbed.UpToServer(before[i].Link) {
			clients = append(clients, before[i].Link)
		}
	}
	if len(f.links) == 0 {
		return clients, nil
	}
	for _, link := range f.links {
		if !slices.Contains(all, link) {
			return nil, usagef("--link %s: no such link; there are: %s", link, strings.Join(all, ", "))
		}
	}
	return f.links, nil
}

// directions tells which the user means, to the server and to the client.
func (f *impairFlags) directions() (toServer, toClient bool, err error) {
	switch f.to {
	case "":
		return true, true, nil
	case "server":
		return true, false, nil
	case "client":
		return false, true, nil
	}
	return false, false, usagef("--to %s: a link leads to client and to server; which client, says --link", f.to)
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
