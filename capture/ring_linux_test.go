package capture_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"rawlab/capture"
	"rawlab/internal/machine"
)

const udpPayload = 14 + 20 + 8 // where it starts: Ethernet, IPv4, UDP

func (n *namespace) ring(t *testing.T, c capture.RingConfig) *capture.Ring {
	t.Helper()
	var r *capture.Ring
	n.do(t, func() (err error) {
		r, err = capture.OpenRing(&c)
		return err
	})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// drain stops the ring and returns clones of all it still has.
func drain(t *testing.T, r *capture.Ring) []capture.Packet {
	t.Helper()
	r.Stop()
	var ps []capture.Packet
	for p, err := range capture.Packets(t.Context(), r) {
		if err != nil {
			t.Fatal(err)
		}
		c := *p
		c.Data = bytes.Clone(p.Data)
		ps = append(ps, c)
	}
	return ps
}

// send sends n datagrams of size bytes, numbered from 0.
func send(t *testing.T, c net.Conn, n, size int) {
	t.Helper()
	b := make([]byte, size)
	for i := range n {
		binary.BigEndian.PutUint32(b, uint32(i))
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRingEachPacketOnce(t *testing.T) {
	n := newNamespace(t)
	r := n.ring(t, capture.RingConfig{IgnoreOutgoing: true})
	_, sender := n.udp(t)
	const events = 3000
	before := time.Now()
	send(t, sender, events, 100)
	ps := drain(t, r)
	if len(ps) != events {
		t.Fatalf("captured %d packets, want %d", len(ps), events)
	}
	for i, p := range ps {
		if got := binary.BigEndian.Uint32(p.Data[udpPayload:]); got != uint32(i) || p.Outgoing || p.Length != udpPayload+100 || len(p.Data) != p.Length {
			t.Fatalf("packet %d is number %d, %d of %d bytes, outgoing %v", i, got, len(p.Data), p.Length, p.Outgoing)
		}
		if p.Time.Before(before.Add(-time.Second)) || p.Time.After(time.Now().Add(time.Second)) {
			t.Fatalf("packet %d came at %v, now is %v", i, p.Time, time.Now())
		}
	}
	stats, err := r.Stats()
	if d := cmp.Diff(capture.Stats{Received: events}, stats); d != "" || err != nil {
		t.Errorf("Stats: %v (-want +got):\n%s", err, d)
	}
}

func TestRingOutgoing(t *testing.T) {
	n := newNamespace(t)
	r := n.ring(t, capture.RingConfig{})
	_, sender := n.udp(t)
	send(t, sender, 10, 8)
	outgoing := 0
	ps := drain(t, r)
	for _, p := range ps {
		if p.Outgoing {
			outgoing++
		}
	}
	if len(ps) != 20 || outgoing != 10 {
		t.Errorf("captured %d packets, %d of them outgoing, want 20 and 10", len(ps), outgoing)
	}
}

// TestRingStopAtOnce stops right after the last packet was sent: it sits in
// a block that the kernel still fills.
func TestRingStopAtOnce(t *testing.T) {
	n := newNamespace(t)
	_, sender := n.udp(t)
	for round := range 10 {
		r := n.ring(t, capture.RingConfig{IgnoreOutgoing: true})
		send(t, sender, round, 8)
		if got := len(drain(t, r)); got != round {
			t.Errorf("captured %d packets, want %d", got, round)
		}
		if _, err := r.Read(t.Context()); err != io.EOF {
			t.Errorf("Read after the end: %v, want io.EOF", err)
		}
	}
}

func TestRingCountsDrops(t *testing.T) {
	n := newNamespace(t)
	r := n.ring(t, capture.RingConfig{IgnoreOutgoing: true, BlockBytes: 4096, Blocks: 2})
	_, sender := n.udp(t)
	send(t, sender, 500, 1000)
	if _, err := r.Stats(); err != nil { // reading must not lose the counts
		t.Fatal(err)
	}
	read := uint64(len(drain(t, r)))
	stats, err := r.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if stats.Received != 500 || stats.Dropped == 0 || stats.Received-stats.Dropped != read {
		t.Errorf("Stats = %+v after 500 packets, %d of them read", stats, read)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if again, err := r.Stats(); again != stats || err != nil {
		t.Errorf("Stats after Close = %+v, %v, want %+v", again, err, stats)
	}
}

// TestRingReadsWhileFilling reads through a small ring many times over while
// packets keep coming, slowly enough to lose none.
func TestRingReadsWhileFilling(t *testing.T) {
	n := newNamespace(t)
	r := n.ring(t, capture.RingConfig{IgnoreOutgoing: true, BlockBytes: 16384, Blocks: 4})
	receiver, sender := n.udp(t)
	const rounds = 300
	go func() {
		defer r.Stop()
		b := make([]byte, 1000)
		for i := range rounds {
			binary.BigEndian.PutUint32(b, uint32(i))
			sender.Write(b)
			receiver.Read(b) // one at a time
		}
	}()
	next := uint32(0)
	for p, err := range capture.Packets(t.Context(), r) {
		if err != nil {
			t.Fatal(err)
		}
		if got := binary.BigEndian.Uint32(p.Data[udpPayload:]); got < next {
			t.Fatalf("packet %d came after %d", got, next)
		} else {
			next = got + 1
		}
	}
	stats, err := r.Stats()
	if err != nil || stats.Received != rounds {
		t.Errorf("Stats = %+v, %v, want %d received", stats, err, rounds)
	}
}

func TestRingSnapLenAndFilter(t *testing.T) {
	n := newNamespace(t)
	long, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtLen},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 100, SkipFalse: 1},
		bpf.RetConstant{Val: 262144},
		bpf.RetConstant{},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := n.ring(t, capture.RingConfig{IgnoreOutgoing: true, SnapLen: 60, Filter: long})
	_, sender := n.udp(t)
	send(t, sender, 5, 10)
	send(t, sender, 7, 500)
	ps := drain(t, r)
	if len(ps) != 7 {
		t.Fatalf("captured %d packets, want the 7 long ones", len(ps))
	}
	if p := ps[0]; len(p.Data) != 60 || p.Length != udpPayload+500 {
		t.Errorf("packet has %d of %d bytes, want 60 of %d", len(p.Data), p.Length, udpPayload+500)
	}
}

// TestRingRestoresVLANTag sends a tagged frame: the kernel takes the tag out
// before a capture sees it.
func TestRingRestoresVLANTag(t *testing.T) {
	n := newNamespace(t)
	r := n.ring(t, capture.RingConfig{IgnoreOutgoing: true})
	frame := append([]byte{2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x81, 0, 0x20, 100, 8, 0, 0x45}, bytes.Repeat([]byte{7}, 60)...)
	n.send(t, frame)
	ps := drain(t, r)
	if len(ps) != 1 {
		t.Fatalf("captured %d packets, want 1", len(ps))
	}
	if d := cmp.Diff(frame, ps[0].Data); d != "" || ps[0].Length != len(frame) {
		t.Errorf("length %d, data (-want +got):\n%s", ps[0].Length, d)
	}
}

func TestRingEnds(t *testing.T) {
	n := newNamespace(t)
	t.Run("by its context", func(t *testing.T) {
		r := n.ring(t, capture.RingConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if _, err := r.Read(ctx); err != io.EOF {
			t.Errorf("Read = %v, want io.EOF", err)
		}
	})
	t.Run("by Close", func(t *testing.T) {
		r := n.ring(t, capture.RingConfig{})
		go r.Close()
		if _, err := r.Read(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read = %v, want net.ErrClosed", err)
		}
		r.Stop() // late, and harmless
	})
}

func TestOpenRingRefuses(t *testing.T) {
	n := newNamespace(t)
	for name, want := range map[string]string{"nosuch0": "nosuch0", "any": "name it"} {
		n.do(t, func() error {
			_, err := capture.OpenRing(&capture.RingConfig{Interface: name})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("OpenRing on %s: %v, want %q in it", name, err, want)
			}
			return nil
		})
	}
}

func TestOpenRingWithoutRight(t *testing.T) {
	n := newNamespace(t)
	n.do(t, func() error { // a capability belongs to a thread, and this one ends with the test
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			return err
		}
		_, err := capture.OpenRing(nil)
		if _, ok := errors.AsType[*capture.PermissionError](err); !ok || !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "setcap cap_net_raw+ep") {
			t.Errorf("OpenRing = %v, want a *PermissionError with the remedy", err)
		}
		return nil
	})
}

