package udpq_test

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
)

// One source is heeded so often a second, others beside it as before.
func TestSourceRate(t *testing.T) {
	const rate = 10
	same64 := func(n int) net.IP { return append(net.ParseIP("2001:db8:0:1::")[:15:15], byte(n)) }
	for name, address := range map[string]func(n int) *net.UDPAddr{
		"ports of one address": func(n int) *net.UDPAddr { return &net.UDPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 1000 + n} },
		"one /64":              func(n int) *net.UDPAddr { return &net.UDPAddr{IP: same64(n), Port: 7} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, &udpq.Config{SourceRate: rate}, func(t *testing.T, l *link, s *udpq.Server) {
				flood := func() (answered int) {
					for n := range 3 * rate {
						in := l.plug(address(n))
						l.carry(l.server, hello(t, 7, 1, 0), address(n))
						answered += len(in.frames(t))
					}
					return answered
				}
				if n := flood(); n != rate {
					t.Errorf("%d hellos answered, want %d", n, rate)
				}
				time.Sleep(time.Second / 2)
				if n := flood(); n != rate/2 {
					t.Errorf("%d hellos answered after half a second, want %d", n, rate/2)
				}
				l.carry(l.server, frame(t, framing.Frame{Kind: framing.KindEmit, Origin: 7, Sequence: 1, Topic: []byte("t")}), address(0))
				synctest.Wait()
				st := s.Stats()
				if want := uint64(6*rate - rate - rate/2 + 1); st.Limited != want || st.Dropped[queue.FateUnauthorized] != 1 {
					t.Errorf("Stats() = %+v, want %d limited, and the event counted", st, want)
				}
				c := l.connect(t, udpq.ClientConfig{}) // from elsewhere
				c.Close()
			})
		})
	}
}

// A client over its source's rate gets in later.
func TestSourceRateDelays(t *testing.T) {
	inBubble(t, &udpq.Config{SourceRate: 4}, func(t *testing.T, l *link, s *udpq.Server) {
		for range 10 {
			c := l.connect(t, udpq.ClientConfig{})
			defer c.Close()
		}
		if st := s.Stats(); st.Sessions != 10 || st.Limited == 0 {
			t.Errorf("Stats() = %+v, want 10 sessions, some after being limited", st)
		}
	})
}

func TestMaxPerAddress(t *testing.T) {
	inBubble(t, &udpq.Config{MaxPerAddress: 2}, func(t *testing.T, l *link, s *udpq.Server) {
		first, second := l.connect(t, udpq.ClientConfig{}), l.connect(t, udpq.ClientConfig{})
		_, err := udpq.Dial(t.Context(), "server", &udpq.ClientConfig{Dial: l.dial})
		if e, ok := errors.AsType[*udpq.RefusedError](err); !ok || e.Code != framing.CodeLimit || e.Words == "" {
			t.Errorf("Dial() of the third = %v, want it refused, in words", err)
		}
		if err := second.Rebind(t.Context()); err != nil {
			t.Errorf("Rebind() = %v: it is one of two still", err)
		}
		l.rebind(second.LocalAddr(), &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1})
		if err := second.Rebind(t.Context()); err != nil {
			t.Error(err)
		}
		first.Close()
		third := l.connect(t, udpq.ClientConfig{})
		third.Close()
		second.Close()
		synctest.Wait()
		if st := s.Stats(); st.Sessions != 0 || st.Refused != 1 {
			t.Errorf("Stats() = %+v, want no session, one refused", st)
		}
	})
}
