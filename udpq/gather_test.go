package udpq_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/udpq"
)

// Gathered datagrams leave in order: together when they are enough, by
// themselves after the interval, and in time for what is packed or cut.
func TestGather(t *testing.T) {
	for name, c := range map[string]udpq.ClientConfig{
		"one event each":       {Gather: 8},
		"more than there are":  {Gather: 1000},
		"packed":               {Gather: 8, PackBudget: 300},
		"acknowledged":         {Gather: 8, Reliability: udpq.ReliabilityAck},
		"packed, acknowledged": {Gather: 8, PackBudget: 300, Reliability: udpq.ReliabilityAck},
		"packed with offload":  {Offload: true, PackBudget: 300},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil)
			emitter, listener := dial(t, s, &c), dial(t, s, nil)
			subscribe(t, listener, "news")
			exchange(t, emitter, listener, "news", 0, 50) // 50 is no multiple of 8
			if _, err := emitter.Emit("news", make([]byte, 3000)); err != nil {
				t.Fatal(err)
			}
			if e, err := listener.Next(t.Context()); err != nil || len(e.Payload) != 3000 || e.Missed != 0 {
				t.Errorf("Next() = %d bytes, %d missed, %v, want 3000 and none", len(e.Payload), e.Missed, err)
			}
			exchange(t, emitter, listener, "news", 50, 53)
		})
	}
}

// Close on a path that is dead waits no longer than it is told to, and says how
// much is not acknowledged.
func TestCloseIsBounded(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
		c := l.connect(t, udpq.ClientConfig{Reliability: udpq.ReliabilityAck, KeepAlive: -1, CloseTimeout: 3 * time.Second})
		l.rule(func(bool, []byte) int { return 0 })
		for n := range 5 {
			if _, err := c.Emit("news", []byte{byte(n)}); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		err := c.Close()
		left, ok := errors.AsType[*udpq.UnacknowledgedError](err)
		if !ok || left.Datagrams != 5 {
			t.Errorf("Close() = %v, want 5 datagrams unacknowledged", err)
		}
		const byes = 3 * udpq.DefaultRetryInterval * 7 / 3 // 200, 400 and 800 ms
		if took := time.Since(start); took != 3*time.Second+byes {
			t.Errorf("Close() took %v, want 3 s and %v for three byes", took, byes)
		}
	})
}

// A listener that takes nothing for minutes loses nothing, and is not given up.
func TestSlowListener(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		client := udpq.ClientConfig{Reliability: udpq.ReliabilityAck, InboxBytes: 10_000}
		listener, emitter := l.connect(t, client), l.connect(t, udpq.ClientConfig{})
		subscribe(t, listener, "news")
		const events = 1000
		for n := range events {
			emit(t, emitter, "news", n)
		}
		time.Sleep(5 * time.Minute)
		for n := range events {
			expect(t, listener, n)
		}
		synctest.Wait()
		balanced(t, s)
		listener.Close()
		emitter.Close()
	})
}
