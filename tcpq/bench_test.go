package tcpq_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/tcpq"
)

// BenchmarkOneToOne is one emitter to one subscriber through the server, all
// in this process, so the figure is for the work of all three together.
func BenchmarkOneToOne(b *testing.B) {
	for _, size := range []int{16, 128, 1024} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) { benchFanOut(b, size, 1) })
	}
}

func BenchmarkOneToTen(b *testing.B) { benchFanOut(b, 128, 10) }

func benchFanOut(b *testing.B, size, subscribers int) {
	l, err := tcpq.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- tcpq.NewServer(&tcpq.Config{Policy: queue.Block}).Serve(ctx, l) }()
	all := make(chan struct{}, subscribers)
	for range subscribers {
		n := 0
		c := benchDial(b, l, &tcpq.ClientConfig{OnEvent: func(*framing.Frame) {
			if n++; n == b.N {
				all <- struct{}{}
			}
		}})
		if _, err := c.Subscribe(ctx, "bench"); err != nil {
			b.Fatal(err)
		}
		defer c.Close()
	}
	emitter := benchDial(b, l, nil)
	payload, now := make([]byte, size), time.Now()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := emitter.EmitAt(now, "bench", payload); err != nil {
			b.Fatal(err)
		}
	}
	for range subscribers {
		<-all
	}
	b.ReportMetric(float64(b.N)*float64(subscribers)/b.Elapsed().Seconds(), "events/s")
	emitter.Close()
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

func benchDial(b *testing.B, l net.Listener, c *tcpq.ClientConfig) *tcpq.Client {
	client, err := tcpq.Dial(b.Context(), l.Addr().String(), c)
	if err != nil {
		b.Fatal(err)
	}
	return client
}

// BenchmarkRawFraming is the yardstick: frames written and parsed over one
// hop, without a server, a topic or an acknowledgement.
func BenchmarkRawFraming(b *testing.B) {
	l, err := tcpq.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		for r := framing.NewReader(c, 0); err == nil; {
			_, err = r.Next()
		}
		done <- err
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	w := framing.NewWriter(c)
	f := framing.Frame{Kind: framing.KindEmit, Origin: 1, Sequence: 1, Topic: []byte("bench"), Payload: make([]byte, 128)}
	b.ResetTimer()
	for range b.N {
		if err := w.Write(&f); err != nil {
			b.Fatal(err)
		}
		if w.Buffered() >= 64<<10 {
			if err := w.Flush(); err != nil {
				b.Fatal(err)
			}
		}
	}
	w.Flush()
	c.Close()
	if err := <-done; err != io.EOF {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkEmitAndFlush is the time of one event with its acknowledgement.
func BenchmarkEmitAndFlush(b *testing.B) {
	l, err := tcpq.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- tcpq.NewServer(nil).Serve(ctx, l) }()
	c := benchDial(b, l, nil)
	payload := make([]byte, 128)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := c.Emit("bench", payload); err != nil {
			b.Fatal(err)
		}
		if err := c.Flush(ctx); err != nil {
			b.Fatal(err)
		}
	}
	c.Close()
	cancel()
	<-done
}

// BenchmarkRequest is one question at a time, with who answers in the same
// process.
func BenchmarkRequest(b *testing.B) {
	l, err := tcpq.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- tcpq.NewServer(nil).Serve(ctx, l) }()
	var responder *tcpq.Client
	ready := make(chan struct{})
	responder = benchDial(b, l, &tcpq.ClientConfig{OnEvent: func(f *framing.Frame) {
		<-ready
		responder.ReplyTo(f.Origin, f.Sequence, string(f.Topic), f.Payload)
	}})
	close(ready)
	if _, err := responder.Subscribe(ctx, "sums"); err != nil {
		b.Fatal(err)
	}
	asker := benchDial(b, l, nil)
	payload, took := make([]byte, 128), []time.Duration(nil)
	for b.Loop() {
		start := time.Now()
		if _, err := asker.Request(ctx, "sums", payload); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "p50-µs")
	asker.Close()
	responder.Close()
	cancel()
	if err := <-done; err != nil {
		b.Error(err)
	}
}
