package main

import (
	"context"
	"fmt"
	"time"

	"rawlab/framing"
	"rawlab/udpq"
)

// The clients "ack-pub ADDR BYTES MILLISECONDS" and "ack-sink ADDR": one hop of
// acknowledged events in order, from a client to the server that takes them.

// emitAcknowledged emits for a while, packed, and waits for the acknowledgements.
func emitAcknowledged(ctx context.Context, addr string, size int, lasting time.Duration) error {
	c, err := udpq.Dial(ctx, addr, &udpq.ClientConfig{
		Reliability: udpq.ReliabilityAck, PackBudget: framing.DefaultDatagram, Offload: true, CloseTimeout: time.Minute,
	})
	if err != nil {
		return err
	}
	n, payload := 0, make([]byte, size)
	for now, end := time.Now(), time.Now().Add(lasting); now.Before(end); now = time.Now() {
		for range 256 {
			if _, err := c.EmitAt(now, clientTopic, payload); err != nil {
				return err
			}
			n++
		}
	}
	if err := c.Close(); err != nil {
		return err
	}
	fmt.Println(n)
	return nil
}

// takeAcknowledged is a server that counts the events it receives.
func takeAcknowledged(ctx context.Context, addr string) error {
	conn, err := udpq.Listen(addr)
	if err != nil {
		return err
	}
	s := udpq.NewServer(&udpq.Config{Offload: true})
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1) // the one end of Serve
	go func() { done <- s.Serve(ctx, conn) }()
	fmt.Println("ready")
	var first, last time.Time
	told := make(chan int64, 1)
	go func() {
		var total int64
		fmt.Scan(&total)
		told <- total
	}()
	came, total := uint64(0), int64(-1)
	const quiet = time.Second
	for total < 0 || int64(came) < total && time.Since(last) < quiet {
		select {
		case total = <-told:
		case <-time.After(time.Millisecond): // counting is what the machine shall do meanwhile
		}
		if n := s.Stats().Received; n != came {
			came, last = n, time.Now()
			if first.IsZero() {
				first = last
			}
		}
	}
	fmt.Println(came, last.Sub(first).Seconds())
	stop()
	return <-done
}
