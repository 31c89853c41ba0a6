package udpq_test

import (
	"bytes"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
)

// hello returns a hello with an offset, of an anonymous client.
func hello(t testing.TB, origin, sequence, cookie uint64) []byte {
	t.Helper()
	body, err := (&framing.Hello{MinVersion: framing.Version, MaxVersion: framing.Version}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return frame(t, framing.Frame{
		Kind: framing.KindHello, Flags: framing.FlagOffset, Origin: origin, Sequence: sequence, Offset: cookie, Payload: body,
	})
}

// plug is a client's place in a link without a client.
func (l *link) plug(addr *net.UDPAddr) *inbox {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := newInbox()
	l.clients[addr.String()] = in
	return in
}

// frames returns what has come to a place so far.
func (i *inbox) frames(t testing.TB) (all []framing.Frame) {
	t.Helper()
	synctest.Wait()
	for {
		select {
		case p := <-i.packets:
			for f, err := range framing.Unpack(p.b) {
				if err != nil {
					t.Errorf("the server sent %x: %v", p.b, err)
				}
				all = append(all, f.Clone())
			}
		default:
			return all
		}
	}
}

// one returns the only frame that has come.
func (i *inbox) one(t testing.TB) framing.Frame {
	t.Helper()
	all := i.frames(t)
	if len(all) != 1 {
		t.Fatalf("%d frames came, want 1: %+v", len(all), all)
	}
	return all[0]
}

func TestHelloShowsItsAddress(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		other := &net.UDPAddr{IP: firstClient.IP, Port: firstClient.Port + 1}
		here, there := l.plug(firstClient), l.plug(other)
		first := hello(t, 7, 1, 0)
		l.carry(l.server, first, firstClient)
		retry := here.one(t)
		if retry.Code != framing.CodeRetry || retry.Sequence != 1 || retry.Offset == 0 || retry.Size() > len(first) {
			t.Fatalf("a hello of %d bytes is answered by %d: %+v, want no more of them and a cookie", len(first), retry.Size(), retry)
		}
		if st := s.Stats(); st.Sessions != 0 || st.Retries != 1 {
			t.Errorf("Stats() = %+v, want no session yet", st)
		}
		l.carry(l.server, hello(t, 7, 1, retry.Offset), other)
		if f := there.one(t); f.Code != framing.CodeRetry || f.Offset == retry.Offset {
			t.Errorf("another address shows the cookie and gets %+v, want one of its own", f)
		}
		l.carry(l.server, hello(t, 7, 2, retry.Offset), firstClient)
		welcome := here.one(t)
		if welcome.Kind != framing.KindWelcome || welcome.Sequence != 2 || welcome.Offset == 0 {
			t.Errorf("the cookie is answered by %+v, want a welcome with a key", welcome)
		}
		l.carry(l.server, first, firstClient) // it was long on its way
		if again := here.one(t); again.Kind != framing.KindWelcome || again.Offset != welcome.Offset {
			t.Errorf("the first hello, late, is answered by %+v, want the same welcome", again)
		}
		if st := s.Stats(); st.Sessions != 1 || st.Accepted != 1 || st.Retries != 2 || st.Forged != 1 {
			t.Errorf("Stats() = %+v, want one session, 2 retries, 1 forged", st)
		}
	})
}

func TestCookieExpires(t *testing.T) {
	for wait, want := range map[time.Duration]framing.Kind{30 * time.Second: framing.KindWelcome, time.Minute: framing.KindError} {
		inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
			here := l.plug(firstClient)
			cookie := s.CookieFor(firstClient)
			time.Sleep(wait)
			l.carry(l.server, hello(t, 7, 1, cookie), firstClient)
			if f := here.one(t); f.Kind != want {
				t.Errorf("a cookie shown after %v is answered by %+v, want kind %v", wait, f, want)
			}
		})
	}
}

// Two servers of one secret know each other's cookies, others do not.
func TestSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cookies []uint64
		for _, secret := range [][]byte{[]byte("a"), []byte("a"), []byte("b"), nil, nil} {
			cookies = append(cookies, udpq.NewServer(&udpq.Config{Secret: secret}).CookieFor(firstClient))
		}
		slices.Sort(cookies)
		if different := slices.Compact(cookies); len(different) != 4 {
			t.Errorf("secrets a, a, b and two that were drawn make %d different cookies, want 4", len(different))
		}
	})
}

// An old client is told what it lacks, in no more bytes than it sent.
func TestHelloWithoutRoomForACookie(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		here := l.plug(firstClient)
		body, err := (&framing.Hello{MinVersion: 1, MaxVersion: 1, Token: bytes.Repeat([]byte("x"), 100)}).Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		l.carry(l.server, frame(t, framing.Frame{Kind: framing.KindHello, Origin: 7, Sequence: 1, Payload: body}), firstClient)
		if f := here.one(t); f.Code != framing.CodeVersion || len(f.Payload) == 0 {
			t.Errorf("it is answered by %+v, want words", f)
		}
		if st := s.Stats(); st.Sessions != 0 || st.Refused != 1 {
			t.Errorf("Stats() = %+v, want it refused", st)
		}
	})
}

