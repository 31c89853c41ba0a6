package command_test

import (
	"strconv"
	"strings"
	"testing"
)

// Over UDP with acks nothing is missing, and the emitter is told so.
func TestReliabilityAck(t *testing.T) {
	s, tcp, udp := startServer(t)
	var all strings.Builder
	for n := range 3000 {
		all.WriteString(strconv.Itoa(n) + "\n")
	}
	l := start(t, nil, "listen", udp, "news", "--reliability", "ack", "--count", "3000")
	l.await("listening to news")
	e := start(t, strings.NewReader(all.String()), "emit", udp, "news", "--reliability", "ack", "--congestion", "cubic", "--udp-pack", "auto")
	e.await(`^3000 events acknowledged\n`)
	e.end(0)
	l.end(0)
	if l.stdout.String() != all.String() {
		t.Errorf("listen printed %d bytes, want every event in order, %d bytes", len(l.stdout.String()), all.Len())
	}
	for _, test := range []struct{ url, flags, want string }{
		{udp, "--reliability most", "unknown reliability"},
		{udp, "--unordered", "add --reliability ack"},
		{tcp, "--reliability ack", "for udp://"},
		{tcp, "--udp-rate 1Mbit", "TCP paces and packs by itself"},
		{udp, "--udp-rate 10", "--udp-rate 10bit: want 1000bit or more"},
		{udp, "--udp-rate fast", "want a rate such as 10Mbit"},
		{udp, "--congestion cubic", "add --reliability ack"},
		{udp, "--reliability ack --congestion reno", `unknown congestion control "reno": westwood, newreno or cubic; the nearest is "newreno"`},
		{udp, "--udp-pack 70000", "up to 65507, such as 1452, or auto"},
		{udp, "--udp-burst 8K", "add --udp-rate"},
	} {
		p := start(t, nil, append([]string{"emit", test.url, "news", "x"}, strings.Fields(test.flags)...)...)
		p.end(2)
		p.await(test.want)
	}
	s.stop()
	s.end(0)
}

// With nacks what is missed is asked for, and both ends say how much that was.
func TestReliabilityNack(t *testing.T) {
	s, tcp, udp := startServer(t)
	var all strings.Builder
	for n := range 3000 {
		all.WriteString(strconv.Itoa(n) + "\n")
	}
	l := start(t, nil, "listen", udp, "news", "--reliability", "nack", "--count", "3000")
	l.await("listening to news")
	e := start(t, strings.NewReader(all.String()), "emit", udp, "news", "--reliability", "nack", "--udp-rate", "50Mbit", "--udp-burst", "64K")
	e.await(`^3000 events sent, none is missing\nrepairs: \d+ asked for, \d+ repaired, 0 expired, 0 lost\n`)
	e.end(0)
	l.end(0)
	l.await(`repairs: \d+ asked for, \d+ repaired, 0 expired, 0 lost\n`)
	if l.stdout.String() != all.String() {
		t.Errorf("listen printed %d bytes, want every event in order, %d bytes", len(l.stdout.String()), all.Len())
	}
	p := start(t, nil, "emit", tcp, "news", "x", "--reliability", "nack")
	p.end(2)
	p.await("for udp://")
	s.stop()
	s.end(0)
}

// With parity both ends say what it came to.
func TestReliabilityFEC(t *testing.T) {
	s, _, udp := startServer(t)
	var all strings.Builder
	for n := range 1000 {
		all.WriteString(strconv.Itoa(n) + "\n")
	}
	l := start(t, nil, "listen", udp, "news", "--reliability", "fec", "--count", "1000")
	l.await("listening to news")
	e := start(t, strings.NewReader(all.String()), "emit", udp, "news", "--reliability", "fec:4+1")
	e.await(`^1000 events sent, not acknowledged\nparity: \d{3} sent, 0 datagrams of events repaired, 0 not, 0 late\n`)
	e.end(0)
	l.end(0)
	l.await(`parity: 0 sent, \d+ datagrams of events repaired, 0 not, 0 late\n`)
	if l.stdout.String() != all.String() {
		t.Errorf("listen printed %d bytes, want every event in order, %d bytes", len(l.stdout.String()), all.Len())
	}
	for flags, want := range map[string]string{
		"--reliability fec:65+2": "65 datagrams in a group: 1 to 64",
		"--reliability fec:8":    "want data\\+parity such as 8\\+2",
	} {
		p := start(t, nil, append([]string{"emit", udp, "news", "x"}, strings.Fields(flags)...)...)
		p.end(2)
		p.await(want)
	}
	s.stop()
	s.end(0)
}
