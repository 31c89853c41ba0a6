package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

func natsPublish(addr string, size int, lasting time.Duration) error {
	c, err := nats.Connect("nats://" + addr)
	if err != nil {
		return err
	}
	defer c.Close()
	n, payload := 0, make([]byte, size)
	for end := time.Now().Add(lasting); time.Now().Before(end); {
		for range 256 {
			if err := c.Publish(topic, payload); err != nil {
				return err
			}
			n++
		}
	}
	if err := c.Flush(); err != nil {
		return err
	}
	fmt.Println(n)
	return nil
}

func natsSubscribe(addr string) error {
	c, err := nats.Connect("nats://" + addr)
	if err != nil {
		return err
	}
	defer c.Close()
	var count counter
	s, err := c.Subscribe(topic, func(*nats.Msg) { count.add() })
	if err != nil {
		return err
	}
	if err := s.SetPendingLimits(-1, -1); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	return count.report()
}

func natsAnswer(addr string) error {
	c, err := nats.Connect("nats://" + addr)
	if err != nil {
		return err
	}
	if _, err := c.Subscribe(topic, func(m *nats.Msg) { m.Respond(m.Data) }); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	fmt.Println("ready")
	var end string
	fmt.Scan(&end) // until the standard input closes
	return nil
}

func natsAsk(addr string, count int) error {
	c, err := nats.Connect("nats://" + addr)
	if err != nil {
		return err
	}
	defer c.Close()
	times, payload := make([]time.Duration, 0, count), make([]byte, 128)
	for range count {
		began := time.Now()
		if _, err := c.Request(topic, payload, time.Second); err != nil {
			return err
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	fmt.Println(float64(times[count/2].Nanoseconds()) / 1e3)
	return nil
}
