package ack_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"rawlab/udpq/ack"
)

// Without an ack, the same datagram leaves after 1, 2, 4, 8 s (RFC 6298 (2.1),
// (5.5)), until it is given up.
func TestBackoff(t *testing.T) {
	s, start := ack.NewSender(0, 20*time.Second), time.Unix(firstSecond, 0)
	s.Send([]byte("event"))
	var sent []time.Duration
	for now := start; ; now = s.Wake(now) {
		if err := s.OnTimer(now); err != nil {
			if !errors.Is(err, ack.ErrGivenUp) || now.Sub(start) != 20*time.Second {
				t.Errorf("OnTimer() after %v = %v, want ErrGivenUp after 20 s", now.Sub(start), err)
			}
			break
		}
		if _, _, ok := s.Next(now); ok {
			sent = append(sent, now.Sub(start)/time.Second)
		}
	}
	if want := []time.Duration{0, 1, 3, 7, 15}; !slices.Equal(sent, want) {
		t.Errorf("sent after %d s, want %d", sent, want)
	}
	if wake := s.Wake(start); !wake.IsZero() {
		t.Errorf("Wake() when given up = %v, want never", wake)
	}
}

// What was sent three transmissions before something that came is sent again
// at once, not when the timer passes (RFC 9002 section 6.1.1).
func TestFastRetransmit(t *testing.T) {
	s, now := ack.NewSender(0, 0), time.Unix(firstSecond, 0)
	for range 5 {
		s.Send([]byte("event"))
		s.Next(now)
	}
	now = now.Add(ms)
	for came := uint64(3); came <= 4; came++ {
		h := ack.Header{Beyond: ack.Header{}.Beyond.Append(2, came+1), Echo: 1}
		s.OnAck(now, &h)
		number, _, again := s.Next(now)
		if want := came == 4; again != want || again && number != 1 {
			t.Errorf("after %d came, Next() = %d, %v, want 1 again: %v", came, number, again, want)
		}
	}
	if got := s.Stats(); got.Retransmits != 1 || got.Timeouts != 0 {
		t.Errorf("Stats() = %+v, want 1 retransmit and no timeout", got)
	}
}

// Karn's algorithm: an ack of what was sent twice is no sample, unless the
// echo says which of them came.
func TestKarn(t *testing.T) {
	for name, echo := range map[string]bool{"ambiguous": false, "told by the echo": true} {
		s, start := ack.NewSender(0, 0), time.Unix(firstSecond, 0)
		s.Send([]byte("event"))
		s.Next(start)
		again := start.Add(time.Second)
		s.OnTimer(again)
		s.Next(again)
		h := ack.Header{UpTo: 1}
		if echo {
			h.Echo = uint64(again.UnixNano())
		}
		s.OnAck(again.Add(10*ms), &h)
		s.Send([]byte("event"))
		s.Next(again)
		want := 2 * time.Second // backed off
		if echo {
			want = 200 * ms
		}
		if got := s.Wake(again).Sub(again); got != want {
			t.Errorf("%s: the timer passes after %v, want %v", name, got, want)
		}
	}
}
