// Command peers measures rawlab against what people use today, side by side
// and interleaved in one run. scripts/peers.sh calls it and gets it the peers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"

	"rawlab/labs/host"
)

func main() {
	host.RunRole()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := run
	if len(os.Args) > 1 && os.Args[1] == clientRole {
		run = func(ctx context.Context) error { return runClient(ctx, os.Args[2:]) }
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// topics are what can be measured, by their names on the command line.
var topics = map[string]func(*settings) ([]comparison, func() error, error){
	"capture": captureTopic,
	"hosts":   hostsTopic,
	"tcpq":    tcpqTopic,
	"udpq":    udpqTopic,
}

// settings are how long and how often to measure.
type settings struct {
	quick  bool
	rounds int
	only   string // rows whose name contains it
}

func run(ctx context.Context) error {
	var s settings
	var file string
	flag.BoolVar(&s.quick, "quick", false, "under 50 s per topic")
	flag.IntVar(&s.rounds, "rounds", 0, "rounds of each comparison (default 7, quick 3)")
	flag.StringVar(&s.only, "only", "", "only the rows whose name contains this")
	flag.StringVar(&file, "json", "", "write the rows into this file as well")
	flag.Parse()
	if s.rounds == 0 {
		s.rounds = 7
		if s.quick {
			s.rounds = 3
		}
	}
	names := flag.Args()
	if len(names) == 0 {
		for name := range topics {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	var rows []row
	for _, name := range names {
		topic, ok := topics[name]
		if !ok {
			return fmt.Errorf("no topic is called %q; there are: %s", name, strings.Join(topicNames(), ", "))
		}
		measured, err := measure(ctx, name, topic, &s)
		rows = append(rows, measured...)
		if err != nil {
			return err
		}
	}
	return errors.Join(writeTable(os.Stdout, rows), writeJSON(file, rows))
}

func topicNames() []string {
	var names []string
	for name := range topics {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
