package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// Names of the peers in the tables.
const (
	jetStream   = "NATS JetStream, sync always"
	pebbleAlone = "Pebble alone, synced"
)

const (
	keptBytes    = 128
	keptEmitters = 64
	keptWindow   = 64
)

// durableRows compares what is acknowledged once it is safe on the disk: whole
// servers, and rawlab's store without a network beside a storage engine.
func durableRows(s *settings) (list []comparison, closing func() error, err error) {
	dir, err := diskDir()
	if err != nil {
		return nil, nil, err
	}
	d := &durable{dir: dir, lasting: 2 * time.Second}
	if s.quick {
		d.lasting = time.Second
	}
	ours, err := d.ourServer()
	if err != nil {
		return nil, nil, errors.Join(err, d.close())
	}
	if peer, err := d.jetStream(); err == nil {
		list = append(list,
			comparison{
				name: "durable, 64 emitters, each waits for its ack, 128 B", peerName: jetStream, unit: "events/s", must: 6,
				ours: d.keep(ours, 1), peer: d.keep(peer, 1),
			},
			comparison{
				name: "durable, 64 emitters, each 64 on their way, 128 B", peerName: jetStream, unit: "events/s", must: 40,
				ours: d.keep(ours, keptWindow), peer: d.keep(peer, keptWindow),
			})
	} else {
		fmt.Fprintf(os.Stderr, "tcpq: %s is left out: %v\n", jetStream, err)
	}
	if _, err := exec.LookPath("rawlab-pebble"); err == nil {
		list = append(list, comparison{
			name: "the store alone, 64 writers, each waits, 128 B", peerName: pebbleAlone, unit: "events/s", must: 1.2,
			ours: d.alone(os.Args[0], clientRole, "store"), peer: d.alone("rawlab-pebble"),
		})
	} else {
		fmt.Fprintf(os.Stderr, "tcpq: %s is left out: %v\n", pebbleAlone, err)
	}
	return list, d.close, nil
}

// diskDir makes a folder that is most likely on a disk; /tmp may be memory.
func diskDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	peers := filepath.Join(cache, "rawlab-peers")
	if err := os.MkdirAll(peers, 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(peers, "durable-")
}

// durable is the servers that are compared, and the folder of their files.
type durable struct {
	dir     string
	lasting time.Duration
	servers []*process
}

func (d *durable) close() error {
	for _, p := range d.servers {
		p.stop()
	}
	return os.RemoveAll(d.dir)
}

// serve starts a server that listens on an address, and returns the command
// of its clients, up to their size.
func (d *durable) serve(addr string, client []string, command ...string) ([]string, error) {
	p, err := start(context.Background(), command...)
	if err != nil {
		return nil, err
	}
	d.servers = append(d.servers, p)
	return append(client, addr), up(addr)
}

func (d *durable) ourServer() ([]string, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return d.serve(addr, []string{os.Args[0], clientRole, "keep"},
		"rawlab", "serve", "--tcp", addr, "--data", filepath.Join(d.dir, "rawlab"), "--topic", keptTopic+"=store")
}

func (d *durable) jetStream() ([]string, error) {
	if _, err := exec.LookPath("rivals"); err != nil {
		return nil, err
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(addr)
	store := filepath.Join(d.dir, "jetstream")
	config := filepath.Join(d.dir, "nats.conf")
	text := fmt.Sprintf("listen: \"%s:%s\"\njetstream { store_dir: %q, sync_interval: always }\nlog_file: %q\n", host, port, store, os.DevNull)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return d.serve(addr, []string{"rivals", "nats", "keep"}, "nats-server", "-c", config)
}

// keep measures events acknowledged per second.
func (d *durable) keep(client []string, window int) func(context.Context) (float64, error) {
	return answered(append(client[:len(client):len(client)],
		strconv.Itoa(keptBytes), strconv.Itoa(keptEmitters), strconv.Itoa(window), d.milliseconds())...)
}

// alone measures a store in a folder of its own, new each time.
func (d *durable) alone(command ...string) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		dir, err := os.MkdirTemp(d.dir, "alone-")
		if err != nil {
			return 0, err
		}
		defer os.RemoveAll(dir)
		args := []string{dir, strconv.Itoa(keptBytes), strconv.Itoa(keptEmitters), d.milliseconds()}
		return answered(append(command[:len(command):len(command)], args...)...)(ctx)
	}
}

func (d *durable) milliseconds() string { return strconv.FormatInt(d.lasting.Milliseconds(), 10) }

// answered runs a client that prints one number.
func answered(command ...string) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		p, err := start(ctx, command...)
		if err != nil {
			return 0, err
		}
		defer p.end()
		return p.number()
	}
}
