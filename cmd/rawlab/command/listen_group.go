package command

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rawlab/udpq"
)

// groupScheme begins the URL of a multicast group.
const groupScheme = "udp+multicast://"

// runGroup prints what is sent to a multicast group.
func (f *listenFlags) runGroup(c *cobra.Command, group, topic string) (err error) {
	g, err := udpq.ParseGroup(group)
	if err != nil {
		return usagef("%s: %w", groupScheme+group, err)
	}
	if err := errors.Join(checkPattern(topic), checkCount(f.count), forGroups(c.Flags())); err != nil {
		return err
	}
	l, err := udpq.ListenGroup(g, &udpq.GroupConfig{Topic: topic})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	var p printer = &linePrinter{out: c.OutOrStdout(), notes: c.ErrOrStderr(), topic: topic}
	if f.json {
		p = &jsonPrinter{json.NewEncoder(c.OutOrStdout())}
	} else {
		fmt.Fprintf(c.ErrOrStderr(), "listening to %s at %s%s\n", topic, groupScheme, g)
	}
	return f.follow(c.Context(), l, p, nil)
}

// forGroups refuses the flags that mean nothing where nobody is asked.
func forGroups(s *pflag.FlagSet) (err error) {
	s.Visit(func(flag *pflag.Flag) {
		if flag.Name != "count" && flag.Name != "json" {
			err = usagef("--%s asks something of a server, and to a multicast group one only listens: leave it out, or listen to the server", flag.Name)
		}
	})
	return err
}
