package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"time"

	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// pair is two hosts, whatever is between them.
type pair struct{ client, server *host.Host }

// hostsTopic compares kernel hosts on the wire with the same hosts on a bare
// cable, and with toxiproxy on one.
func hostsTopic(s *settings) ([]comparison, func() error, error) {
	if !host.Isolated() {
		code, err := host.Isolate(context.Background(), os.Args[1:])
		if err == nil {
			os.Exit(code)
		}
		return nil, nil, err
	}
	wired, err := host.NewKernel(&host.Config{Seed: 1, Forget: true})
	if err != nil {
		return nil, nil, err
	}
	// A sender's default buffer holds less than the long way of these hosts.
	long := host.Tuning{Sysctls: map[string]string{"net.ipv4.tcp_wmem": "4096 16384 16777216"}}
	slow, err := host.NewKernel(&host.Config{Seed: 1, Forget: true, Hosts: map[string]host.Tuning{"client": long, "server": long}})
	if err != nil {
		return nil, nil, errors.Join(err, wired.Close())
	}
	bare, err := host.NewDirect()
	if err != nil {
		return nil, nil, errors.Join(err, wired.Close(), slow.Close())
	}
	const delay = 5 * time.Millisecond
	i := wire.Impairment{Delay: delay}
	if err := slow.Wire.Set(1, [2]wire.Impairment{i, i}); err != nil {
		return nil, nil, errors.Join(err, wired.Close(), slow.Close(), bare.Close())
	}
	w, v, d := pair{wired.Client, wired.Server}, pair{bare.Client, bare.Server}, pair{slow.Client, slow.Server}
	lasting := 2 * time.Second
	if s.quick {
		lasting = time.Second
	}
	list := []comparison{
		{name: "UDP 128 B through the wire", peerName: "bare veth pair", unit: "datagrams/s", must: 0.75, ours: w.udp(lasting), peer: v.udp(lasting)},
		{name: "TCP through the wire", peerName: "bare veth pair", unit: "Mbit/s", must: 0.45, ours: w.tcp(lasting, tcpPort), peer: v.tcp(lasting, tcpPort)},
		{name: "latency added each way, p50, on one CPU", peerName: "the limit", unit: "µs", lowerIsBetter: true, must: 1, ours: added(w, v, wired.Wire.PID()), peer: limit(20)},
	}
	proxy, stop, err := toxiproxy(v, delay)
	switch {
	case err != nil:
		return nil, nil, errors.Join(err, wired.Close(), slow.Close(), bare.Close())
	case proxy == nil:
		fmt.Fprintln(os.Stderr, "hosts: no toxiproxy-server found: left out")
	default:
		list = append(list, comparison{
			name: "TCP with 5 ms each way", peerName: "toxiproxy on a bare veth pair", unit: "Mbit/s", must: 1,
			ours: d.tcp(2*lasting, tcpPort), peer: proxy(2 * lasting),
		})
	}
	return list, func() error { return errors.Join(stop(), wired.Close(), slow.Close(), bare.Close()) }, nil
}

const (
	udpPort   = 9000
	tcpPort   = 9001
	proxyPort = 9002
)

func (p pair) at(port int) string { return fmt.Sprintf("%s:%d", p.server.IPv4, port) }

// udp measures how many datagrams arrive when one socket sends flat out.
func (p pair) udp(lasting time.Duration) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		server, err := p.server.ListenPacket(ctx, "udp", p.at(udpPort))
		if err != nil {
			return 0, err
		}
		defer server.Close()
		if err := host.SetReceiveBuffer(server.(*net.UDPConn), 8<<20); err != nil {
			return 0, err
		}
		client, err := p.client.Dial(ctx, "udp", p.at(udpPort))
		if err != nil {
			return 0, err
		}
		defer client.Close()
		sent := make(chan error, 1)
		go func() {
			b := make([]byte, 128)
			for end := time.Now().Add(lasting); time.Now().Before(end); {
				if _, err := client.Write(b); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		n, began, b := 0, time.Now(), make([]byte, 200)
		server.SetReadDeadline(began.Add(lasting))
		for {
			if _, _, err := server.ReadFrom(b); err != nil {
				break
			}
			n++
		}
		return float64(n) / time.Since(began).Seconds(), <-sent
	}
}

