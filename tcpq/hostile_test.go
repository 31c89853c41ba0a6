package tcpq_test

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/tcpq"
)

// raw is a connection that says what a test wants.
type raw struct {
	net.Conn
	*framing.Reader
}

func dialRaw(t *testing.T, s *server) raw {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return raw{c, framing.NewReader(c, 0)}
}

// say sends a frame.
func (r raw) say(t *testing.T, f framing.Frame) {
	t.Helper()
	b, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Write(b); err != nil {
		t.Fatal(err)
	}
}

func (r raw) hear(t *testing.T, want framing.Kind, code framing.Code) framing.Frame {
	t.Helper()
	f, err := r.Next()
	if err != nil || f.Kind != want || f.Code != code {
		t.Fatalf("server said %v (%v), %v, want %v (%v)", f.Kind, f.Code, err, want, code)
	}
	return f
}

// hearEnd expects the connection to be cut.
func (r raw) hearEnd(t *testing.T) {
	t.Helper()
	if f, err := r.Next(); err == nil {
		t.Errorf("server said %v, want the end", f.Kind)
	}
}

func hello(origin uint64) framing.Frame {
	h := framing.Hello{MinVersion: framing.Version, MaxVersion: framing.Version}
	b, _ := h.Append(nil)
	return framing.Frame{Kind: framing.KindHello, Origin: origin, Payload: b}
}

func greeted(t *testing.T, s *server, origin uint64) raw {
	t.Helper()
	r := dialRaw(t, s)
	r.say(t, hello(origin))
	r.hear(t, framing.KindWelcome, framing.CodeOK)
	return r
}

func TestGarbageInsteadOfHello(t *testing.T) {
	tests := map[string]struct {
		bytes string
		code  framing.Code
	}{
		"another protocol": {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", framing.CodeTooLarge},
		"zeros":            {string(make([]byte, 64)), framing.CodeInvalid},
		"a huge claim":     {"\xff\xff\xff\xff", framing.CodeTooLarge},
		"another version":  {"\x00\x00\x00\x1c\xe1" + string(make([]byte, 27)), framing.CodeVersion},
	}
	s := serve(t, nil)
	good := dial(t, s, nil)
	subscribe(t, good, "news")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := dialRaw(t, s)
			io.WriteString(r, test.bytes)
			r.hear(t, framing.KindError, test.code)
			r.hearEnd(t)
		})
	}
	emit(t, good, "news", 1, 10)
	expect(t, good, 1, 10)
	s.stop()
	if st := s.Stats(); st.Invalid != 4 || st.Refused != 4 {
		t.Errorf("Stats() = %+v, want 4 invalid, 4 refused", st)
	}
}

func TestConversationsThatMakeNoSense(t *testing.T) {
	tests := map[string]framing.Frame{
		"event from a client":   {Kind: framing.KindEvent, Sequence: 1, Topic: []byte("t")},
		"second hello":          hello(7),
		"emit without topic":    {Kind: framing.KindEmit, Origin: 7, Sequence: 1},
		"emit without sequence": {Kind: framing.KindEmit, Origin: 7, Topic: []byte("t")},
		"half a subscribe":      {Kind: framing.KindSubscribe, Topic: []byte("t"), Payload: []byte("half")},
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil)
			r := greeted(t, s, 7)
			r.say(t, f)
			r.hear(t, framing.KindError, framing.CodeInvalid)
			r.hearEnd(t)
			s.stop()
			if st := s.Stats(); st.Invalid != 1 {
				t.Errorf("Stats() = %+v, want 1 invalid", st)
			}
		})
	}
}

func TestFirstFrameMustBeHello(t *testing.T) {
	s := serve(t, nil)
	r := dialRaw(t, s)
	r.say(t, framing.Frame{Kind: framing.KindEmit, Origin: 7, Sequence: 1, Topic: []byte("t")})
	r.hear(t, framing.KindError, framing.CodeInvalid)
	r.hearEnd(t)
}

func TestAnotherVersionIsTold(t *testing.T) {
	s := serve(t, nil)
	r := dialRaw(t, s)
	h := framing.Hello{MinVersion: 2, MaxVersion: 3}
	b, _ := h.Append(nil)
	r.say(t, framing.Frame{Kind: framing.KindHello, Payload: b})
	r.hear(t, framing.KindError, framing.CodeVersion)
}

func TestEmitForAnother(t *testing.T) {
	s := serve(t, nil)
	r := greeted(t, s, 7)
	r.say(t, framing.Frame{Kind: framing.KindEmit, Origin: 8, Sequence: 1, Topic: []byte("t")})
	r.hear(t, framing.KindError, framing.CodeUnauthorized)
	if got := s.Stats().Dropped[queue.FateUnauthorized]; got != 1 {
		t.Errorf("Dropped[unauthorized] = %d, want 1", got)
	}
}

