package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/labs/host"
	"rawlab/labs/wire"
	"rawlab/tcpq"
	"rawlab/udpq"
)

// Events cross a wire that loses 1 % twice, from a client host to a server and
// back, with a round trip of 20 ms, 5,000 of them a second.
const (
	rungLoss     = 0.01
	rungDelay    = 10 * time.Millisecond
	rungInterval = 200 * time.Microsecond
	rungBytes    = 128
	rungPort     = 9700
	overTCP      = "tcp"
)

// rungComparisons hold the latency of rungs of UDP against TCP's over the same
// wire; the nth run of each loses by the same seed.
func rungComparisons(s *settings) (list []comparison) {
	events := 20_000
	if s.quick {
		events = 7_500
	}
	for _, c := range []struct {
		rung udpq.Reliability
		how  string
		must float64
	}{{udpq.ReliabilityFEC, "in order", 2}, {udpq.ReliabilityAck, "as they come", 1.25}} {
		list = append(list, comparison{
			name: fmt.Sprintf("p99 latency at 1 %% loss, 20 ms RTT, 5,000 events/s: %s, %s", c.rung, c.how), peerName: "rawlab over TCP", unit: "ms",
			lowerIsBetter: true, must: c.must, ours: latencyOver(string(c.rung), events), peer: latencyOver(overTCP, events),
		})
	}
	return list
}

// latencyOver measures in a process of its own, which makes the hosts.
func latencyOver(rung string, events int) func(context.Context) (float64, error) {
	seed := 0
	return func(ctx context.Context) (float64, error) {
		seed++
		cmd := exec.CommandContext(ctx, os.Args[0], clientRole, "rung", rung, strconv.Itoa(events), strconv.Itoa(seed))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return 0, fmt.Errorf("%s: %w", rung, err)
		}
		return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	}
}

// tellLatency is the role "rung RUNG EVENTS SEED": it prints the 99th
// percentile in milliseconds. What never came is later than all that did.
func tellLatency(ctx context.Context, rung string, events, seed int) error {
	if !host.Isolated() {
		code, err := host.Isolate(ctx, os.Args[1:])
		if err == nil {
			os.Exit(code)
		}
		return err
	}
	hosts, err := host.NewKernel(&host.Config{Seed: uint64(seed), Forget: true})
	if err != nil {
		return err
	}
	defer hosts.Close()
	impair := func(loss float64) error {
		i := wire.Impairment{Delay: rungDelay, Loss: loss}
		return hosts.Wire.Set(uint64(seed), [2]wire.Impairment{i, i})
	}
	if err := impair(0); err != nil {
		return err
	}
	r := &rungRun{rung: rung, hosts: pair{hosts.Client, hosts.Server}, events: events, all: make(chan struct{})}
	if err := r.connect(ctx); err != nil {
		return err
	}
	if err := impair(rungLoss); err != nil {
		return err
	}
	if err := r.emit(); err != nil {
		return err
	}
	fmt.Println(r.percentile(99))
	return impair(0)
}

// rungRun is one measurement.
type rungRun struct {
	rung    string
	hosts   pair
	events  int
	emitter interface {
		EmitAt(t time.Time, topic string, payload []byte) (uint64, error)
	}

	mu        sync.Mutex
	latencies []time.Duration
	all       chan struct{} // closed when every event has come
}

func (r *rungRun) note(f *framing.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latencies = append(r.latencies, time.Since(time.Unix(0, int64(f.Time))))
	if len(r.latencies) == r.events {
		close(r.all)
	}
}

// connect starts a server, and at the client host a listener and an emitter.
func (r *rungRun) connect(ctx context.Context) error {
	addr, dial := r.hosts.at(rungPort), r.hosts.client.Dial
	if r.rung == overTCP {
		l, err := r.hosts.server.Listen(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		go tcpq.NewServer(&tcpq.Config{Policy: queue.Block}).Serve(ctx, l) // until this process ends
		listener, err := tcpq.Dial(ctx, addr, &tcpq.ClientConfig{Dial: dial, OnEvent: r.note})
		if err != nil {
			return err
		}
		emitter, dialed := tcpq.Dial(ctx, addr, &tcpq.ClientConfig{Dial: dial})
		_, err = listener.Subscribe(ctx, clientTopic)
		r.emitter = emitter
		return errors.Join(dialed, err)
	}
	conn, err := r.hosts.server.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return err
	}
	go udpq.NewServer(&udpq.Config{Policy: queue.Block}).Serve(ctx, conn) // until this process ends
	rung := udpq.Reliability(r.rung)
	config := udpq.ClientConfig{Reliability: rung, Unordered: rung == udpq.ReliabilityAck, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		return dial(ctx, network, address)
	}}
	emitter, err := udpq.Dial(ctx, addr, &config)
	if err != nil {
		return err
	}
	config.OnEvent = r.note
	listener, err := udpq.Dial(ctx, addr, &config)
	if err != nil {
		return err
	}
	_, err = listener.Subscribe(ctx, clientTopic)
	r.emitter = emitter
	return err
}

// patience is how long after the last event was emitted one may come.
const patience = 3 * time.Second

// emit emits every event at its time, which it bears, and waits for all.
func (r *rungRun) emit() error {
	payload := make([]byte, rungBytes)
	for n, began := 0, time.Now(); n < r.events; n++ {
		at := began.Add(time.Duration(n) * rungInterval)
		time.Sleep(time.Until(at))
		if _, err := r.emitter.EmitAt(at, clientTopic, payload); err != nil {
			return err
		}
	}
	select {
	case <-r.all:
	case <-time.After(patience):
	}
	return nil
}

// percentile returns in milliseconds under what so many per cent of all
// events came, those that did not come included.
func (r *rungRun) percentile(percent int) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.latencies)
	at := r.events * percent / 100
	if at >= len(r.latencies) {
		return float64(patience.Milliseconds())
	}
	return float64(r.latencies[at].Microseconds()) / 1e3
}
