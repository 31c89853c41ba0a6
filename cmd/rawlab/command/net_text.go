package command

import (
	"fmt"
	"io"
	"strconv"

	"rawlab/labs/testbed"
)

// writeImpairments says what holds now, in the words of --impair.
func writeImpairments(w io.Writer, s *testbed.Status) error {
	d := s.Directions
	switched := len(d) > 2
	if switched && clientsAlike(d) {
		if err := writeLink(w, "every client  ", d[:2]); err != nil {
			return err
		}
		d = d[len(d)-2:]
	}
	for ; len(d) > 0; d = d[2:] {
		link := ""
		if switched {
			link = fmt.Sprintf("%-12s  ", d[0].Link)
		}
		if err := writeLink(w, link, d[:2]); err != nil {
			return err
		}
	}
	return nil
}

// clientsAlike tells whether the links of all clients do the same.
func clientsAlike(d []testbed.Direction) bool {
	for i := 2; i < len(d)-2; i++ {
		if d[i].Impairment != d[i%2].Impairment || d[i].Seed != d[i%2].Seed {
			return false
		}
	}
	return true
}

// writeLink says what a link does, its two directions in one line if they are
// alike.
func writeLink(w io.Writer, link string, d []testbed.Direction) error {
	if d[0].Impairment == d[1].Impairment {
		_, err := fmt.Fprintf(w, "%s%-10s %s (seed %d)\n", link, "both ways", d[0].Impairment, d[0].Seed)
		return err
	}
	toServer, toClient := &d[0], &d[1]
	if !testbed.UpToServer(d[0].Link) {
		toServer, toClient = toClient, toServer
	}
	_, err := fmt.Fprintf(w, "%[1]s%-10[2]s %[3]s (seed %[4]d)\n%[1]s%-10[5]s %[6]s (seed %[7]d)\n", link,
		"to server", toServer.Impairment, toServer.Seed, "to client", toClient.Impairment, toClient.Seed)
	return err
}

var wireCounters = []struct {
	name  string
	value func(*testbed.Direction) uint64
}{
	{"packets", func(d *testbed.Direction) uint64 { return d.Packets }},
	{"bytes", func(d *testbed.Direction) uint64 { return d.Bytes }},
	{"passed", func(d *testbed.Direction) uint64 { return d.Passed }},
	{"lost", func(d *testbed.Direction) uint64 { return d.Lost }},
	{"duplicated", func(d *testbed.Direction) uint64 { return d.Duplicated }},
	{"corrupted", func(d *testbed.Direction) uint64 { return d.Corrupted }},
	{"queue drops", func(d *testbed.Direction) uint64 { return d.QueueDrops }},
	{"ring drops", func(d *testbed.Direction) uint64 { return d.RingDrops }},
	{"refused", func(d *testbed.Direction) uint64 { return d.Refused }},
	{"held", func(d *testbed.Direction) uint64 { return uint64(d.Held) }},
}

// writeDirections prints the counters: of a wire's two directions as columns,
// of a switch's links as rows, a direction each.
func writeDirections(w io.Writer, s *testbed.Status) error {
	if len(s.Directions) > 2 {
		return writeLinks(w, s.Directions)
	}
	header, rows := []string{"wire"}, make([][]string, len(wireCounters))
	for i, c := range wireCounters {
		rows[i] = []string{c.name}
	}
	for _, d := range s.Directions {
		header = append(header, d.From+" → "+d.To)
		for i, c := range wireCounters {
			rows[i] = append(rows[i], strconv.FormatUint(c.value(&d), 10))
		}
	}
	return writeTable(w, numbers(len(header)), header, rows)
}

// alwaysShown is how many of wireCounters a switch's table has even if
// nothing was counted.
const alwaysShown = 4

func writeLinks(w io.Writer, directions []testbed.Direction) error {
	header, rows := []string{"link"}, make([][]string, len(directions))
	for i, d := range directions {
		rows[i] = []string{d.From + " → " + d.To}
	}
	for n, c := range wireCounters {
		any := n < alwaysShown
		for i := range directions {
			any = any || c.value(&directions[i]) > 0
		}
		if !any {
			continue
		}
		header = append(header, c.name)
		for i := range directions {
			rows[i] = append(rows[i], strconv.FormatUint(c.value(&directions[i]), 10))
		}
	}
	return writeTable(w, numbers(len(header)), header, rows)
}
