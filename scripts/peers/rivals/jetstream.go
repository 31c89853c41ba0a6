package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const keptTopic = "kept"

// natsKeep is publishers to a JetStream stream in files, each on a connection
// of its own, with a number of messages on their way. It prints how many were
// acknowledged per second.
func natsKeep(addr string, size, publishers, window int, lasting time.Duration) error {
	ctx := context.Background()
	c, err := nats.Connect("nats://" + addr)
	if err != nil {
		return err
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		return err
	}
	_, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: keptTopic, Subjects: []string{keptTopic}, Storage: jetstream.FileStorage, MaxBytes: 64 << 20})
	if err != nil {
		return err
	}
	var acked atomic.Uint64
	var all sync.WaitGroup
	errs := make(chan error, publishers)
	began := time.Now()
	for range publishers {
		all.Go(func() { errs <- natsKeepOn(ctx, addr, size, window, began.Add(lasting), &acked) })
	}
	all.Wait()
	close(errs)
	for e := range errs {
		err = errors.Join(err, e)
	}
	if err == nil {
		fmt.Printf("%.0f\n", float64(acked.Load())/time.Since(began).Seconds())
	}
	return err
}

func natsKeepOn(ctx context.Context, addr string, size, window int, end time.Time, acked *atomic.Uint64) error {
	c, err := nats.Connect("nats://" + addr)
	if err != nil {
		return err
	}
	defer c.Close()
	js, err := jetstream.New(c, jetstream.WithPublishAsyncMaxPending(window))
	if err != nil {
		return err
	}
	payload := make([]byte, size)
	for time.Now().Before(end) {
		if window == 1 {
			if _, err := js.Publish(ctx, keptTopic, payload); err != nil {
				return err
			}
			acked.Add(1)
			continue
		}
		if _, err := js.PublishAsync(keptTopic, payload, jetstream.WithStallWait(10*time.Second)); err != nil { // waits while the window is full
			return err
		}
		acked.Add(1)
	}
	<-js.PublishAsyncComplete()
	return nil
}
