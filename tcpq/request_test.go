package tcpq_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
	"rawlab/tcpq"
)

// respond answers every request that c gets with what it asks, and its own
// mark, until c is closed.
func respond(t *testing.T, c *tcpq.Client, mark string) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			e, err := c.Next(context.Background())
			if err != nil {
				return
			}
			if !e.Request {
				continue
			}
			if err := c.Reply(&e, fmt.Appendf(nil, "%s %s", mark, e.Payload)); err != nil && !errors.Is(err, tcpq.ErrClosed) {
				t.Errorf("Reply() = %v", err)
			}
		}
	})
	t.Cleanup(func() {
		c.Close()
		wg.Wait()
	})
}

func TestRequestGetsItsReply(t *testing.T) {
	for _, policy := range []queue.Policy{queue.PolicyIgnore, queue.PolicyStore} {
		t.Run(policy.String(), func(t *testing.T) {
			q, err := queue.New(&queue.Config{Topics: map[string]queue.Policy{"sums": policy}})
			if err != nil {
				t.Fatal(err)
			}
			s := serve(t, &tcpq.Config{Queue: q})
			responder := dial(t, s, &tcpq.ClientConfig{Origin: 7})
			subscribe(t, responder, "sums")
			respond(t, responder, "seven:")
			asker := dial(t, s, nil)
			for n := range 100 {
				e, err := asker.Request(t.Context(), "sums", fmt.Append(nil, n))
				if err != nil {
					t.Fatal(err)
				}
				if want := fmt.Sprintf("seven: %d", n); string(e.Payload) != want || e.Origin != 7 || e.Topic != "sums" {
					t.Fatalf("Request(%d) = %q from %d, want %q from 7", n, e.Payload, e.Origin, want)
				}
			}
			emit(t, asker, "sums", 1, 2) // Flush does not wait for acks of requests
		})
	}
}

// Many ask at once, and each gets its own answer.
func TestRequestsAtOnce(t *testing.T) {
	s := serve(t, nil)
	responder := dial(t, s, nil)
	subscribe(t, responder, "sums")
	respond(t, responder, "re:")
	asker := dial(t, s, nil)
	var wg sync.WaitGroup
	for n := range 500 {
		wg.Go(func() {
			e, err := asker.Request(t.Context(), "sums", fmt.Append(nil, n))
			if want := fmt.Sprintf("re: %d", n); err != nil || string(e.Payload) != want {
				t.Errorf("Request(%d) = %q, %v, want %q", n, e.Payload, err, want)
			}
		})
	}
	wg.Wait()
}

