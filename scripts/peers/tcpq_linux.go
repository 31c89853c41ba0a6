package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// Names of the peers in the tables.
const (
	natsCore    = "NATS core"
	zmqProxy    = "ZeroMQ XSUB/XPUB proxy"
	redisPubSub = "Redis PUBLISH, pipelined"
)

// tcpqTopic compares the TCP queue with brokers that keep nothing either:
// publisher, broker and subscribers are processes of their own.
func tcpqTopic(s *settings) (list []comparison, closing func() error, err error) {
	var sides []*side
	closing = func() error {
		for _, side := range sides {
			for _, p := range side.server {
				p.stop()
			}
		}
		return nil
	}
	started := make(map[string]*side)
	for name, begin := range map[string]func() (*side, error){"": ourServer, natsCore: natsServer, zmqProxy: zmqServer, redisPubSub: redisServer} {
		side, err := begin()
		switch {
		case err != nil && name == "":
			closing()
			return nil, nil, err
		case err != nil:
			fmt.Fprintf(os.Stderr, "tcpq: %s is left out: %v\n", name, err)
			continue
		}
		sides, started[name] = append(sides, side), side
	}
	lasting, questions := 1500*time.Millisecond, 20_000
	if s.quick {
		lasting, questions = 500*time.Millisecond, 5_000
	}
	ours := started[""]
	for _, c := range []struct {
		size, subscribers int
		peer              string
		must              float64
	}{
		{16, 1, natsCore, 5}, {128, 1, natsCore, 4}, {1024, 1, natsCore, 2.2},
		{128, 1, zmqProxy, 2.5}, {128, 10, natsCore, 4.5}, {128, 10, redisPubSub, 2},
	} {
		if peer := started[c.peer]; peer != nil {
			list = append(list, comparison{
				name: fmt.Sprintf("1→%d, %d B", c.subscribers, c.size), peerName: c.peer, unit: "events/s", must: c.must,
				ours: ours.fanOut(c.size, c.subscribers, lasting, true), peer: peer.fanOut(c.size, c.subscribers, lasting, false),
			})
		}
	}
	if peer := started[natsCore]; peer != nil {
		list = append(list, comparison{
			name: "request and reply, 128 B, p50, on one CPU", peerName: natsCore, unit: "µs", lowerIsBetter: true, must: 1.25,
			ours: ours.roundTrip(questions), peer: peer.roundTrip(questions),
		})
	}
	list = append(list, comparison{
		name: "memory per idle connection, of 10,000", peerName: "the limit", unit: "bytes", lowerIsBetter: true, must: 1,
		ours: idleMemory(10_000), peer: limit(10 << 10),
	})
	rows, stop, err := durableRows(s)
	if err != nil {
		closing()
		return nil, nil, err
	}
	others := closing
	return append(list, rows...), func() error { return errors.Join(others(), stop()) }, nil
}

// ourServer starts rawlab itself. Block, since nothing may be lost.
func ourServer() (*side, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	server, err := start(context.Background(), "rawlab", "serve", "--tcp", addr, "--overflow", "block", "--max-per-address", "10000")
	if err != nil {
		return nil, err
	}
	client := func(args ...string) []string { return append([]string{os.Args[0], clientRole}, args...) }
	return &side{
		name: "rawlab", server: []*process{server},
		publish: func(size int, lasting time.Duration) []string {
			return client("pub", addr, strconv.Itoa(size), strconv.FormatInt(lasting.Milliseconds(), 10))
		},
		counts: client("sub", addr), answer: client("answer", addr), idle: client("idle", addr),
		ask: func(count int) []string { return client("ask", addr, strconv.Itoa(count)) },
	}, up(addr)
}

func natsServer() (*side, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(addr)
	return rival("nats", addr, "nats-server", "-a", host, "-p", port, "-l", os.DevNull)
}

func redisServer() (*side, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(addr)
	return rival("redis", addr, "redis-server", "--bind", host, "--port", port, "--save", "", "--appendonly", "no",
		"--client-output-buffer-limit", "pubsub 0 0 0", "--loglevel", "warning")
}

// rival starts a peer's server, for which the program rivals has clients.
func rival(kind, addr string, command ...string) (*side, error) {
	if _, err := exec.LookPath("rivals"); err != nil {
		return nil, err
	}
	server, err := start(context.Background(), command...)
	if err != nil {
		return nil, err
	}
	return &side{
		name: kind, server: []*process{server},
		publish: func(size int, lasting time.Duration) []string {
			return []string{"rivals", kind, "pub", addr, strconv.Itoa(size), strconv.FormatInt(lasting.Milliseconds(), 10)}
		},
		counts: []string{"rivals", kind, "sub", addr}, answer: []string{"rivals", kind, "answer", addr},
		ask: func(count int) []string { return []string{"rivals", kind, "ask", addr, strconv.Itoa(count)} },
	}, up(addr)
}

func zmqServer() (*side, error) {
	front, err := freeAddress()
	if err != nil {
		return nil, err
	}
	back, err := freeAddress()
	if err != nil {
		return nil, err
	}
	server, err := start(context.Background(), "rawlab-zeromq", "proxy", "tcp://"+front, "tcp://"+back)
	if err != nil {
		return nil, err
	}
	return &side{
		name: "zeromq", server: []*process{server},
		publish: func(size int, lasting time.Duration) []string {
			return []string{"rawlab-zeromq", "pub", "tcp://" + front, strconv.Itoa(size), strconv.FormatInt(lasting.Milliseconds(), 10)}
		},
		counts: []string{"rawlab-zeromq", "sub", "tcp://" + back},
	}, up(front)
}

// freeAddress returns an address on loopback that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// up waits until somebody listens on an address.
func up(addr string) error {
	const tries = 200
	for range tries {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			return c.Close()
		}
		time.Sleep(20 * time.Millisecond) // none of them has another way to say so
	}
	return fmt.Errorf("nobody listens on %s", addr)
}
