// Command rivals is a publisher, a subscriber, an asker and an answerer for
// the peers that rawlab is measured against, each at its best: pipelined, in
// large writes, without a limit that would drop. It is a module of its own, so
// that rawlab's depends on none of them.
//
//	rivals nats|redis pub ADDR BYTES MILLISECONDS prints how many it published
//	rivals nats|redis sub ADDR                 prints "ready", then how many came in how many seconds
//	rivals kcp|quic pub ADDR BYTES MILLISECONDS the same, to the subscriber itself: there is no server
//	rivals kcp|quic sub ADDR BYTES
//	rivals nats keep ADDR BYTES PUBLISHERS WINDOW MILLISECONDS prints how many JetStream acknowledged per second
//	rivals nats answer ADDR                    prints "ready"
//	rivals nats ask ADDR COUNT                 prints the median round trip in microseconds
//
// A subscriber is told on its standard input how many were published. It is
// done when they have come, or when nothing has come for a second.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

const topic = "sensor/1"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "rivals:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("%d arguments, at least 3", len(args))
	}
	switch args[0] + " " + args[1] {
	case "nats pub":
		size, lasting := load(args)
		return natsPublish(args[2], size, lasting)
	case "nats sub":
		return natsSubscribe(args[2])
	case "nats answer":
		return natsAnswer(args[2])
	case "nats ask":
		return natsAsk(args[2], number(args, 3))
	case "nats keep":
		return natsKeep(args[2], number(args, 3), number(args, 4), number(args, 5), time.Duration(number(args, 6))*time.Millisecond)
	case "redis pub":
		size, lasting := load(args)
		return redisPublish(args[2], size, lasting)
	case "kcp pub":
		size, lasting := load(args)
		return kcpPublish(args[2], size, lasting)
	case "kcp sub":
		return kcpSubscribe(args[2], number(args, 3))
	case "quic pub":
		size, lasting := load(args)
		return quicPublish(args[2], size, lasting)
	case "quic sub":
		return quicSubscribe(args[2], number(args, 3))
	case "redis sub":
		return redisSubscribe(args[2])
	}
	return fmt.Errorf("no role is called %q", args[:2])
}

func load(args []string) (size int, lasting time.Duration) {
	return number(args, 3), time.Duration(number(args, 4)) * time.Millisecond
}

func number(args []string, i int) int {
	if i >= len(args) {
		return 0
	}
	n, _ := strconv.Atoi(args[i])
	return n
}
