package command_test

import (
	"io"
	"regexp"
	"strings"
	"testing"
)

func TestListenToAPattern(t *testing.T) {
	for _, door := range []string{"tcp", "udp"} {
		t.Run(door, func(t *testing.T) {
			_, tcp, udp := startServer(t)
			url := map[string]string{"tcp": tcp, "udp": udp}[door]
			l := start(t, nil, "listen", url, "orders.*", "--as", "ada", "--count", "2")
			l.await(`receipt: 0 missed: 0 replayed, 0 expired \(epoch [0-9a-f]+\)`)
			start(t, nil, "emit", tcp, "orders.eu", "1").end(0)
			start(t, nil, "emit", tcp, "orders.eu.de", "not this").end(0)
			start(t, nil, "emit", tcp, "orders.us", "2").end(0)
			l.end(0)
			if want := "orders.eu\t1\norders.us\t2\n"; l.stdout.String() != want {
				t.Errorf("listen printed %q, want %q", l.stdout, want)
			}
			start(t, nil, "emit", tcp, "orders.eu", "3").end(0)
			start(t, nil, "emit", tcp, "orders.new", "4", "--count", "2").end(0)
			l = start(t, nil, "listen", url, "orders.*", "--as", "ada", "--count", "3")
			l.await(`receipt: 3 missed: 3 replayed, 0 expired`)
			l.end(0)
			if door == "tcp" {
				l.await(`receipt for orders.new: 2 missed: 2 replayed, 0 expired \(offsets 1 to 2, epoch [0-9a-f]+\)`)
			}
		})
	}
}

func TestEmitWithReply(t *testing.T) {
	_, tcp, _ := startServer(t)
	e := start(t, nil, "emit", tcp, "sums", "1 + 1", "--reply")
	e.end(1)
	e.await("event 1: nobody listens to sums\n")

	silent := start(t, nil, "listen", tcp, "sums")
	silent.await("listening")
	e = start(t, nil, "emit", tcp, "sums", "1 + 1", "--reply", "--timeout", "10ms")
	e.end(1)
	e.await("no reply in 10ms: somebody listens to sums, but does not answer")
	silent.stop()
	silent.end(0)

	l := start(t, nil, "listen", tcp, "sums", "--reply-with", "{} is known", "--count", "3")
	l.await("listening")
	e = start(t, strings.NewReader("1 + 1\n2 + 2\n"), "emit", tcp, "sums", "--reply")
	e.end(0)
	e.await(`^reply from \d+ in [\d.]+.s\n`)
	if want := "1 + 1 is known\n2 + 2 is known\n"; e.stdout.String() != want {
		t.Errorf("emit --reply printed %q, want %q", e.stdout, want)
	}
	e = start(t, nil, "emit", tcp, "sums", "x", "--reply", "--json")
	e.end(0)
	if got := decode(t, e.stdout.String()); len(got) != 1 || got[0]["reply"] != "x is known" || got[0]["round_trip_us"].(float64) <= 0 {
		t.Errorf("emit --reply --json printed %v, want the reply", got)
	}
	l.end(0)

	person := start(t, strings.NewReader("2\n"), "listen", tcp, "sums", "--reply-with", "-", "--count", "1")
	person.await("listening")
	e = start(t, nil, "emit", tcp, "sums", "1 + 1", "--reply")
	e.end(0)
	if e.stdout.String() != "2\n" {
		t.Errorf("emit --reply printed %q, want what the person typed", e.stdout)
	}
	person.end(0)
}

// What is emitted to everybody reaches who listens to anything, and does not
// count as one of its events.
func TestEmitBroadcast(t *testing.T) {
	_, tcp, udp := startServer(t)
	var listeners []*program
	for _, url := range []string{tcp, udp} {
		l := start(t, nil, "listen", url, "news", "--count", "1")
		l.await("listening")
		listeners = append(listeners, l)
	}
	e := start(t, nil, "emit", tcp, "--broadcast", "back in five minutes")
	e.end(0)
	e.await("1 event acknowledged")
	for _, l := range listeners {
		l.await("broadcast: back in five minutes\n")
	}
	start(t, nil, "emit", tcp, "news", "x").end(0)
	for _, l := range listeners {
		l.end(0)
		if l.stdout.String() != "x\n" {
			t.Errorf("listen printed %q, want the event alone", l.stdout)
		}
	}
}

func TestListenDeliveries(t *testing.T) {
	for _, delivery := range []string{"at-most-once", "at-least-once", "deduplicated"} {
		for _, door := range []string{"tcp", "udp"} {
			t.Run(delivery+" over "+door, func(t *testing.T) {
				_, tcp, udp := startServer(t)
				url := map[string]string{"tcp": tcp, "udp": udp}[door]
				args := []string{"listen", url, "jobs", "--as", "worker", "--delivery", delivery, "--count", "3"}
				if delivery != "at-most-once" {
					args = append(args, "--ack-window", "1", "--redeliver-after", "1m", "--max-deliveries", "5")
				}
				l := start(t, nil, args...)
				l.await("receipt: 0 missed")
				start(t, strings.NewReader("1\n2\n3\n"), "emit", tcp, "jobs").end(0)
				l.end(0)
				if want := "1\n2\n3\n"; l.stdout.String() != want {
					t.Errorf("listen printed %q, want %q", l.stdout, want)
				}
			})
		}
	}
}

