package tcpq_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/queue"
	"rawlab/tcpq"
)

// FuzzSession lets a client say anything from its first byte on, with pauses:
// a script's bytes choose among sound frames, broken ones, raw bytes and
// waiting. On fake time it holds that the server answers frames in the order
// that its protocol knows, says why when it ends a conversation, always ends
// one that has gone silent, and leaves no goroutine (a bubble does not end
// with one).
func FuzzSession(f *testing.F) {
	path := filepath.Join(f.TempDir(), "tokens.yaml")
	if err := os.WriteFile(path, []byte(tokens("emit: [a, \"b.*\"]\n    listen: [\">\"]")), 0o600); err != nil {
		f.Fatal(err)
	}
	k, err := access.Open(path, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{0, 3, 2, 4, 2, 2, 1, 7, 9, 5})    // a sound conversation
	f.Add([]byte{1, 2})                            // no token
	f.Add([]byte{6, 40, 6, 200})                   // garbage
	f.Add([]byte{0, 8, 250, 8, 250})               // silence
	f.Add([]byte{0, 10, 8, 20, 6, 0, 8, 20})       // a frame that is not whole
	f.Add([]byte{0, 3, 3, 3, 3, 3, 3, 11, 12, 13}) // subscriptions over the limit; what makes no sense
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 200 {
			script = script[:200]
		}
		synctest.Test(t, func(t *testing.T) {
			q, err := queue.New(&queue.Config{MaxTopics: 4})
			if err != nil {
				t.Fatal(err)
			}
			config := &tcpq.Config{
				Queue: q, Keyring: k, FrameLimit: 4 << 10, MaxSubscriptions: 3, OutboxBytes: 16 << 10,
				HandshakeTimeout: time.Second, FrameTimeout: 2 * time.Second, IdleTimeout: 10 * time.Second,
			}
			inBubbleHere(t, config, func(p *pipes, s *tcpq.Server) {
				c, _ := p.dial(t.Context(), "", "")
				heard := make(chan struct{})
				go func() {
					defer close(heard)
					hearAll(t, c)
				}()
				play(c, script)
				time.Sleep(15 * time.Second) // over the longest timeout, a quarter of it, and the parting
				if st := s.Stats(); st.Due != st.Forwarded+sum(st.Dropped) {
					t.Errorf("Stats() = %+v, want every fate that is due", st)
				}
				if st := s.Stats(); st.Connections != 0 || st.Accepted != 1 {
					t.Errorf("Stats() = %+v, want no connection after a silence", st)
				}
				c.Close()
				<-heard
			})
		})
	})
}

func sum(dropped map[queue.Fate]uint64) (n uint64) {
	for _, d := range dropped {
		n += d
	}
	return n
}

// play says what a script wants.
func play(c net.Conn, script []byte) {
	sequence := uint64(0)
	for i := 0; i < len(script); i++ {
		argument := byte(0)
		if i+1 < len(script) {
			argument = script[i+1]
		}
		topic := []byte([]string{"a", "b.c", "denied", "b.*", "$topics", ""}[argument%6])
		sequence++
		var frame framing.Frame
		switch script[i] % 14 {
		case 0:
			frame = hello(7)
			frame.Payload, _ = (&framing.Hello{MinVersion: 1, MaxVersion: 1, Name: []byte("ada"), Token: []byte("secret")}).Append(nil)
		case 1:
			frame = hello(uint64(argument))
		case 2:
			frame = framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: 7, Sequence: sequence, Topic: topic}
		case 3:
			frame = framing.Frame{Kind: framing.KindSubscribe, Sequence: sequence, Topic: topic, Payload: (&framing.Subscribe{}).Append(nil)}
		case 4:
			frame = framing.Frame{Kind: framing.KindAck, Flags: framing.FlagOffset, Offset: uint64(argument), Topic: topic}
		case 5:
			frame = framing.Frame{Kind: framing.KindBye}
		case 6: // raw bytes
			c.Write([]byte{argument})
			i++
			continue
		case 7:
			frame = framing.Frame{Kind: framing.KindPing, Sequence: sequence}
		case 8: // a wait
			time.Sleep(time.Duration(argument) * 50 * time.Millisecond)
			i++
			continue
		case 9:
			frame = framing.Frame{Kind: framing.KindUnsubscribe, Sequence: sequence, Topic: topic}
		case 10: // a frame's beginning
			c.Write([]byte{0, 0, 0, 100, 0x25})
			continue
		case 11:
			frame = framing.Frame{Kind: framing.Kind(argument%15 + 1), Origin: 7, Sequence: sequence, Topic: topic, Payload: script[i:]}
		case 12:
			frame = framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagRequest, Origin: 7, Sequence: sequence, Topic: topic, Payload: []byte("{}")}
		case 13: // too large
			c.Write([]byte{0, 1, 0, 0})
			continue
		}
		if b, err := frame.Append(nil); err == nil {
			c.Write(b) // fails once the server has ended it
		}
	}
}

// hearAll holds what a server may say, and in which order.
func hearAll(t *testing.T, c net.Conn) {
	r := framing.NewReader(c, 0)
	for n, over := 0, false; ; n++ {
		f, err := r.Next()
		if err != nil {
			if err != io.EOF && err != io.ErrClosedPipe {
				t.Errorf("the server's bytes are no frames: %v", err)
			}
			return
		}
		ends := f.Kind == framing.KindBye || f.Kind == framing.KindError && f.Sequence == 0
		switch {
		case over:
			t.Errorf("the server said %v (%q) after the end", f.Kind, f.Payload)
		case n == 0 && f.Kind != framing.KindWelcome && !ends:
			t.Errorf("the server's first word is %v", f.Kind)
		case n > 0 && f.Kind == framing.KindWelcome:
			t.Error("the server said welcome twice")
		case f.Kind == framing.KindError && (f.Code == framing.CodeOK || len(f.Payload) == 0):
			t.Errorf("the server said %v %q, want why", f.Code, f.Payload)
		case f.Kind == framing.KindError && f.Code == framing.CodeInternal:
			t.Errorf("the server blames itself: %q", f.Payload)
		}
		over = ends
	}
}
