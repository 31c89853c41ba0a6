package udpq_test

import (
	"bytes"
	"context"
	"testing"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
)

// Events that are larger than a datagram reach a group in pieces, beside
// smaller ones; one of which a piece is lost is told as missing.
func TestGroupInPieces(t *testing.T) {
	g := loopbackGroup(t)
	l, err := udpq.ListenGroup(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	q, err := queue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := udpq.NewServer(&udpq.Config{Queue: q, Datagram: 1200, PackBudget: 600})
	conn, err := g.Open(udpq.DefaultHops)
	if err != nil {
		t.Fatal(err)
	}
	const lost = 5
	largest := 0
	c := &counting{PacketConn: conn, lose: func(b []byte) bool {
		largest = max(largest, len(b))
		f, _, _ := framing.Parse(b, len(b))
		p, err := framing.ParseFragment(f.Payload)
		return f.Kind == framing.KindFragment && f.Sequence == framing.Sequence(0, lost) && err == nil && p.Position > 0 && p.Position < 1200
	}}
	ctx, cancel := context.WithCancel(t.Context())
	m, err := s.Multicast(c, g, []string{">"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- m.Serve(ctx) }()
	e := q.Attach(&queue.SessionConfig{Origin: 7})
	defer e.Close()
	sizes := []int{10, 20_000, 30, 1100, 5_000, 300_000, 1, 200}
	for n, size := range sizes {
		f := framing.Frame{Kind: framing.KindEmit, Origin: 7, Sequence: framing.Sequence(0, uint64(n)+1), Topic: []byte("news"), Payload: filled(size)}
		if err := e.Publish(&f); err != nil {
			t.Fatal(err)
		}
		e.Commit()
		if n+1 == lost {
			continue
		}
		event, err := l.Next(t.Context())
		if err != nil || !bytes.Equal(event.Payload, filled(size)) || event.Missed > 0 != (n == lost) {
			t.Fatalf("event %d of %d bytes: %d bytes, %d missed, %v", n+1, size, len(event.Payload), event.Missed, err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	l.Close()
	if st := l.Stats(); st.Delivered != 7 || st.Missing != 1 || st.FragmentLost != 1 || st.Invalid != 0 {
		t.Errorf("Stats() = %+v, want one event lost for want of a piece", st)
	}
	if st := m.Stats(); st.Events != uint64(len(sizes)) || st.Datagrams != uint64(c.sent) || largest > 1200 {
		t.Errorf("Stats() = %+v, want %d events in %d datagrams of %d bytes at most", st, len(sizes), c.sent, largest)
	}
}