func TestFirstOfManyRepliesCounts(t *testing.T) {
	received, all := 0, make(chan struct{})
	var mu sync.Mutex
	s := serve(t, &tcpq.Config{Trace: func(e queue.TraceEvent) {
		mu.Lock()
		defer mu.Unlock()
		if e.Stage == queue.Received {
			if received++; received == 200 {
				close(all)
			}
		}
	}})
	for n := range 3 {
		responder := dial(t, s, nil)
		subscribe(t, responder, "sums")
		respond(t, responder, fmt.Sprint(n))
	}
	asker := dial(t, s, nil)
	for range 50 {
		if _, err := asker.Request(t.Context(), "sums", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	<-all // also the replies that nobody waits for
	s.stop()
	if st := s.Stats(); st.Received != 200 || st.Dropped[queue.FateOffline] != 100 {
		t.Errorf("Stats() = %+v, want 50 requests and 150 replies received, 100 of them not waited for any more", st)
	}
}

func TestNobodyToAsk(t *testing.T) {
	s := serve(t, nil)
	asker := dial(t, s, nil)
	_, err := asker.Request(t.Context(), "sums", nil)
	if refused, ok := errors.AsType[*tcpq.RefusedError](err); !ok || refused.Code != framing.CodeNobody {
		t.Errorf("Request() with nobody there = %v, want nobody", err)
	}
	_, err = asker.Request(t.Context(), "sums.*", nil)
	if err == nil {
		t.Error("Request() to a pattern = nil")
	}
}

func TestResponderGoes(t *testing.T) {
	s := serve(t, nil)
	var listeners []*tcpq.Client
	for range 2 {
		c := dial(t, s, nil)
		subscribe(t, c, "sums")
		listeners = append(listeners, c)
	}
	asker := dial(t, s, nil)
	done := make(chan error, 1)
	go func() {
		_, err := asker.Request(context.Background(), "sums", nil)
		done <- err
	}()
	for _, c := range listeners {
		if _, err := c.Next(t.Context()); err != nil { // it was asked
			t.Fatal(err)
		}
	}
	listeners[0].Close()
	select {
	case err := <-done:
		t.Errorf("Request() = %v with one listener left", err)
	default:
	}
	listeners[1].Close()
	if refused, ok := errors.AsType[*tcpq.RefusedError](<-done); !ok || refused.Code != framing.CodeGone {
		t.Errorf("Request() with nobody left = %v, want gone", refused)
	}
}

func TestRequestTimesOutAndLeavesNoTrace(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pipes, s *tcpq.Server) {
		listener, err := tcpq.Dial(t.Context(), "server", &tcpq.ClientConfig{Dial: p.dial})
		if err != nil {
			t.Fatal(err)
		}
		subscribe(t, listener, "sums")
		asker, err := tcpq.Dial(t.Context(), "server", &tcpq.ClientConfig{Dial: p.dial})
		if err != nil {
			t.Fatal(err)
		}
		for range queue.DefaultMaxRequests + 10 { // more than may wait at once
			start := time.Now()
			ctx, cancel := edge.WithTimeout(t.Context(), clock.Real, 2*time.Second, "the reply")
			_, err := asker.Request(ctx, "sums", nil)
			cancel()
			if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 2*time.Second {
				t.Fatalf("Request() = %v after %v, want a deadline after 2 s", err, time.Since(start))
			}
		}
		asker.Close()
		listener.Close()
		synctest.Wait()
	})
}

func TestRequestsAreBounded(t *testing.T) {
	s := serve(t, nil)
	listener := dial(t, s, nil)
	subscribe(t, listener, "sums")
	asker := dial(t, s, nil)
	ctx, cancel := context.WithCancel(t.Context())
	answers := make(chan error, queue.DefaultMaxRequests+1)
	for range queue.DefaultMaxRequests + 1 {
		go func() {
			_, err := asker.Request(ctx, "sums", nil)
			answers <- err
		}()
	}
	if refused, ok := errors.AsType[*tcpq.RefusedError](<-answers); !ok || refused.Code != framing.CodeLimit {
		t.Errorf("the request over the bound = %v, want a limit", refused)
	}
	cancel()
	for range queue.DefaultMaxRequests {
		if err := <-answers; !errors.Is(err, context.Canceled) {
			t.Errorf("Request() cancelled = %v", err)
		}
	}
}

func TestReplyToWhatIsNoRequest(t *testing.T) {
	s := serve(t, nil)
	c := dial(t, s, nil)
	subscribe(t, c, "news")
	emit(t, c, "news", 1, 2)
	e, err := c.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Reply(&e, nil); !errors.Is(err, tcpq.ErrNoRequest) {
		t.Errorf("Reply() to an event = %v, want ErrNoRequest", err)
	}
}

// Who was not asked cannot answer for others.
func TestReplyOfAStranger(t *testing.T) {
	s := serve(t, nil)
	listener := dial(t, s, nil)
	subscribe(t, listener, "sums")
	asker, stranger := dial(t, s, nil), dial(t, s, nil)
	done := make(chan string, 1)
	go func() {
		e, err := asker.Request(context.Background(), "sums", nil)
		done <- fmt.Sprint(string(e.Payload), err)
	}()
	e, err := listener.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Reply(&e, []byte("false")); err != nil {
		t.Fatal(err)
	}
	if err := stranger.Close(); err != nil {
		t.Fatal(err)
	}
	if err := listener.Reply(&e, []byte("true")); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got != "true<nil>" {
		t.Errorf("Request() = %s, want the listener's reply", got)
	}
	if got := s.Stats().Dropped[queue.FateUnauthorized]; got != 1 {
		t.Errorf("Dropped[unauthorized] = %d, want the stranger's reply", got)
	}
}
