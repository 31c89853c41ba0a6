package command

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rawlab/labs"
)

// given returns the lab's defaults with what the user said in their place.
func (f *labFlags) given(c *cobra.Command, l *labs.Lab) (labs.Options, error) {
	o, u := l.Defaults, &f.units
	set := map[string]func(){
		"events":         func() { o.Events = f.options.Events },
		"emitters":       func() { o.Emitters = f.options.Emitters },
		"subscribers":    func() { o.Subscribers = f.options.Subscribers },
		"own-hosts":      func() { o.OwnHosts = f.options.OwnHosts },
		"size":           func() { o.Size = int(u.size) },
		"pace":           func() { o.Pace = f.options.Pace },
		"seed":           func() { o.Seed = f.options.Seed },
		"ipv6":           func() { o.IPv6 = f.options.IPv6 },
		"reader-delay":   func() { o.ReaderDelay = f.options.ReaderDelay },
		"patience":       func() { o.Patience = f.options.Patience },
		"fragments":      func() { o.Fragments = f.options.Fragments },
		"transport":      func() { o.Transport = f.options.Transport },
		"tcp-info":       func() { o.TCPInfo = f.options.TCPInfo },
		"kernel-reasons": func() { o.KernelReasons = f.options.KernelReasons },
		"rcvbuf":         func() { o.ReceiveBuffer = int(u.receiveBuffer) },
		"reliability":    func() { o.Reliability = f.options.Reliability },
		"congestion":     func() { o.Congestion = f.options.Congestion },
		"cc":             func() { o.TCPCongestion = f.options.TCPCongestion },
	}
	var refused error
	c.Flags().Visit(func(flag *pflag.Flag) {
		switch {
		case slices.Contains(ownFlags, flag.Name):
		case !slices.Contains(l.Takes, flag.Name):
			refused = usagef("lab %s does not take --%s; it takes --%s", l.Name, flag.Name, strings.Join(l.Takes, ", --"))
		case set[flag.Name] != nil:
			set[flag.Name]()
		}
	})
	if refused != nil {
		return o, refused
	}
	if slices.Contains(l.Takes, "reliability") { // otherwise the lab has its own rung
		if err := checkCongestion(o.Congestion, o.Reliability); err != nil {
			return o, err
		}
	}
	return o, f.impairments(c.Flags(), &o)
}

// ownFlags are not the lab's, but of the command line.
var ownFlags = []string{"json", "output", "scenario", "backend", "predict", "fail-on", "junit", "quiet", "repeat", "measure", "help"}

// impairments puts into the options what the user said of the wire: single
// words of both directions, then each direction's own, then schedule and
// rules of both.
func (f *labFlags) impairments(s *pflag.FlagSet, o *labs.Options) error {
	i, err := withWords(s, o.Impairment, f.options.Impairment.Jitter)
	if err != nil {
		return usagef("%w", err)
	}
	both, err := f.directions.apply(i)
	if err != nil {
		return usagef("%w", err)
	}
	o.Impairment = both[0]
	if both[1].String() != both[0].String() {
		o.Back = &both[1]
	}
	return nil
}