// tcp measures the bytes that arrive over one connection to a port, which
// may be a proxy's for the server's.
func (p pair) tcp(lasting time.Duration, to int) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		l, err := p.server.Listen(ctx, "tcp", p.at(tcpPort))
		if err != nil {
			return 0, err
		}
		defer l.Close()
		client, err := p.client.Dial(ctx, "tcp", p.at(to))
		if err != nil {
			return 0, err
		}
		defer client.Close()
		server, err := l.Accept()
		if err != nil {
			return 0, err
		}
		defer server.Close()
		go func() {
			b := make([]byte, 1<<16)
			for {
				if _, err := client.Write(b); err != nil {
					return // the measurement is over
				}
			}
		}()
		if _, err := discard(server, slowStart); err != nil {
			return 0, err
		}
		began := time.Now()
		n, err := discard(server, lasting)
		if err != nil {
			return 0, err
		}
		return float64(n) * 8 / 1e6 / time.Since(began).Seconds(), nil
	}
}

// slowStart is left out of what is measured of a stream.
const slowStart = 500 * time.Millisecond

// discard reads a stream for a while and returns how many bytes came.
func discard(c net.Conn, lasting time.Duration) (int64, error) {
	c.SetReadDeadline(time.Now().Add(lasting))
	n, err := io.Copy(io.Discard, c)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, fmt.Errorf("the stream ended: %w", err)
	}
	return n, nil
}

// roundTrip returns the median time of UDP there and back.
func (p pair) roundTrip(ctx context.Context) (time.Duration, error) {
	server, err := p.server.ListenPacket(ctx, "udp", p.at(udpPort))
	if err != nil {
		return 0, err
	}
	defer server.Close()
	client, err := p.client.Dial(ctx, "udp", p.at(udpPort))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	go func() {
		b := make([]byte, 200)
		for {
			n, from, err := server.ReadFrom(b)
			if err != nil {
				return
			}
			server.WriteTo(b[:n], from)
		}
	}()
	b := make([]byte, 128)
	times := make([]time.Duration, 0, 3000)
	for range cap(times) {
		began := time.Now()
		if _, err := client.Write(b); err != nil {
			return 0, err
		}
		client.SetReadDeadline(began.Add(time.Second))
		if _, err := client.Read(b); err != nil {
			return 0, err
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// added measures, in microseconds, what the wire adds each way, on one CPU.
func added(wired, bare pair, wire int) func(context.Context) (float64, error) {
	return func(ctx context.Context) (µs float64, err error) {
		err = pinned([]int{os.Getpid(), wire}, func() error {
			with, err := wired.roundTrip(ctx)
			if err != nil {
				return err
			}
			without, err := bare.roundTrip(ctx)
			µs = max(0.1, float64((with-without).Nanoseconds())/2e3)
			return err
		})
		return µs, err
	}
}

func limit(v float64) func(context.Context) (float64, error) {
	return func(context.Context) (float64, error) { return v, nil }
}

// toxiproxy starts the proxy on the server host of a bare pair, with a
// latency each way, if the program is there.
func toxiproxy(p pair, delay time.Duration) (measure func(time.Duration) func(context.Context) (float64, error), stop func() error, err error) {
	nothing := func() error { return nil }
	path, err := exec.LookPath("toxiproxy-server")
	if err != nil {
		return nil, nothing, nil
	}
	config, err := os.CreateTemp("", "toxiproxy-*.json")
	if err != nil {
		return nil, nil, err
	}
	defer config.Close()
	fmt.Fprintf(config, `[{"name":"tcp","listen":%q,"upstream":%q,"enabled":true}]`, p.at(proxyPort), p.at(tcpPort))
	cmd := exec.Command(path, "-host", "127.0.0.1", "-config", config.Name())
	if err := p.server.Start(cmd, nil); err != nil {
		return nil, nil, err
	}
	stop = func() error {
		cmd.Process.Kill()
		cmd.Wait()
		return os.Remove(config.Name())
	}
	if err := p.addLatency(delay); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return func(d time.Duration) func(context.Context) (float64, error) { return p.tcp(d, proxyPort) }, stop, nil
}
