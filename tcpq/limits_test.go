package tcpq_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/tcpq"
)

// A bound holds one less than too many, and says what it is.
func TestConnectionLimits(t *testing.T) {
	tests := map[string]struct {
		config tcpq.Config
		words  string
	}{
		"connections":        {tcpq.Config{MaxConnections: 2}, "too many connections: at most 2"},
		"from one address":   {tcpq.Config{MaxPerAddress: 2}, "too many connections from your address: at most 2"},
		"the narrower first": {tcpq.Config{MaxPerAddress: 2, MaxConnections: 3}, "from your address: at most 2"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, &test.config)
			first, _ := dial(t, s, nil), dial(t, s, nil)
			_, err := tcpq.Dial(t.Context(), s.addr, nil)
			e, ok := errors.AsType[*tcpq.RefusedError](err)
			if !ok || e.Code != framing.CodeLimit || !strings.Contains(e.Words, test.words) {
				t.Errorf("third Dial() = %v, want %q", err, test.words)
			}
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			for err = errors.New("not asked yet"); err != nil; { // until the server has noticed that there is room
				var c *tcpq.Client
				if c, err = tcpq.Dial(t.Context(), s.addr, nil); err == nil {
					c.Close()
				} else if _, refused := errors.AsType[*tcpq.RefusedError](err); !refused {
					t.Fatal(err)
				}
			}
			if st := s.Stats(); st.Refusals["limit"] == 0 || st.Refused != st.Refusals["limit"] {
				t.Errorf("Stats() = %+v, want refusals for the limit alone", st)
			}
		})
	}
}

func TestLimitsOfAConversation(t *testing.T) {
	q, err := queue.New(&queue.Config{MaxTopics: 3})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, &tcpq.Config{Queue: q, MaxSubscriptions: 2, FrameLimit: 1000})
	c, other := dial(t, s, nil), dial(t, s, nil)
	subscribe(t, c, "a")
	subscribe(t, c, "b")
	subscribe(t, other, "c")
	for words, refused := range map[string]func() error{
		"too many subscriptions: at most 2": func() error { _, err := c.Subscribe(t.Context(), "c"); return err },
		"too many topics: at most 3":        func() error { _, err := other.Subscribe(t.Context(), "d"); return err },
	} {
		err := refused()
		if e, ok := errors.AsType[*tcpq.RefusedError](err); !ok || e.Code != framing.CodeLimit || !strings.Contains(e.Words, words) {
			t.Errorf("Subscribe() = %v, want %q", err, words)
		}
	}
	fits := 1000 - framing.MinSize - len("a")
	if _, err := c.Emit("a", make([]byte, fits)); err != nil {
		t.Errorf("Emit() of the largest frame = %v", err)
	}
	_, err = c.Emit("a", make([]byte, fits+1))
	if e, ok := errors.AsType[*framing.SizeError](err); !ok || e.Size != 1001 || e.Limit != 1000 {
		t.Errorf("Emit() of a byte more = %v, want a SizeError of 1001 over 1000", err)
	}
	r := greeted(t, s, 7)
	r.say(t, framing.Frame{Kind: framing.KindEmit, Origin: 7, Sequence: 1, Topic: []byte("a"), Payload: make([]byte, fits+1)})
	if f := r.hear(t, framing.KindError, framing.CodeTooLarge); !strings.Contains(string(f.Payload), "1001 bytes is over the limit of 1000") {
		t.Errorf("server said %q", f.Payload)
	}
}

// What a server says last arrives, although the client is still sending.
func TestLastWordsArrive(t *testing.T) {
	s := serve(t, nil)
	r := greeted(t, s, 7)
	frame, err := (&framing.Frame{Kind: framing.KindEvent, Payload: make([]byte, 1000)}).Append(nil) // of a kind that ends it
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for err := error(nil); err == nil; {
			_, err = r.Write(frame)
		}
	}()
	r.hear(t, framing.KindError, framing.CodeInvalid)
	r.hearEnd(t)
	r.Close()
	<-sent
}

// talk is the client's end of a connection in a bubble, already welcomed.
func talk(t *testing.T, p *pipes) (net.Conn, *framing.Reader) {
	t.Helper()
	c, _ := p.dial(t.Context(), "", "")
	h := hello(7)
	b, err := h.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Write(b)
	r := framing.NewReader(c, 0)
	if f, err := r.Next(); err != nil || f.Kind != framing.KindWelcome {
		t.Fatalf("server said %v, %v, want a welcome", f.Kind, err)
	}
	return c, r
}

