package labs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"rawlab/capture"
	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/internal/clock"
	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// kernelNetwork is a Network of kernel hosts.
type kernelNetwork struct {
	*host.Kernel
	taps [2]*tap
}

// newNetwork makes the hosts, the wire and the taps.
func newNetwork(seed uint64) (Network, error) {
	k, err := host.NewKernel(&host.Config{Seed: seed})
	if err != nil {
		return nil, err
	}
	n := &kernelNetwork{Kernel: k}
	for i, h := range []*host.Host{k.Client, k.Server} {
		if n.taps[i], err = newTap(h); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	return n, nil
}

func (n *kernelNetwork) Clock() clock.Clock { return clock.Real }

func (n *kernelNetwork) Client() Host { return n.Kernel.Client }
func (n *kernelNetwork) Server() Host { return n.Kernel.Server }

func (n *kernelNetwork) Impair(seed uint64, i [2]wire.Impairment) error {
	return n.Kernel.Wire.Set(seed, i)
}

func (n *kernelNetwork) Wire() ([2]wire.Stats, error) { return n.Kernel.Wire.Stats() }

func (n *kernelNetwork) Memory(conn any) (host.Memory, error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return host.Memory{}, fmt.Errorf("%T has no socket to look into", conn)
	}
	return host.ReceiveMemory(c)
}

func (n *kernelNetwork) SetReceiveBuffer(conn any, bytes int) error {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%T has no socket to set", conn)
	}
	return host.SetReceiveBuffer(c, bytes)
}

func (n *kernelNetwork) Finish() (*Recording, error) {
	rows, stats, err := n.Kernel.Wire.Stop()
	n.Kernel.Wire = nil
	if err != nil {
		return nil, err
	}
	r := &Recording{}
	for leg := range rows {
		r.Wire[leg] = passages(rows[leg])
		r.Wire[leg].Missed = stats[leg].RingDrops + stats[leg].Refused + stats[leg].Missing
		for i := range rows[leg] {
			if rows[leg][i].Out != 0 {
				r.Lateness = append(r.Lateness, rows[leg][i].Lateness())
			}
		}
	}
	for side, t := range n.taps {
		if r.Taps[side], err = t.finish(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (n *kernelNetwork) Close() error {
	var errs []error
	for _, t := range n.taps {
		if t != nil {
			errs = append(errs, t.close())
		}
	}
	return errors.Join(append(errs, n.Kernel.Close())...)
}

// passages translates the wire's rows into account's words.
func passages(rows []wire.Row) account.Wire {
	fates := map[wire.Fate]account.PacketFate{
		wire.Passed: account.PacketPassed, wire.Lost: account.PacketLost, wire.Corrupted: account.PacketCorrupted,
		wire.Overflow: account.PacketOverflow, wire.Held: account.PacketHeld,
	}
	protocols := map[uint8]dissect.Protocol{wire.ProtocolTCP: dissect.TCP, wire.ProtocolUDP: dissect.UDP}
	w := account.Wire{Passages: make([]account.Passage, len(rows))}
	for i := range rows {
		r := &rows[i]
		w.Passages[i] = account.Passage{
			Time: time.Unix(0, r.Time), Out: time.Unix(0, r.Out), Hash: r.Hash, OutHash: r.OutHash,
			Seq: r.Seq, Length: int(r.Length), Span: int(r.Span), SrcPort: r.SrcPort, DstPort: r.DstPort,
			Protocol: protocols[r.Protocol], Fate: fates[r.Fate], Copies: int(r.Copies),
		}
	}
	return w
}

// maxTapBytes bounds what one tap keeps in memory; a packet beyond it counts
// as dropped.
const maxTapBytes = 1 << 30

// tap keeps every packet of one host's interface.
type tap struct {
	ring    *capture.Ring
	wg      sync.WaitGroup
	packets []account.Packet
	bytes   int
	excess  uint64 // packets beyond maxTapBytes
	err     error
	arena   []byte // where packets' bytes are copied to, a chunk at a time
}

func newTap(h *host.Host) (*tap, error) {
	t := &tap{}
	err := h.Do(func() (err error) {
		t.ring, err = capture.OpenRing(&capture.RingConfig{Interface: host.Interface})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tap at host %s: %w", h.Name, err)
	}
	t.wg.Go(t.run)
	return t, nil
}

func (t *tap) run() {
	for {
		batch, err := t.ring.Read(context.Background())
		for i := range batch {
			t.keep(&batch[i])
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.err = err
			}
			return
		}
	}
}

const arenaBytes = 1 << 20

func (t *tap) keep(p *capture.Packet) {
	if t.bytes += len(p.Data); t.bytes > maxTapBytes {
		t.excess++
		return
	}
	if len(t.arena)+len(p.Data) > cap(t.arena) {
		t.arena = make([]byte, 0, max(arenaBytes, len(p.Data)))
	}
	from := len(t.arena)
	t.arena = append(t.arena, p.Data...)
	t.packets = append(t.packets, account.Packet{
		Time: p.Time, Data: t.arena[from:len(t.arena):len(t.arena)], Hash: wire.Hash(p.Data), Outgoing: p.Outgoing,
	})
}

// finish ends the tap and returns all that came before.
func (t *tap) finish() (account.Tap, error) {
	t.ring.Stop()
	t.wg.Wait()
	stats, err := t.ring.Stats()
	return account.Tap{Packets: t.packets, Dropped: stats.Dropped + t.excess}, errors.Join(err, t.err)
}

func (t *tap) close() error {
	t.ring.Stop()
	t.wg.Wait()
	return t.ring.Close()
}