func TestPing(t *testing.T) {
	s := serve(t, nil)
	r := greeted(t, s, 7)
	r.say(t, framing.Frame{Kind: framing.KindPing, Sequence: 3, Time: 9})
	if f := r.hear(t, framing.KindPong, framing.CodeOK); f.Sequence != 3 || f.Time != 9 {
		t.Errorf("pong = %+v, want sequence 3, time 9", f)
	}
}

// Bytes may come one at a time: the stream has no boundaries.
func TestFramesInPieces(t *testing.T) {
	s := serve(t, nil)
	listener := dial(t, s, nil)
	subscribe(t, listener, "t")
	r := dialRaw(t, s)
	for _, f := range []framing.Frame{hello(7), {Kind: framing.KindEmit, Origin: 7, Sequence: 1, Topic: []byte("t"), Payload: []byte("1")}} {
		b, err := f.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			r.Write(b[i : i+1])
		}
	}
	expect(t, listener, 1, 2)
}

// The subscriber that does not read costs itself events, the others nothing.
func TestSlowSubscriberStallsNobody(t *testing.T) {
	for _, policy := range []queue.Overflow{queue.DropOldest, queue.Disconnect} {
		t.Run(policy.String(), func(t *testing.T) {
			s := serve(t, &tcpq.Config{Policy: policy, OutboxBytes: 1 << 20})
			slow := greeted(t, s, 7)
			slow.say(t, framing.Frame{Kind: framing.KindSubscribe, Sequence: 1, Topic: []byte("news"), Payload: (&framing.Subscribe{}).Append(nil)})
			slow.hear(t, framing.KindReceipt, framing.CodeOK)
			quick := dial(t, s, nil)
			subscribe(t, quick, "news")
			emitter := dial(t, s, nil)
			payload := make([]byte, 64<<10)
			for s.Stats().Dropped[queue.FateServerQueue] == 0 {
				if _, err := emitter.Emit("news", payload); err != nil {
					t.Fatal(err)
				}
				if err := emitter.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := quick.Next(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestStoredEventsWaitForTheSlow(t *testing.T) {
	q, err := queue.New(&queue.Config{Topics: map[string]queue.Policy{"news": queue.PolicyStore}})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, &tcpq.Config{Queue: q, OutboxBytes: 4 << 10})
	slow, emitter := dial(t, s, &tcpq.ClientConfig{InboxBytes: 1}), dial(t, s, nil)
	subscribe(t, slow, "news")
	emit(t, emitter, "news", 1, 50_000)
	expect(t, slow, 1, 50_000)
	if st := s.Stats(); len(st.Dropped) > 0 {
		t.Errorf("Dropped = %v, want nothing", st.Dropped)
	}
}

// A client that never reads cannot hold up the drain for longer than its time.
func TestDrainHasAnEnd(t *testing.T) {
	full := make(chan struct{})
	var drops atomic.Int32 // in a row: only then the socket is full too
	s := serve(t, &tcpq.Config{OutboxBytes: 1 << 20, DrainTimeout: 50 * time.Millisecond, Trace: func(e queue.TraceEvent) {
		switch {
		case e.Stage == queue.Forwarded:
			drops.Store(0)
		case e.Fate == queue.FateServerQueue && drops.Add(1) == 500:
			close(full)
		}
	}})
	stuck := greeted(t, s, 7)
	stuck.say(t, framing.Frame{Kind: framing.KindSubscribe, Sequence: 1, Topic: []byte("news"), Payload: (&framing.Subscribe{}).Append(nil)})
	stuck.hear(t, framing.KindReceipt, framing.CodeOK)
	emitter := dial(t, s, &tcpq.ClientConfig{CloseTimeout: time.Millisecond})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for err := error(nil); err == nil; {
			_, err = emitter.Emit("news", make([]byte, 64<<10))
		}
	}()
	<-full
	s.stop()
	<-ended
	st := s.Stats()
	lost := st.Dropped[queue.FateConnectionLost] + st.Dropped[queue.FateServerQueue]
	if st.Due != st.Forwarded+sum(st.Dropped) {
		t.Errorf("Stats() = %+v, want every fate that is due", st)
	}
	if st.Connections != 0 || st.Received != st.Forwarded+lost || st.Dropped[queue.FateConnectionLost] == 0 {
		t.Errorf("Stats() = %+v, want every event received forwarded or dropped, some with their connection", st)
	}
}
