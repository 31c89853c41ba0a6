package command

import (
	"fmt"

	"github.com/spf13/pflag"

	"rawlab/labs/wire"
)

// directionFlags are impairments in whole sentences.
type directionFlags struct {
	up, down, schedule string
	rules              []string
}

func (f *directionFlags) register(s *pflag.FlagSet) {
	s.StringVar(&f.up, "up", "", "`WORDS` for what goes to the server: 'loss 5% delay 10ms'")
	s.StringVar(&f.down, "down", "", "`WORDS` for what comes back: 'delay 30ms rate 2mbit'")
	s.StringVar(&f.schedule, "schedule", "", "`PHASES`, over and over: '3s loss 0%; 2s loss 30%; 1s down'; with '; once' at the end, once")
	s.StringArrayVar(&f.rules, "rule", nil, "`RULE` for some packets, the first that matches: 'udp port 9700 to-server: loss 3%'; may be given again")
}

// apply returns both directions' impairments, given what the single words say
// of both.
func (f *directionFlags) apply(base wire.Impairment) (both [2]wire.Impairment, err error) {
	for d, own := range [2]struct{ flag, text string }{{"--up", f.up}, {"--down", f.down}} {
		if both[d], err = base.With(own.text); err != nil {
			return both, fmt.Errorf("%s %w", own.flag, err)
		}
		if both[d], err = f.common(both[d]); err != nil {
			return both, err
		}
	}
	return both, nil
}

// common adds the schedule and the rules.
func (f *directionFlags) common(i wire.Impairment) (wire.Impairment, error) {
	i, err := extend(i, "--schedule", f.schedule)
	if err != nil {
		return i, err
	}
	for _, rule := range f.rules {
		if i, err = extend(i, "--rule", rule); err != nil {
			return i, err
		}
	}
	return i, nil
}

// extend adds a schedule or rules, and refuses a text that has neither or
// changes anything else.
func extend(i wire.Impairment, flag, text string) (wire.Impairment, error) {
	if text == "" {
		return i, nil
	}
	longer, err := i.With(text)
	if err != nil {
		return i, fmt.Errorf("%s %w", flag, err)
	}
	bare, before := longer, i
	bare.Schedule, bare.Rules = wire.Schedule{}, nil
	before.Schedule, before.Rules = wire.Schedule{}, nil
	switch {
	case bare.String() != before.String():
		return i, fmt.Errorf("%s '%s': begins with words outside of a phase or a rule", flag, text)
	case flag == "--schedule" && (len(longer.Schedule.Phases) == 0 || len(longer.Rules) > len(i.Rules)):
		return i, fmt.Errorf("%s '%s': want phases, each a time and what holds then: '3s loss 0%%; 2s loss 30%%; 1s down'", flag, text)
	case flag == "--rule" && len(longer.Rules) != len(i.Rules)+1:
		return i, fmt.Errorf("%s '%s': want one rule, with a colon: 'udp port 9700 to-server: loss 3%%'", flag, text)
	}
	return longer, nil
}