// However many hellos are packed into a datagram, one is answered.
func TestDatagramOfHellos(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
		here := l.plug(firstClient)
		l.carry(l.server, bytes.Repeat(hello(t, 7, 1, 0), 1000), firstClient)
		here.one(t)
	})
}

// Hellos from forged addresses leave no session behind, and take no more
// memory than the sources do that the server remembers.
func TestForgedHellos(t *testing.T) {
	const forged = 100_000
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		b := hello(t, 7, 1, 12345)
		l.carry(l.server, b, firstClient)
		synctest.Wait()
		before := heap()
		for n := range forged {
			from := &net.UDPAddr{IP: net.IPv4(10, byte(n>>16), byte(n>>8), byte(n)), Port: 1 + n%60_000}
			l.carry(l.server, b, from)
			if n%1000 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		if grown := int64(heap()) - int64(before); grown > 3<<20 {
			t.Errorf("the heap has grown by %d bytes, want less than 3 MiB", grown)
		}
		if st := s.Stats(); st.Sessions != 0 || st.Accepted != 0 || st.Forged != forged+1 || st.Retries != forged+1 {
			t.Errorf("Stats() = %+v, want %d forged and no session", st, forged+1)
		}
		c := l.connect(t, udpq.ClientConfig{}) // and nobody is kept out
		c.Close()
	})
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Whoever does not know a session's key does not end it, not even from its
// address.
func TestForgedBye(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		c := l.connect(t, udpq.ClientConfig{Origin: 7})
		subscribe(t, c, "news")
		bye := frame(t, framing.Frame{Kind: framing.KindBye, Flags: framing.FlagOffset, Origin: 7, Offset: 1})
		elsewhere := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 3), Port: 1}
		l.carry(l.server, bye, elsewhere)
		l.carry(l.server, bye, firstClient)
		emit(t, c, "news", 1)
		expect(t, c, 1)
		if st := s.Stats(); st.Sessions != 1 || st.Forged != 1 {
			t.Errorf("Stats() = %+v, want the session and 1 forged", st)
		}
		c.Close()
	})
}

func BenchmarkCookie(b *testing.B) {
	s, from := udpq.NewServer(nil), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.2:1000"))
	for b.Loop() {
		s.CookieFor(from)
	}
}

// What was recorded of a session that is over changes nothing, nor does what
// bears the source of one that lives.
func TestReplays(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		var said [][]byte
		l.rule(func(toServer bool, b []byte) int {
			if toServer {
				said = append(said, bytes.Clone(b))
			}
			return 1
		})
		listener := l.connect(t, udpq.ClientConfig{})
		subscribe(t, listener, "news")
		said = nil
		c := l.connect(t, udpq.ClientConfig{Origin: 7})
		from := c.LocalAddr()
		emit(t, c, "news", 1)
		expect(t, listener, 1)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		old := said
		l.rule(nil)
		time.Sleep(2 * time.Minute) // the cookie is stale
		before := s.Stats()
		for _, b := range old { // hello, hello with a cookie, emit, bye
			l.carry(l.server, b, from)
			time.Sleep(time.Second)
		}
		after := s.Stats()
		if after.Accepted != before.Accepted || after.Sessions != before.Sessions || after.Received != before.Received || after.Forwarded != before.Forwarded {
			t.Errorf("a replay changed %+v to %+v", before, after)
		}
		if after.Dropped[queue.FateUnauthorized] != 1 || after.Retries != before.Retries+2 || after.Forged != before.Forged+1 || after.Strangers != before.Strangers+1 {
			t.Errorf("Stats() = %+v, want the event unauthorized, two more retries, one of them forged", after)
		}
		other := l.connect(t, udpq.ClientConfig{Origin: 8})
		for _, b := range old {
			l.carry(l.server, b, other.LocalAddr())
			time.Sleep(time.Second)
		}
		if st := s.Stats(); st.Received != before.Received || st.Sessions != 2 || st.Dropped[queue.FateUnauthorized] != 2 {
			t.Errorf("Stats() = %+v, want the event unauthorized from another's address too", st)
		}
		emit(t, other, "news", 2)
		expect(t, listener, 2)
		other.Close()
		listener.Close()
	})
}

// Garbage is counted and never answered.
func TestGarbage(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, s *udpq.Server) {
		here := l.plug(firstClient)
		whole := hello(t, 7, 1, 0)
		for n := range whole {
			l.carry(l.server, whole[:n], firstClient)
			damaged := bytes.Clone(whole)
			damaged[n] ^= 0x10
			l.carry(l.server, damaged, firstClient)
		}
		if f := here.frames(t); len(f) > 0 {
			t.Errorf("garbage is answered by %+v", f)
		}
		if st := s.Stats(); st.Sessions != 0 || st.Invalid < uint64(len(whole)) {
			t.Errorf("Stats() = %+v, want all counted as invalid", st)
		}
	})
}
