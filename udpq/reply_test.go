package udpq_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/udpq"
)

// answer replies to every request with its payload in brackets.
func answer(t *testing.T, c *udpq.Client) (wait func()) {
	var running sync.WaitGroup
	running.Go(func() {
		for {
			e, err := c.Next(context.Background())
			if err != nil {
				return
			}
			if err := c.Reply(&e, fmt.Appendf(nil, "(%s)", e.Payload)); err != nil && !errors.Is(err, udpq.ErrClosed) {
				t.Error(err)
			}
		}
	})
	return running.Wait
}

func TestRequests(t *testing.T) {
	for _, rung := range []udpq.Reliability{udpq.ReliabilityNone, udpq.ReliabilityAck} {
		t.Run(string(rung), func(t *testing.T) {
			s := serve(t, nil)
			asker, responder := dial(t, s, &udpq.ClientConfig{Reliability: rung, PackBudget: 1000}), dial(t, s, &udpq.ClientConfig{Reliability: rung})
			_, err := asker.Request(t.Context(), "sums", []byte("1"))
			if refused, ok := errors.AsType[*udpq.RefusedError](err); !ok || refused.Code != framing.CodeNobody {
				t.Errorf("Request to nobody = %v, want CodeNobody", err)
			}
			subscribe(t, responder, "sums")
			wait := answer(t, responder)
			for n := range 20 {
				question := fmt.Sprintf("%d %s", n, filled(n*300))
				reply, err := asker.Request(t.Context(), "sums", []byte(question))
				if err != nil || string(reply.Payload) != "("+question+")" {
					t.Fatalf("Request %d = %d bytes, %v", n, len(reply.Payload), err)
				}
			}
			if err := responder.Close(); err != nil {
				t.Error(err)
			}
			wait()
			if err := asker.Reply(&udpq.Event{}, nil); !errors.Is(err, udpq.ErrNoRequest) {
				t.Errorf("Reply to what is none = %v", err)
			}
		})
	}
}

// With ReliabilityAck no question and no reply is lost, nor that there is none.
func TestRequestsOverABadWire(t *testing.T) {
	for seed := range uint64(5) {
		inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
			l.badly(seed, 10)
			client := udpq.ClientConfig{Reliability: udpq.ReliabilityAck, Tries: 20}
			asker, responder := l.connect(t, client), l.connect(t, client)
			subscribe(t, responder, "sums")
			wait := answer(t, responder)
			for n := range 50 {
				reply, err := asker.Request(t.Context(), "sums", fmt.Append(nil, n))
				if err != nil || string(reply.Payload) != fmt.Sprintf("(%d)", n) {
					t.Fatalf("seed %d: Request %d = %q, %v", seed, n, reply.Payload, err)
				}
				_, err = asker.Request(t.Context(), "nobody", nil)
				if refused, ok := errors.AsType[*udpq.RefusedError](err); !ok || refused.Code != framing.CodeNobody {
					t.Fatalf("seed %d: Request to nobody = %v, want CodeNobody", seed, err)
				}
			}
			asker.Close()
			responder.Close()
			wait()
		})
	}
}

// A lost question is waited for until the asker has waited enough.
func TestRequestInVain(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *link, _ *udpq.Server) {
		asker, responder := l.connect(t, udpq.ClientConfig{}), l.connect(t, udpq.ClientConfig{})
		subscribe(t, responder, "sums")
		l.rule(func(toServer bool, b []byte) int {
			if kindOf(b) == framing.KindEmit {
				return 0
			}
			return 1
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := asker.Request(ctx, "sums", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Request = %v, want a deadline", err)
		}
		asker.Close()
		responder.Close()
	})
}
