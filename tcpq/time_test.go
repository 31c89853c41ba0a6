package tcpq_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/framing"
	"rawlab/tcpq"
)

// pipes is a listener whose connections are in memory, for bubbles of fake time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.conns <- server
	return client, nil
}

// inBubble runs test against a server on fake time.
func inBubble(t *testing.T, c *tcpq.Config, test func(*testing.T, *pipes, *tcpq.Server)) {
	synctest.Test(t, func(t *testing.T) {
		inBubbleHere(t, c, func(p *pipes, s *tcpq.Server) { test(t, p, s) })
	})
}

// inBubbleHere is inBubble for who is in one already.
func inBubbleHere(t *testing.T, c *tcpq.Config, test func(*pipes, *tcpq.Server)) {
	p, s := newPipes(), tcpq.NewServer(c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, p) }()
	test(p, s)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve() = %v", err)
	}
}

func TestSlowHandshakeIsCutOff(t *testing.T) {
	inBubble(t, &tcpq.Config{HandshakeTimeout: 2 * time.Second}, func(t *testing.T, p *pipes, s *tcpq.Server) {
		start := time.Now()
		c, _ := p.dial(t.Context(), "", "")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for { // a byte a second would never end
				time.Sleep(time.Second)
				if _, err := c.Write([]byte{0}); err != nil {
					return
				}
			}
		}()
		f, err := framing.NewReader(c, 0).Next()
		if err != nil || f.Code != framing.CodeTimeout || time.Since(start) != 2*time.Second {
			t.Errorf("after %v: %v, %v, want an error for the timeout after 2 s", time.Since(start), f.Code, err)
		}
		c.Close()
		<-done
		synctest.Wait()
		if st := s.Stats(); st.Refused != 1 || st.Connections != 0 {
			t.Errorf("Stats() = %+v, want 1 refused", st)
		}
	})
}

func TestWhoDoesNotReadWhyIsCutOff(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pipes, s *tcpq.Server) {
		c, _ := p.dial(t.Context(), "", "")
		c.Write(make([]byte, framing.MinSize))
		time.Sleep(time.Minute)
		if st := s.Stats(); st.Connections != 0 {
			t.Errorf("Stats() = %+v, want no connection after a minute", st)
		}
		c.Close()
	})
}

func TestDialGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		go func() { // a server that takes the hello and says nothing
			c, _ := p.Accept()
			buf := make([]byte, 1000)
			for err := error(nil); err == nil; {
				_, err = c.Read(buf)
			}
		}()
		start := time.Now()
		_, err := tcpq.Dial(t.Context(), "nowhere", &tcpq.ClientConfig{Dial: p.dial, HandshakeTimeout: 3 * time.Second})
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("Dial() = %v after %v, want a deadline after 3 s", err, time.Since(start))
		}
	})
}

func TestFlushIntervalGathers(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pipes, s *tcpq.Server) {
		c, err := tcpq.Dial(t.Context(), "server", &tcpq.ClientConfig{Dial: p.dial, FlushInterval: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range 3 {
			c.Emit("news", nil)
		}
		time.Sleep(time.Second / 2)
		if got := s.Stats().Received; got != 0 {
			t.Errorf("%d events left before the interval", got)
		}
		if err := c.Flush(t.Context()); err != nil || time.Since(start) != time.Second/2 {
			t.Errorf("Flush() = %v at %v, want it to hurry", err, time.Since(start))
		}
		c.Emit("news", nil)
		time.Sleep(2 * time.Second)
		if got := s.Stats().Received; got != 4 {
			t.Errorf("%d events came, want 4 once the interval is over", got)
		}
		c.Close()
	})
}

func TestCloseGivesUpOnASilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		go func() {
			c, _ := p.Accept()
			r, w := framing.NewReader(c, 0), framing.NewWriter(c)
			f, _ := r.Next()
			welcome := framing.Welcome{Version: framing.Version, Limit: 1000}
			w.Write(&framing.Frame{Kind: framing.KindWelcome, Origin: f.Origin, Payload: welcome.Append(nil)})
			w.Flush()
			for err := error(nil); err == nil; { // reads, and says nothing more
				_, err = r.Next()
			}
		}()
		c, err := tcpq.Dial(t.Context(), "server", &tcpq.ClientConfig{Dial: p.dial, CloseTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		c.Emit("news", nil)
		start := time.Now()
		if err := c.Close(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("Close() = %v after %v, want a deadline after 1 s", err, time.Since(start))
		}
	})
}

// Who waits in Emit for a server that takes nothing is let go by Close.
func TestCloseFreesWhoWaitsToEmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		stuck := make(chan struct{})
		go func() {
			c, _ := p.Accept()
			r, w := framing.NewReader(c, 0), framing.NewWriter(c)
			f, _ := r.Next()
			welcome := framing.Welcome{Version: framing.Version, Limit: 1000}
			w.Write(&framing.Frame{Kind: framing.KindWelcome, Origin: f.Origin, Payload: welcome.Append(nil)})
			w.Flush()
			<-stuck
		}()
		c, err := tcpq.Dial(t.Context(), "server", &tcpq.ClientConfig{Dial: p.dial, BufferBytes: 100, CloseTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() {
			for err := error(nil); ; {
				if _, err = c.Emit("news", make([]byte, 50)); err != nil {
					ended <- err
					return
				}
			}
		}()
		synctest.Wait()
		start := time.Now()
		closed := make(chan error)
		go func() { closed <- c.Close() }()
		if err := <-ended; !errors.Is(err, tcpq.ErrClosed) || time.Since(start) > 0 {
			t.Errorf("Emit() = %v after %v, want ErrClosed at once", err, time.Since(start))
		}
		if err := <-closed; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Close() = %v, want a deadline", err)
		}
		close(stuck)
	})
}
