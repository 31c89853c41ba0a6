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
	s := ack.NewSender(ack.SenderConfig{GiveUp: 20 * time.Second})
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
	s, now := ack.NewSender(ack.SenderConfig{}), start
	for range 5 {
		s.Send([]byte("event"))
		s.Next(now)
	}
	now = now.Add(ms)
	for came := uint64(3); came <= 4; came++ {
		h := ack.Header{Beyond: ack.Header{}.Beyond.Append(2, came+1), Echo: 1}
		s.OnAck(now, &h)
		got, _, again := s.Next(now)
		if want := came == 4; again != want || again && got.Number != 1 {
			t.Errorf("after %d came, Next() = %d, %v, want 1 again: %v", came, got.Number, again, want)
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
		s := ack.NewSender(ack.SenderConfig{})
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
			want = 40 * ms // RFC 6298 (2.2) with 10 ms, and 10 ms that the ack may be late
		}
		if got := s.Wake(again).Sub(again); got != want {
			t.Errorf("%s: the timer passes after %v, want %v", name, got, want)
		}
	}
}

// answer is the ack of everything up to a number, of what was sent at a time.
func answer(upTo uint64, h ack.Header) *ack.Header { return &ack.Header{UpTo: upTo, Echo: h.Sent} }

// sendAll sends what may leave, and returns the headers.
func sendAll(s *ack.Sender, now time.Time) (headers []ack.Header) {
	for {
		h, _, ok := s.Next(now)
		if !ok {
			return headers
		}
		headers = append(headers, h)
	}
}

// The last datagram has nothing behind it that would tell of its loss. It is
// sent again after about two round trips (RFC 9002 section 6.2.1): one, four
// times its variation, which is small by now, and 10 ms that an ack may take.
func TestTailLoss(t *testing.T) {
	const rtt = 50 * ms
	s, now := ack.NewSender(ack.SenderConfig{}), start
	for n := range uint64(30) {
		s.Send([]byte("event"))
		h := sendAll(s, now)
		now = now.Add(rtt)
		s.OnAck(now, answer(n+1, h[0]))
	}
	s.Send([]byte("the last"))
	sendAll(s, now)
	wake := s.Wake(now)
	if after := wake.Sub(now); after > 2*rtt {
		t.Errorf("the last is sent again after %v, want two round trips of %v at most", after, rtt)
	}
	if err := s.OnTimer(wake); err != nil {
		t.Fatal(err)
	}
	if again := sendAll(s, wake); len(again) != 1 || again[0].Number != 31 {
		t.Errorf("sent then: %+v, want number 31 once", again)
	}
}

// Datagrams that overtake each other by less than the round trip are not lost,
// once one has been seen that was late, and the window is what it was.
func TestReordering(t *testing.T) {
	s, now := ack.NewSender(ack.SenderConfig{}), start
	number := uint64(0)
	round := func(shuffled bool) {
		var sent []ack.Header
		for range 8 {
			s.Send(make([]byte, 1000))
		}
		sent = sendAll(s, now)
		now = now.Add(100 * ms)
		if !shuffled {
			for _, h := range sent {
				s.OnAck(now, answer(h.Number, h))
			}
		} else {
			// the first of them 20 ms after the others
			for i := range sent[1:] {
				h := ack.Header{UpTo: number, Echo: sent[i+1].Sent}
				h.Beyond = h.Beyond.Append(number+2, sent[i+1].Number+1)
				s.OnAck(now, &h)
				sendAll(s, now)
			}
			now = now.Add(20 * ms)
			s.OnAck(now, answer(sent[len(sent)-1].Number, sent[0]))
		}
		number = sent[len(sent)-1].Number
	}
	round(false)
	for range 3 {
		round(true)
	}
	if got := s.Stats(); got.Retransmits != 1 || got.Spurious != 1 {
		t.Errorf("Stats() = %+v, want the first that was late sent again, needlessly, and no other", got)
	}
}

// Who has no room says so, and is asked now and then until there is some; what
// is asked with is neither lost nor given up.
func TestNoRoom(t *testing.T) {
	s, r, now := ack.NewSender(ack.SenderConfig{}), ack.NewReceiver(false, 2000), start
	for range 10 {
		s.Send(make([]byte, 1000))
	}
	taken := 0
	exchange := func() {
		s.OnTimer(now)
		for {
			h, frames, ok := s.Next(now)
			if !ok {
				break
			}
			for _, b := range r.Accept(now, &h, frames) {
				taken += len(b)
			}
		}
		if now = now.Add(ms); r.AckDue(now) {
			h := r.Acknowledge()
			s.OnAck(now, &h)
		}
	}
	for end := now.Add(5 * time.Minute); now.Before(end); now = s.Wake(now) {
		exchange()
		if err := s.OnTimer(now); err != nil {
			t.Fatalf("after %v: %v", now.Sub(start), err)
		}
	}
	if taken != 2000 {
		t.Fatalf("%d bytes taken without being done with any, want the room for 2000", taken)
	}
	asked := s.Stats().Timeouts
	if asked < 50 || asked > 80 {
		t.Errorf("asked %d times in 5 minutes, want once in 5 s", asked)
	}
	for i := 0; i < 100 && !s.Idle(); i++ {
		done := min(taken, 2000)
		taken = 0
		r.Done(done)
		h := r.Acknowledge()
		s.OnAck(now, &h)
		exchange()
	}
	if !s.Idle() {
		t.Errorf("%d bytes left over once there was room", s.Buffered())
	}
}

// What was lost for longer than three timeouts says that the path is gone as
// it was: the window starts again (RFC 9002 section 7.6).
func TestPersistentCongestion(t *testing.T) {
	s, now := ack.NewSender(ack.SenderConfig{}), start
	s.Send([]byte("event"))
	h := sendAll(s, now)
	now = now.Add(50 * ms)
	s.OnAck(now, answer(1, h[0]))
	for range 20 {
		s.Send(make([]byte, 1400))
	}
	sent := sendAll(s, now)
	for end := now.Add(10 * time.Second); now.Before(end); now = s.Wake(now) {
		s.OnTimer(now)
		if more := sendAll(s, now); len(more) > 0 {
			sent = append(sent, more...)
		}
	}
	now = now.Add(50 * ms)
	h2 := ack.Header{UpTo: 2, Echo: sent[len(sent)-1].Sent} // a probe has come at last
	s.OnAck(now, &h2)
	if got := len(sendAll(s, now)); got > 2 {
		t.Errorf("%d datagrams leave after 10 s without an answer, want the 2 of the least window", got)
	}
}
