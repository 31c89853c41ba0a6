package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"rawlab/framing"
)

// keepAll is emitters, each on a connection of its own. Each has a number of
// events on their way and emits the next when one is acknowledged. It prints
// how many were acknowledged per second.
//
// They speak the frames themselves: with tcpq's client, which has two
// goroutines for each connection, the emitters would be what is measured.
func keepAll(ctx context.Context, addr string, size, emitters, window int, lasting time.Duration) error {
	var acked atomic.Uint64
	var all sync.WaitGroup
	errs := make(chan error, emitters)
	began := time.Now()
	for range emitters {
		all.Go(func() { errs <- keepOn(ctx, addr, size, window, began.Add(lasting), &acked) })
	}
	all.Wait()
	close(errs)
	var err error
	for e := range errs {
		err = errors.Join(err, e)
	}
	if err == nil {
		fmt.Printf("%.0f\n", float64(acked.Load())/time.Since(began).Seconds())
	}
	return err
}

// keepOn is one emitter.
func keepOn(ctx context.Context, addr string, size, window int, end time.Time, acked *atomic.Uint64) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	r := framing.NewReader(c, framing.DefaultLimit)
	origin, err := shakeHands(c, r)
	if err != nil {
		return err
	}
	f := framing.Frame{
		Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: origin, Time: uint64(time.Now().UnixNano()),
		Topic: []byte(keptTopic), Payload: make([]byte, size),
	}
	frame, err := f.Append(nil)
	if err != nil {
		return err
	}
	var burst []byte
	for sent, answered := uint64(0), uint64(0); time.Now().Before(end) || answered < sent; {
		for burst = burst[:0]; sent < answered+uint64(window); {
			sent++
			binary.BigEndian.PutUint64(frame[16:], sent)
			burst = append(burst, frame...)
		}
		if _, err := c.Write(burst); err != nil {
			return err
		}
		n, err := acknowledged(r)
		if err != nil {
			return err
		}
		acked.Add(n - answered)
		answered = n
		if !time.Now().Before(end) {
			window = 0
		}
	}
	return nil
}

func shakeHands(c net.Conn, r *framing.Reader) (origin uint64, err error) {
	body, err := (&framing.Hello{MinVersion: framing.Version, MaxVersion: framing.Version}).Append(nil)
	if err != nil {
		return 0, err
	}
	hello, err := (&framing.Frame{Kind: framing.KindHello, Payload: body}).Append(nil)
	if err != nil {
		return 0, err
	}
	if _, err := c.Write(hello); err != nil {
		return 0, err
	}
	f, err := r.Next()
	if err == nil && f.Kind != framing.KindWelcome {
		err = fmt.Errorf("%v instead of a welcome", f.Kind)
	}
	return f.Origin, err
}

// acknowledged returns up to which sequence everything is acknowledged.
func acknowledged(r *framing.Reader) (uint64, error) {
	for {
		f, err := r.Next()
		switch {
		case err != nil:
			return 0, err
		case f.Kind != framing.KindAck:
			return 0, fmt.Errorf("%v instead of an ack", f.Kind)
		case !r.Buffered():
			return f.Sequence, nil
		}
	}
}

const keptTopic = "kept"
