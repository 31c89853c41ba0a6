package udpq_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/framing"
	"rawlab/udpq"
)

// TestLinksCountWhatTheWireSaw: what both ends say they sent again and took
// is what a wire saw that loses every tenth datagram and doubles every
// seventh.
func TestLinksCountWhatTheWireSaw(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		type seen struct{ sent, arrived atomic.Int64 }
		var toServer, toClient seen
		n := 0
		l.rule(func(up bool, b []byte) int {
			way := &toClient
			if up {
				way = &toServer
			}
			n++
			copies := 1
			switch {
			case n%10 == 0:
				copies = 0
			case n%7 == 0:
				copies = 2
			}
			if _, _, event := framing.Identify(b); event {
				way.sent.Add(1)
				way.arrived.Add(int64(copies))
			}
			return copies
		})
		client := udpq.ClientConfig{Reliability: udpq.ReliabilityAck, Tries: 20}
		listener, emitter := l.connect(t, client), l.connect(t, client)
		subscribe(t, listener, "news")
		const events = 300
		for n := range events {
			emit(t, emitter, "news", n)
		}
		for n := range events {
			expect(t, listener, n)
		}
		if err := emitter.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		for s.Stats().Links.Unacknowledged > 0 {
			time.Sleep(time.Second) // of fake time
		}
		links, c := s.Stats().Links, emitter.Stats()
		if got, want := int64(c.Retransmits), toServer.sent.Load()-events; got != want || want == 0 {
			t.Errorf("the emitter sent %d again, the wire saw %d", got, want)
		}
		if got, want := int64(links.Retransmits), toClient.sent.Load()-events; got != want || want == 0 {
			t.Errorf("the server sent %d again, the wire saw %d", got, want)
		}
		if got, want := int64(links.Taken), toServer.arrived.Load(); got != want {
			t.Errorf("the server took %d datagrams with events, %d arrived", got, want)
		}
		if got, want := int64(listener.Stats().Taken), toClient.arrived.Load(); got != want {
			t.Errorf("the listener took %d datagrams with events, %d arrived", got, want)
		}
		listener.Close()
		emitter.Close()
		synctest.Wait()
		if ended := s.Stats().Links; ended != links {
			t.Errorf("after the conversations %+v, before their end %+v", ended, links)
		}
	})
}