// A frame that trickles in is not waited for, however often a byte comes.
func TestSlowFrameIsCutOff(t *testing.T) {
	inBubble(t, &tcpq.Config{FrameTimeout: 8 * time.Second}, func(t *testing.T, p *pipes, s *tcpq.Server) {
		c, r := talk(t, p)
		emit := framing.Frame{Kind: framing.KindEmit, Origin: 7, Sequence: 1, Topic: []byte("t"), Payload: make([]byte, 100)}
		b, err := emit.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		quick := make(chan struct{})
		go func() {
			defer close(quick)
			for i := range b { // in time: 133 bytes within 6.65 s
				c.Write(b[i : i+1])
				time.Sleep(50 * time.Millisecond)
			}
		}()
		<-quick
		start := time.Now()
		slow := make(chan struct{})
		go func() {
			defer close(slow)
			for i := range b {
				if _, err := c.Write(b[i : i+1]); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		f, err := r.Next()
		took := time.Since(start)
		if err != nil || f.Code != framing.CodeTimeout || !strings.Contains(string(f.Payload), "8s after it had begun") {
			t.Errorf("server said %v %q, %v, want the timeout of a frame", f.Code, f.Payload, err)
		}
		if took < 8*time.Second || took > 10*time.Second {
			t.Errorf("cut off after %v, want 8 s to 10 s", took)
		}
		if got := s.Stats().Received; got != 1 {
			t.Errorf("received %d events, want the first alone", got)
		}
		c.Close()
		<-slow
	})
}

// Who is silent is pinged; who does not answer is cut off.
func TestSilentClients(t *testing.T) {
	inBubble(t, &tcpq.Config{IdleTimeout: time.Minute}, func(t *testing.T, p *pipes, s *tcpq.Server) {
		answering, err := tcpq.Dial(t.Context(), "server", &tcpq.ClientConfig{Dial: p.dial})
		if err != nil {
			t.Fatal(err)
		}
		c, r := talk(t, p)
		start := time.Now()
		if f, err := r.Next(); err != nil || f.Kind != framing.KindPing || time.Since(start) < 30*time.Second {
			t.Errorf("server said %v, %v after %v, want a ping after 30 s", f.Kind, err, time.Since(start))
		}
		f, err := r.Next()
		if took := time.Since(start); err != nil || f.Code != framing.CodeTimeout || took < time.Minute || took > 75*time.Second {
			t.Errorf("server said %v %q, %v after %v, want a timeout after 60 s to 75 s", f.Code, f.Payload, err, took)
		}
		c.Close()
		time.Sleep(time.Hour)
		if _, err := answering.Emit("t", nil); err != nil || answering.Flush(t.Context()) != nil {
			t.Errorf("a client that answers pings was cut off: %v", err)
		}
		answering.Close()
	})
}

// Who waits for the queue, under queue.Block, is not taken for silent or slow.
func TestWaitingForTheQueueIsNotSilence(t *testing.T) {
	config := &tcpq.Config{Policy: queue.Block, OutboxBytes: 1000, FrameTimeout: time.Second, IdleTimeout: 2 * time.Second}
	inBubble(t, config, func(t *testing.T, p *pipes, s *tcpq.Server) {
		reads := make(chan struct{})
		stuck, r := talk(t, p)
		sub := framing.Frame{Kind: framing.KindSubscribe, Sequence: 1, Topic: []byte("t"), Payload: (&framing.Subscribe{}).Append(nil)}
		b, _ := sub.Append(nil)
		stuck.Write(b)
		r.Next() // the receipt
		alive := make(chan struct{})
		go func() { // it says something now and then, but reads nothing
			defer close(alive)
			ping, _ := (&framing.Frame{Kind: framing.KindPong}).Append(nil)
			for {
				select {
				case <-reads:
					return
				case <-time.After(time.Second / 2):
					stuck.Write(ping)
				}
			}
		}()
		emitter, err := tcpq.Dial(t.Context(), "server", &tcpq.ClientConfig{Dial: p.dial})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			emitter.Emit("t", make([]byte, 500))
		}
		time.Sleep(time.Minute)
		close(reads)
		<-alive
		go func() {
			for err := error(nil); err == nil; {
				_, err = r.Next()
			}
		}()
		if err := emitter.Flush(t.Context()); err != nil {
			t.Errorf("Flush() = %v, want the emitter to have been waited for", err)
		}
		emitter.Close()
		stuck.Close()
		synctest.Wait()
	})
}

// Connections far over the limit are closed without a word.
func TestFloodOfConnections(t *testing.T) {
	s := serve(t, &tcpq.Config{MaxConnections: 1})
	dial(t, s, nil)
	told := 0
	for range 200 {
		r := dialRaw(t, s)
		if f, err := r.Next(); err == nil && f.Code == framing.CodeLimit {
			told++
		} else if err == nil {
			t.Fatalf("server said %v (%v), want a limit", f.Kind, f.Code)
		} else if !errors.Is(err, io.EOF) && !strings.Contains(fmt.Sprint(err), "reset") {
			t.Fatal(err)
		}
	}
	if told == 0 {
		t.Error("nobody was told")
	}
	if st := s.Stats(); st.Refused != 200 {
		t.Errorf("Stats() = %+v, want 200 refused", st)
	}
}