func TestUsageOfDeliveries(t *testing.T) {
	const url = "tcp://127.0.0.1:9700"
	tests := map[string]struct {
		args []string
		want string
	}{
		"pattern with > inside":    {[]string{"listen", url, "orders.>.eu"}, `pattern "orders.>.eu", column 8: > stands for all`},
		"emit to a pattern":        {[]string{"emit", url, "orders.*", "x"}, `topic "orders.*", column 8`},
		"the server's own":         {[]string{"listen", url, "$stats"}, "column 1: names that begin with $"},
		"listen to everybody":      {[]string{"listen", url, "$all"}, "use --broadcast"},
		"broadcast and a topic":    {[]string{"emit", url, "news", "x", "--broadcast"}, "takes the place of TOPIC"},
		"broadcast and reply":      {[]string{"emit", url, "x", "--broadcast", "--reply"}, "choose"},
		"timeout without reply":    {[]string{"emit", url, "t", "x", "--timeout", "1s"}, "add --reply"},
		"no time for a reply":      {[]string{"emit", url, "t", "x", "--reply", "--timeout", "0s"}, "more than 0"},
		"no topic":                 {[]string{"emit", url}, "no TOPIC"},
		"unknown delivery":         {[]string{"listen", url, "t", "--delivery", "exactly-once"}, "at-most-once, at-least-once or deduplicated"},
		"empty delivery":           {[]string{"listen", url, "t", "--delivery", ""}, "at-most-once, at-least-once or deduplicated"},
		"a window without acks":    {[]string{"listen", url, "t", "--ack-window", "5"}, "add --delivery at-least-once"},
		"a window of nothing":      {[]string{"listen", url, "t", "--delivery", "at-least-once", "--ack-window", "0"}, "want 1 to 65535"},
		"redelivery at once":       {[]string{"listen", url, "t", "--delivery", "deduplicated", "--redeliver-after", "0s"}, "want 1ms or more"},
		"an unknown overflow":      {[]string{"listen", url, "t", "--overflow", "explode"}, "drop-oldest, disconnect or block"},
		"an empty topic, listen":   {[]string{"listen", url, ""}, "topic of 0 bytes"},
		"a word with a star":       {[]string{"listen", url, "ord*"}, "column 4"},
		"at most once and a bound": {[]string{"listen", url, "t", "--delivery", "at-most-once", "--max-deliveries", "2"}, "about acknowledgements"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := start(t, nil, test.args...)
			p.end(2)
			if !strings.Contains(p.stderr.String(), test.want) {
				t.Errorf("stderr = %q, want %q in it", p.stderr, test.want)
			}
		})
	}
}

// Over UDP a question finds its answer too, also one in pieces.
func TestRepliesOverUDP(t *testing.T) {
	for _, rung := range []string{"none", "ack"} {
		_, _, udp := startServer(t)
		l := start(t, nil, "listen", udp, "sums", "--reply-with", "({})", "--reliability", rung)
		l.await("listening")
		e := start(t, strings.NewReader("1\n"+strings.Repeat("long ", 1000)+"\n"), "emit", udp, "sums", "-", "--reply", "--reliability", rung)
		e.end(0)
		if want := "(1)\n(" + strings.Repeat("long ", 1000) + ")\n"; e.stdout.String() != want {
			t.Errorf("%s: emit --reply printed %d bytes, want %d", rung, len(e.stdout.String()), len(want))
		}
		e = start(t, nil, "emit", udp, "nothing", "x", "--reply", "--reliability", rung)
		e.end(1)
		e.await("nobody listens to nothing")
	}
}

func TestUsageOfFragments(t *testing.T) {
	for want, args := range map[string][]string{
		"unknown way to cut events \"tcp\": own or ip": {"emit", "udp://127.0.0.1:9700", "t", "x", "--fragments", "tcp"},
		"TCP cuts its stream by itself":                {"emit", "tcp://127.0.0.1:9700", "t", "x", "--fragments", "ip"},
		"leave out --unordered":                        {"listen", "udp://127.0.0.1:9700", "t", "--reconnect", "--reliability", "ack", "--unordered"},
		"--udp-fragments: unknown way":                 {"serve", "--udp-fragments", "x"},
	} {
		p := start(t, nil, args...)
		p.end(2)
		p.await(want)
	}
}

// A listener and an emitter go on when the server comes back: this one has
// forgotten what it stored, and its epoch says so.
func TestReconnect(t *testing.T) {
	for _, door := range []string{"tcp", "udp"} {
		t.Run(door, func(t *testing.T) { reconnect(t, door) })
	}
}

func reconnect(t *testing.T, door string) {
	s, tcp, udp := startServer(t)
	url, rung := tcp, "none"
	if door == "udp" {
		url, rung = udp, "ack"
	}
	l := start(t, nil, "listen", url, "news", "--reliability", rung, "--as", "ada", "--reconnect", "--count", "2")
	l.await("receipt: 0 missed")
	in, lines := io.Pipe()
	e := start(t, in, "emit", url, "news", "--reliability", rung, "--reconnect")
	io.WriteString(lines, "before\n")
	l.stdout.await("before\n")
	s.stop()
	s.end(0)
	l.await("rawlab: no connection: the server is shutting down; trying again in")
	e.await("no connection")
	again := start(t, nil, "serve", "--"+door, strings.TrimPrefix(url, door+"://"))
	l.await("rawlab: connected again after")
	io.WriteString(lines, "after\n")
	l.end(0)
	if want := "before\nafter\n"; l.stdout.String() != want {
		t.Errorf("listen printed %q, want %q", l.stdout, want)
	}
	if epochs := regexp.MustCompile(`epoch ([0-9a-f]+)`).FindAllString(l.stderr.String(), -1); len(epochs) != 2 || epochs[0] == epochs[1] {
		t.Errorf("receipts tell %v, want two epochs", epochs)
	}
	lines.Close()
	e.end(0)
	e.await("2 events acknowledged")
	again.stop()
	again.end(0)
}
