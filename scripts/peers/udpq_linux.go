package main

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"rawlab/framing"
)

const plainRelay = "plain Go UDP relay"

// udpqTopic compares the UDP queue with a relay that only passes datagrams
// on: publisher, relay and subscriber are processes of their own, and each
// publishes as fast as it can, so that what is lost on the way is lost.
func udpqTopic(s *settings) (list []comparison, closing func() error, err error) {
	var sides []*side
	closing = func() error {
		for _, side := range sides {
			for _, p := range side.server {
				p.stop()
			}
		}
		return nil
	}
	for _, begin := range []func() (*side, error){
		func() (*side, error) { return datagramServer(0) },
		func() (*side, error) { return datagramServer(framing.DefaultDatagram) },
		relayServer,
	} {
		side, err := begin()
		if err != nil {
			closing()
			return nil, nil, err
		}
		sides = append(sides, side)
	}
	lasting := 1500 * time.Millisecond
	if s.quick {
		lasting = 500 * time.Millisecond
	}
	plain, packed, peer := sides[0], sides[1], sides[2]
	list = []comparison{
		{
			name: "relay 128 B, unpacked, plain wire-size datagrams", peerName: plainRelay, unit: "events/s", must: 1.4,
			ours: plain.fanOut(128, 1, lasting, false), peer: peer.fanOut(128, 1, lasting, false),
		},
		{
			name: "relay 128 B, packed + GSO/GRO", peerName: plainRelay, unit: "events/s", must: 15,
			ours: packed.fanOut(128, 1, lasting, false), peer: peer.fanOut(128, 1, lasting, false),
		},
		{
			name: "relay 128 B, packed + GSO/GRO, paced: of 1.5 M events/s", peerName: "all delivered", unit: "events/s", must: 0.995, // lost or late counts as not delivered
			ours: packed.paced(1_500_000).fanOut(128, 1, lasting, false), peer: limit(1_500_000),
		},
	}
	streams, err := streamRows(lasting)
	return slices.Concat(list, streams, rungComparisons(s)), closing, err
}

// streamRows compare acknowledged events in order with streams, over one hop:
// a publisher and whoever takes what it sends. All pack what waits.
func streamRows(lasting time.Duration) (list []comparison, err error) {
	if _, err := exec.LookPath("rivals"); err != nil {
		return nil, nil // peers.sh has said so
	}
	ours, err := streamOf("ack", os.Args[0], clientRole, "ack-pub", "ack-sink")
	if err != nil {
		return nil, err
	}
	for _, peer := range []struct {
		kind, name string
		must       float64
	}{
		{"kcp", "kcp-go stream", 2},
		{"quic", "quic-go stream, which encrypts", 2},
	} {
		theirs, err := streamOf(peer.name, "rivals", peer.kind, "pub", "sub")
		if err != nil {
			return nil, err
		}
		list = append(list, comparison{
			name: "ack stream 128 B, one hop, beside " + peer.kind, peerName: peer.name, unit: "events/s", must: peer.must,
			ours: ours.fanOut(128, 1, lasting, true), peer: theirs.fanOut(128, 1, lasting, false),
		})
	}
	return list, nil
}

// streamOf is a side without a server.
func streamOf(name, program, role, publish, take string) (*side, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return &side{
		name: name,
		publish: func(size int, lasting time.Duration) []string {
			return []string{program, role, publish, addr, strconv.Itoa(size), strconv.FormatInt(lasting.Milliseconds(), 10)}
		},
		counts: []string{program, role, take, addr, "128"},
	}, nil
}

// paced is the side with a publisher that emits so many events per second.
func (s *side) paced(perSecond int) *side {
	slow := *s
	slow.publish = func(size int, lasting time.Duration) []string {
		return append(s.publish(size, lasting), strconv.Itoa(perSecond))
	}
	return &slow
}

// datagramServer starts rawlab, which packs up to so many bytes and then has
// the kernel cut and join datagrams too.
func datagramServer(pack int) (*side, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	packing := strconv.Itoa(pack)
	server, err := start(context.Background(), "rawlab", "serve", "--tcp", addr, "--udp", addr,
		"--udp-pack", packing, "--udp-offload="+strconv.FormatBool(pack > 0))
	if err != nil {
		return nil, err
	}
	return &side{
		name: "rawlab", server: []*process{server},
		publish: func(size int, lasting time.Duration) []string {
			return []string{os.Args[0], clientRole, "udp-pub", addr, strconv.Itoa(size), strconv.FormatInt(lasting.Milliseconds(), 10), packing}
		},
		counts: []string{os.Args[0], clientRole, "udp-sub", addr, packing},
	}, up(addr) // clients say hello until the UDP socket is there too
}

func relayServer() (*side, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	server, err := start(context.Background(), os.Args[0], clientRole, "relay", addr)
	if err != nil {
		return nil, err
	}
	_, err = server.line()
	return &side{
		name: plainRelay, server: []*process{server},
		publish: func(size int, lasting time.Duration) []string {
			return []string{os.Args[0], clientRole, "relay-pub", addr, strconv.Itoa(size), strconv.FormatInt(lasting.Milliseconds(), 10)}
		},
		counts: []string{os.Args[0], clientRole, "relay-sub", addr},
	}, err
}
