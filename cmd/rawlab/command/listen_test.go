package command_test

import (
	"net"
	"testing"

	"rawlab/framing"
)

// A server that skips numbers: listen tells the gap, with identities as
// explain takes them, and goes on.
func TestListenTellsGaps(t *testing.T) {
	for name, want := range map[string]string{
		"one":  "gap: event 7:2 did not come\n",
		"many": "gap: 4 events, 7:2 to 7:5, did not come\n",
	} {
		t.Run(name, func(t *testing.T) {
			next := map[string]uint64{"one": 3, "many": 6}[name]
			l := start(t, nil, "listen", "tcp://"+skippingServer(t, 1, next), "news", "--count", "2")
			l.end(0)
			if l.stdout.String() != "x\nx\n" {
				t.Errorf("stdout = %q, want both events", l.stdout)
			}
			l.await(want)
			j := start(t, nil, "listen", "tcp://"+skippingServer(t, 1, next), "news", "--count", "2", "--json")
			j.end(0)
			got := decode(t, j.stdout.String())
			if len(got) != 4 || got[2]["type"] != "gap" || got[2]["origin"] != "7" || got[2]["from"] != 2.0 || got[2]["to"] != float64(next) {
				t.Errorf("objects = %v, want the third to be the gap", got)
			}
		})
	}
}

// skippingServer serves one client: a welcome, a receipt and events of these
// sequences.
func skippingServer(t *testing.T, sequences ...uint64) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r, w := framing.NewReader(c, 0), framing.NewWriter(c)
		for {
			f, err := r.Next()
			if err != nil {
				return
			}
			switch f.Kind {
			case framing.KindHello:
				body := framing.Welcome{Version: framing.Version, Limit: 1000}
				w.Write(&framing.Frame{Kind: framing.KindWelcome, Origin: f.Origin, Payload: body.Append(nil)})
			case framing.KindSubscribe:
				w.Write(&framing.Frame{Kind: framing.KindReceipt, Sequence: f.Sequence, Topic: f.Topic, Payload: (&framing.Receipt{}).Append(nil)})
				for _, s := range sequences {
					w.Write(&framing.Frame{Kind: framing.KindEvent, Origin: 7, Sequence: s, Topic: f.Topic, Payload: []byte("x")})
				}
			case framing.KindBye:
				w.Write(&framing.Frame{Kind: framing.KindBye})
			}
			w.Flush()
		}
	}()
	return l.Addr().String()
}