// TestRingSplits: datagrams that leave as one large packet are captured as
// those that the receiver gets.
func TestRingSplits(t *testing.T) {
	if !machine.KernelAtLeast(6, 2) && os.Getenv("RAWLAB_REQUIRE_KERNEL") != "" {
		t.Fatal("RAWLAB_REQUIRE_KERNEL is set, but the kernel is older than 6.2")
	} else if !machine.KernelAtLeast(6, 2) {
		t.Skip("the kernel is older than 6.2")
	}
	n := newNamespace(t)
	whole, split := n.ring(t, capture.RingConfig{IgnoreOutgoing: true}), n.ring(t, capture.RingConfig{IgnoreOutgoing: true, Split: true})
	_, sender := n.udp(t)
	raw, err := sender.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var set error
	if err := raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, 100) }); err != nil || set != nil {
		t.Fatal(err, set)
	}
	train := make([]byte, 950)
	for i := range train {
		train[i] = byte(i / 100)
	}
	if _, err := sender.Write(train); err != nil {
		t.Fatal(err)
	}
	if ps := drain(t, whole); len(ps) != 1 || ps[0].Length != udpPayload+950 {
		t.Errorf("without Split: %d packets, want the train", len(ps))
	}
	ps := drain(t, split)
	if len(ps) != 10 {
		t.Fatalf("with Split: %d packets, want 10", len(ps))
	}
	for i, p := range ps {
		want := udpPayload + min(100, 950-i*100)
		if len(p.Data) != want || p.Length != want || p.Data[want-1] != byte(i) || len(p.Comments) != 1 {
			t.Errorf("packet %d: %d of %d bytes, the last %d, comments %q", i, len(p.Data), p.Length, p.Data[len(p.Data)-1], p.Comments)
		}
	}
}
