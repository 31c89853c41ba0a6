package udpq_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
)

// counting is a socket that counts the datagrams it sends, and loses some.
type counting struct {
	net.PacketConn
	mu   sync.Mutex
	sent int
	lose func(b []byte) bool
}

func (c *counting) WriteTo(b []byte, to net.Addr) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent++
	if c.lose(b) {
		return len(b), nil
	}
	return c.PacketConn.WriteTo(b, to)
}

// loopbackGroup returns a group of this machine alone. Linux has IPv4 groups
// on its loopback interface without further ado.
func loopbackGroup(t *testing.T) udpq.Group {
	t.Helper()
	return udpq.Group{Addr: netip.AddrPortFrom(netip.MustParseAddr("239.255.70.65"), freePort(t)), Interface: "lo"}
}

func freePort(t *testing.T) uint16 {
	t.Helper()
	c, err := net.ListenPacket("udp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return uint16(c.LocalAddr().(*net.UDPAddr).Port)
}

// Each event of the topics leaves in one datagram, and each listener gets it,
// or is told by the next that it is missing. The group is one subscriber.
func TestGroup(t *testing.T) {
	g := loopbackGroup(t)
	var listeners [3]*udpq.GroupListener
	for i, topic := range []string{"news.>", "news.a", ""} {
		l, err := udpq.ListenGroup(g, &udpq.GroupConfig{Topic: topic})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		listeners[i] = l
	}
	q, err := queue.New(&queue.Config{Topics: map[string]queue.Policy{"news.kept": queue.PolicyStore}})
	if err != nil {
		t.Fatal(err)
	}
	s := udpq.NewServer(&udpq.Config{Queue: q})
	conn, err := g.Open(udpq.DefaultHops)
	if err != nil {
		t.Fatal(err)
	}
	c := &counting{PacketConn: conn, lose: func(b []byte) bool {
		f, _, _ := framing.Parse(b, len(b))
		_, number := framing.SplitSequence(f.Sequence)
		return string(f.Topic) == "news.b" && (number == 2 || number == 3)
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	m, err := s.Multicast(c, g, []string{"news.>", "news.a"})
	if err != nil {
		t.Fatal(err)
	}
	go func() { done <- m.Serve(ctx) }()
	e := q.Attach(&queue.SessionConfig{Origin: 7})
	defer e.Close()
	last := make(map[string]uint64)
	for n := 1; n <= 9; n++ {
		topic := []string{"news.a", "news.b", "news.kept"}[n%3]
		publishTo(t, e, topic, uint16(n%3), last)
		publishTo(t, e, "other", 9, last)
	}
	for i, want := range [][]string{
		{"news.b 1", "news.kept 1", "news.a 1", "news.kept 2", "news.a 2", "news.kept 3", "news.a 3"},
		{"news.a 1", "news.a 2", "news.a 3"},
		{"news.b 1", "news.kept 1", "news.a 1", "news.kept 2", "news.a 2", "news.kept 3", "news.a 3"},
	} {
		var got []string
		for range want {
			e, err := listeners[i].Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, number := framing.SplitSequence(e.Sequence)
			got = append(got, fmt.Sprint(e.Topic, " ", number))
		}
		slices.Sort(got) // stored events may overtake others
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("listener %d (-want +got):\n%s", i, diff)
		}
	}
	publishTo(t, e, "news.b", 1, last) // 2 and 3 were lost
	for _, l := range []*udpq.GroupListener{listeners[0], listeners[2]} {
		event, err := l.Next(t.Context())
		if err != nil || event.Missed != 2 || event.Origin != 7 {
			t.Errorf("Next() = %+v, %v, want 2 missed", event, err)
		}
		if st := l.Stats(); st.Missing != 2 || st.Delivered != 8 {
			t.Errorf("Stats() = %+v", st)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if st := s.Stats(); c.sent != 10 || st.Forwarded != 10 || m.Stats() != (udpq.GroupSenderStats{Events: 10, Datagrams: 10}) {
		t.Errorf("%d datagrams, %d forwarded, %+v, want 10 for 10 events", c.sent, st.Forwarded, m.Stats())
	}
	listeners[0].Close()
	if _, err := listeners[0].Next(t.Context()); !errors.Is(err, udpq.ErrClosed) {
		t.Errorf("Next() = %v, want ErrClosed", err)
	}
}

func publishTo(t *testing.T, s *queue.Session, topic string, stream uint16, last map[string]uint64) {
	t.Helper()
	last[topic]++
	f := framing.Frame{Kind: framing.KindEmit, Origin: s.Origin(), Sequence: framing.Sequence(stream, last[topic]), Topic: []byte(topic)}
	if err := s.Publish(&f); err != nil {
		t.Fatal(err)
	}
	s.Commit()
}
