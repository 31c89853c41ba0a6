package labs

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"

	"rawlab/capture/account"
	"rawlab/internal/queue"
	"rawlab/labs/host"
	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/tcpq"
	"rawlab/udpq"
)

// Provocation is one run on kernel hosts in which a test sees to it that
// events meet a fate. Script has the wire as Options say, once everybody has
// connected.
type Provocation struct {
	Options   Options
	TCP       bool
	Name      string                  // under which the subscriber listens
	Topics    map[string]queue.Policy // that the server is told
	Retention queue.Retention
	ServerTCP func(*tcpq.Config)
	ServerUDP func(*udpq.Config)
	Socket    func(net.Conn) net.Conn // takes the emitter's place in its socket
	Dial      func(*udpq.ClientConfig)
	Script    func(context.Context, *Stage) error
}

// Stage is where a provocation plays.
type Stage struct{ x *transfer }

// Provoke carries a provocation out. The input is what the ledger was made
// from, for a test to hold it against.
func Provoke(ctx context.Context, p *Provocation) (*report.Evidence, *account.Input, error) {
	var stage *Stage
	t := *overTCP
	if !p.TCP {
		t = *overUDP(udpq.ReliabilityNone)
	}
	p.replaceServe(&t)
	p.replaceDial(&t)
	run := &plan{transport: &t, name: p.Name, topics: p.Topics, script: func(ctx context.Context, x *transfer) error {
		stage = &Stage{x}
		return p.Script(ctx, stage)
	}}
	o := p.Options
	o.Backend = BackendKernel
	evidence, _, err := carryOut(ctx, &o, []*plan{run})
	if err != nil {
		return nil, nil, err
	}
	return evidence[0], &stage.x.input, nil
}

func (p *Provocation) replaceServe(t *transport) {
	base := t.serve
	t.serve = func(ctx context.Context, h Host, s *serverOptions) (*runningServer, error) {
		s.retention, s.tuneTCP, s.tuneUDP = p.Retention, p.ServerTCP, p.ServerUDP
		return base(ctx, h, s)
	}
}

func (p *Provocation) replaceDial(t *transport) {
	base := t.dial
	t.dial = func(ctx context.Context, h Host, d *dialOptions) (client, error) {
		if d.origin == emitterID && p.Socket != nil {
			h = &otherSocket{h, p.Socket}
		}
		d.tune = p.Dial
		return base(ctx, h, d)
	}
}

// otherSocket is a host whose connections are replaced.
type otherSocket struct {
	Host
	replace func(net.Conn) net.Conn
}

func (h *otherSocket) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := h.Host.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return h.replace(c), nil
}

func (s *Stage) kernel() *host.Kernel { return s.x.network.(*kernelNetwork).Kernel }

// Client and Server are the hosts.
func (s *Stage) Client() *host.Host { return s.kernel().Client }
func (s *Stage) Server() *host.Host { return s.kernel().Server }

// Filter gives a host rules of nftables.
func Filter(h *host.Host, rules string) error {
	return h.Do(func() error {
		c := exec.Command("nft", "-f", "-")
		c.Stdin = strings.NewReader(rules)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("nft: %w: %s", err, out)
		}
		return nil
	})
}

// Filtered returns what nft says of a host's rules, counters and all.
func Filtered(h *host.Host) (text string, err error) {
	err = h.Do(func() error {
		out, err := exec.Command("nft", "list", "ruleset").CombinedOutput()
		text = string(out)
		return err
	})
	return text, err
}

// Emit emits n events as a lab does.
func (s *Stage) Emit(ctx context.Context, n int) error { return s.x.emit(ctx, n) }

// EmitTo emits one event to a topic.
func (s *Stage) EmitTo(topic string) error {
	now := s.x.clock.Now()
	sequence, err := s.x.emitter.EmitAt(now, topic, []byte("event"))
	s.x.input.Emissions = append(s.x.input.Emissions, account.Emission{ID: account.ID{Origin: emitterID, Sequence: sequence}, Time: now, Refused: err != nil})
	return err
}

// Settle waits until everything is where it will stay.
func (s *Stage) Settle(ctx context.Context) error {
	return s.x.until(ctx, func(now standing, still int) bool { return now.quiet(still) })
}

// SettleAt waits until so many events were delivered.
func (s *Stage) SettleAt(ctx context.Context, delivered int) error { return s.x.settle(ctx, delivered) }

// Leave ends the subscriber, and waits until the server knows.
func (s *Stage) Leave(ctx context.Context) error {
	if err := s.x.leave(ctx); err != nil || s.x.transport.stream {
		return err
	}
	return s.x.until(ctx, func(standing, int) bool { return s.x.server.stats().Sessions < 2 })
}

// Return lets it come again.
func (s *Stage) Return(ctx context.Context) error {
	_, err := s.x.listen(ctx)
	return err
}

// Read waits until the server has read so many events.
func (s *Stage) Read(ctx context.Context, n int) error {
	return s.x.until(ctx, func(now standing, _ int) bool { return now.read >= n })
}

// CloseServerSocket takes the server's socket away, and leaves a server that
// does nothing.
func (s *Stage) CloseServerSocket(ctx context.Context) error {
	socket := s.x.server.socket.(net.PacketConn)
	if err := socket.Close(); err != nil {
		return err
	}
	s.x.server.stop() // it cannot serve on, and says so
	other, err := s.Server().ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.x.sockets.add(other)
	s.x.server = &runningServer{socket: other, stats: func() udpq.Stats { return udpq.Stats{} }, cancel: func() {}, stop: other.Close}
	return nil
}

// Counters are what a host counted since the run began.
func (s *Stage) Counters(side int) (host.Counters, error) {
	after, err := s.x.hosts[side].Counters()
	return after.Minus(s.x.before[side]), err
}

// ReceiveBuffer sets that of the server.
func (s *Stage) ReceiveBuffer(bytes int) error {
	return s.x.network.SetReceiveBuffer(s.x.server.socket, bytes)
}

// Throttle makes a host's queue before its cable a slow one.
func (s *Stage) Throttle(h *host.Host, bits, limit int) error {
	return h.Do(func() error {
		link, err := netlink.LinkByName(host.Interface)
		if err != nil {
			return err
		}
		return netlink.QdiscReplace(&netlink.Tbf{
			QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
			Rate:       uint64(bits) / 8, Limit: uint32(limit), Buffer: 16e6 / 64, // two full packets at 1 Mbit/s, in the kernel's 64 ns
		})
	})
}

// CutWire lets nothing pass; MendWire ends that.
func (s *Stage) CutWire() error {
	down := wire.Impairment{Down: true}
	return s.x.network.Impair(1, [2]wire.Impairment{down, down})
}
func (s *Stage) MendWire() error { return s.x.network.Impair(1, [2]wire.Impairment{}) }

// Break ends the emitter's connection before its time.
func (s *Stage) Break(closing func() error) {
	s.x.input.Broken = true
	closing()
}
