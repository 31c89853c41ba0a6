package command_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestEmitReport(t *testing.T) {
	server, tcp, udp := startServer(t, "--topic", "kept=store")
	listener := start(t, nil, "listen", tcp, "news")
	listener.await("listening")
	for _, url := range []string{tcp, udp} {
		for topic, fate := range map[string]string{"news": "forwarded to 1", "nobody": "offline", "kept": "stored"} {
			e := start(t, nil, "emit", url, topic, "hello", "--count", "1200", "--report")
			e.end(0)
			for _, want := range []string{"1,200 emitted = 1,200 arrived at the server; 0 unexplained", fate + "  ", " 1,200  1-1200\n"} {
				if !strings.Contains(e.stdout.String(), want) {
					t.Errorf("%s %s: %q is not in\n%s", url, topic, want, e.stdout)
				}
			}
		}
		e := start(t, nil, "emit", url, "nobody", "hello", "--count", "3", "--report", "--json")
		e.end(0)
		var r struct {
			Fates struct {
				Emitted     uint64
				Verdicts    map[string]uint64
				Unexplained int
				Topics      []struct {
					Topic string
					Runs  []struct {
						From, To uint64
						Verdict  string
						Outcome  struct {
							Received, Due int
							Fates         map[string]int
						}
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(e.stdout.String()), &r); err != nil {
			t.Fatalf("%v in %s", err, e.stdout)
		}
		f := r.Fates
		if f.Emitted != 3 || f.Verdicts["arrived"] != 3 || len(f.Topics) != 1 || len(f.Topics[0].Runs) != 1 {
			t.Fatalf("%s: %+v", url, f)
		}
		if run := f.Topics[0].Runs[0]; run.From != 1 || run.To != 4 || run.Outcome.Received != 1 || run.Outcome.Due != 1 || run.Outcome.Fates["offline"] != 1 {
			t.Errorf("%s: %+v", url, run)
		}
	}
	listener.stop()
	listener.end(0)
	server.stop()
	server.end(0)
}

func TestUsageOfReportsAndGroups(t *testing.T) {
	for args, want := range map[string]string{
		"emit tcp://127.0.0.1:9 a b --report --reply":                  "choose",
		"emit udp+multicast://239.1.1.1:9 a b":                         "only 'rawlab listen'",
		"listen udp+multicast://239.1.1.1 a":                           "no group",
		"listen udp+multicast://10.0.0.1:9 a":                          "no multicast address",
		"listen udp+multicast://[ff02::1]:9 a":                         "say on which",
		"listen udp+multicast://239.1.1.1:9 a --as ada":                "--as asks something of a server",
		"listen udp+multicast://239.1.1.1:9 a --count -1":              "--count",
		"listen udp+multicast://239.1.1.1:9 a.*b":                      "column",
		"serve --udp-multicast 239.1.1.1:9":                            "--insecure",
		"serve --udp-multicast 239.1.1.1:9%nosuch":                     "nosuch",
		"serve --udp-multicast 239.1.1.1:9 --multicast-hops 256":       "0 to 255",
		"serve --udp-multicast 239.1.1.1:9%lo --multicast-topics a.*b": "--multicast-topics",
		"serve --multicast-topics news":                                "--udp-multicast",
	} {
		p := start(t, nil, strings.Fields(args)...)
		p.end(2)
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%s: %q is not in %q", args, want, p.stderr)
		}
	}
}
