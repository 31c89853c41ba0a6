package command_test

import (
	"strings"
	"testing"
)

func TestTopics(t *testing.T) {
	_, tcp, udp := startServer(t)
	none := start(t, nil, "topics", tcp)
	none.end(0)
	if none.stdout.String() != "no topics: nobody listens, and none is stored\n" {
		t.Errorf("topics printed %q", none.stdout)
	}
	l := start(t, nil, "listen", tcp, "news", "--as", "ada", "--count", "1")
	l.await("receipt")
	start(t, nil, "emit", tcp, "news", "x").end(0)
	l.end(0)
	start(t, strings.NewReader("1\n2\n"), "emit", tcp, "news").end(0)
	p := start(t, nil, "topics", tcp)
	p.end(0)
	for _, want := range []string{"news", "store", "1 to 3", "ada 2 (away)"} {
		if !strings.Contains(p.stdout.String(), want) {
			t.Errorf("topics printed\n%s\nwant %q in it", p.stdout, want)
		}
	}
	p = start(t, nil, "topics", tcp, "--json")
	p.end(0)
	topic := decode(t, p.stdout.String())[0]["topics"].([]any)[0].(map[string]any)
	cursor := topic["cursors"].([]any)[0].(map[string]any)
	if topic["depth"] != 3.0 || topic["next"] != 4.0 || cursor["client"] != "ada" || cursor["lag"] != 2.0 || cursor["present"] != false {
		t.Errorf("topics --json = %v", topic)
	}
	p = start(t, nil, "topics", udp)
	p.end(2)
	p.await("over tcp:// and tls:// only")
}
