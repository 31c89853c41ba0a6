package labs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"

	"rawlab/capture"
	"rawlab/capture/account"
	"rawlab/internal/clock"
	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// kernelNetwork is a Network of kernel hosts.
type kernelNetwork struct {
	kernelSockets
	*host.Kernel
	taps  [2]*tap
	doors [2]*door
	why   *reasonWatch // nil: nobody asked
}

// newKernelNetwork makes the hosts, the wire and the taps. The context ends
// when the wire's process dies, with that as its cause.
func newKernelNetwork(ctx context.Context, o *Options) (context.Context, Network, error) {
	k, err := host.NewKernel(&host.Config{Seed: o.Seed, Hosts: o.tuning()})
	if err != nil {
		return ctx, nil, err
	}
	n := &kernelNetwork{Kernel: k}
	for i, h := range []*host.Host{k.Client, k.Server} {
		if n.taps[i], err = newTap(h, o.ringBlocks()); err != nil {
			return ctx, nil, errors.Join(err, n.Close())
		}
		if n.doors[i], err = openDoor(h); err != nil {
			return ctx, nil, errors.Join(err, n.Close())
		}
	}
	if o.KernelReasons {
		if n.why, err = watchReasons(k.Client, k.Server); err != nil {
			return ctx, nil, errors.Join(err, n.Close())
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	k.Wire.OnDeath(cancel)
	return ctx, n, nil
}

// tuning is what both hosts have other than this machine.
func (o *Options) tuning() map[string]host.Tuning {
	t := host.Tuning{Sysctls: map[string]string{}}
	for name, value := range o.sysctls {
		if host.HasSysctl(name) {
			t.Sysctls[name] = value
		}
	}
	hosts := map[string]host.Tuning{}
	for _, name := range host.Names(max(1, o.clients)) {
		hosts[name] = t
	}
	return hosts
}

// kernelSockets are those of kernel hosts, whose time is the machine's.
type kernelSockets struct{}

func (kernelSockets) Clock() clock.Clock { return clock.Real }

func (n *kernelNetwork) Client() Host { return n.Kernel.Client }
func (n *kernelNetwork) Server() Host { return n.Kernel.Server }

func (n *kernelNetwork) Impair(seed uint64, i [2]wire.Impairment) error {
	return n.Kernel.Wire.Set(seed, i)
}

func (n *kernelNetwork) Translate(list []wire.Translation) error {
	return n.Kernel.Wire.Translate(list)
}

func (n *kernelNetwork) Wire() ([2]wire.Stats, error) { return n.Kernel.Wire.Stats() }

func (kernelSockets) Memory(conn any) (host.Memory, error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return host.Memory{}, fmt.Errorf("%T has no socket to look into", conn)
	}
	return host.ReceiveMemory(c)
}

func (kernelSockets) SetReceiveBuffer(conn any, bytes int) error {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%T has no socket to set", conn)
	}
	return host.SetReceiveBuffer(c, bytes)
}

// congestionControls are those that kernel hosts have.
func congestionControls() []string { return host.CongestionControls() }

func (kernelSockets) SetCongestionControl(conn any, name string) error {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%T has no socket to set", conn)
	}
	return host.SetCongestionControl(c, name)
}

func (n *kernelNetwork) Finish() (*Recording, error) {
	rows, stats, err := n.Kernel.Wire.Stop()
	n.Kernel.Wire = nil
	if err != nil {
		return nil, err
	}
	r := record(rows, stats)
	for side, t := range n.taps {
		if r.Taps[side], err = t.finish(); err != nil {
			return nil, err
		}
		if r.Doors[side], err = n.doors[side].finish(); err != nil {
			return nil, err
		}
	}
	if n.why != nil {
		r.Reasons, err = n.why.finish()
	}
	return r, err
}

func (n *kernelNetwork) Close() error {
	var errs []error
	for side, t := range n.taps {
		if t != nil {
			errs = append(errs, t.close())
		}
		if d := n.doors[side]; d != nil {
			errs = append(errs, d.close())
		}
	}
	if n.why != nil {
		errs = append(errs, n.why.close())
	}
	return errors.Join(append(errs, n.Kernel.Close())...)
}

// tap keeps every packet of one host's interface.
type tap struct {
	ring *capture.Ring
	wg   sync.WaitGroup
	kept keeper
	err  error
}

// ringBlocks is how many blocks of the default size a tap's ring has: more
// where there is so much to come that a busy machine may read it late.
func (o *Options) ringBlocks() int {
	const much = 64 << 20 // bytes of payload
	if o.Events*o.Size > much {
		return 2 * capture.DefaultBlocks
	}
	return capture.DefaultBlocks
}

func newTap(h *host.Host, blocks int) (*tap, error) {
	t := &tap{}
	err := h.Do(func() (err error) {
		t.ring, err = capture.OpenRing(&capture.RingConfig{Interface: host.Interface, Blocks: blocks})
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
			t.kept.keep(batch[i].Time, batch[i].Outgoing, batch[i].Data)
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.err = err
			}
			return
		}
	}
}

// finish ends the tap and returns all that came before.
func (t *tap) finish() (account.Tap, error) {
	t.ring.Stop()
	t.wg.Wait()
	stats, err := t.ring.Stats()
	return account.Tap{Packets: t.kept.packets, Dropped: stats.Dropped + t.kept.excess}, errors.Join(err, t.err)
}

func (t *tap) close() error {
	t.ring.Stop()
	t.wg.Wait()
	return t.ring.Close()
}
