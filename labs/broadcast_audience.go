package labs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/labs/report"
	"rawlab/udpq"
)

// overPlainUDP is UDP that does nothing for what is lost.
var overPlainUDP = overUDP(udpq.ReliabilityNone)

// audience is many clients that listen to one topic, all on one host, and
// what each of them got.
type audience struct {
	clients int
	name    string // how they are told
	sender  uint16 // the port that a group's datagrams leave from, 0: there is no group

	mu         sync.Mutex
	deliveries [][]account.Delivery // by client
	ports      []uint16             // of the clients, 0 for those in a group

	expected, delivered, lost, unexplained int // over all clients
	told                                   int // events that came to the server
	some                                   int // events that some clients got and others did not
	packets                                int // with events, that left the server's host
	bytes                                  int64
}

func newAudience(clients int, name string) *audience { return &audience{clients: clients, name: name} }

// plan has the audience listen over a transport.
func (a *audience) plan(t *transport, variant string) *plan {
	return &plan{transport: t, variant: variant, tune: a.enroll, script: a.script, ledger: a.settle}
}

// enroll gives each listening client a number, and notes what it gets.
func (a *audience) enroll(d *dialOptions) {
	if d.origin == emitterID {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	number, deliver := len(a.deliveries), d.onEvent
	a.deliveries = append(a.deliveries, nil)
	d.onEvent = func(f *framing.Frame) {
		a.mu.Lock()
		a.deliveries[number] = append(a.deliveries[number], account.Delivery{ID: account.ID{Origin: f.Origin, Sequence: f.Sequence}, Time: d.clock.Now()})
		a.mu.Unlock()
		deliver(f)
	}
}

// script lets the other clients join the first, on the wire's path alone, and
// emits.
func (a *audience) script(ctx context.Context, x *transfer) (err error) {
	others := make([]client, 0, a.clients)
	defer func() {
		for i := range others {
			err = errors.Join(err, others[i].Close())
		}
	}()
	a.ports = append(a.ports, localPort(x.listener))
	for len(others)+1 < a.clients {
		c, err := x.transport.dial(ctx, x.hosts[account.Client], x.dialing(&dialOptions{
			origin: uint64(listenerID + 1 + len(others)), onEvent: x.deliver, opened: x.roomy,
		}))
		if err != nil {
			return fmt.Errorf("subscriber %d: %w", len(others)+2, err)
		}
		others = append(others, c)
		if _, err := c.Subscribe(ctx, x.subject()); err != nil {
			return fmt.Errorf("subscriber %d: %w", len(others)+1, err)
		}
		a.ports = append(a.ports, localPort(c))
	}
	if err := x.emit(ctx, x.options.Events); err != nil {
		return err
	}
	return x.settle(ctx, a.clients*x.options.Events)
}

// roomy gives a client's UDP socket room in which a busy machine loses nothing.
func (x *transfer) roomy(c net.Conn) error {
	if x.transport.stream {
		return nil
	}
	return x.network.SetReceiveBuffer(c, largeBuffer)
}

// localPort is a client's port; 0 of one in a group.
func localPort(c client) uint16 {
	if c.LocalAddr() == nil {
		return 0
	}
	port, _ := portOf(c) // its own address can be read
	return port
}

// settle closes the account of each client by itself, from the packets that
// were for it. What it returns is the first client's, with all packets.
func (a *audience) settle(x *transfer) *account.Ledger {
	emitter := uint16(0)
	if at, ok := emitterAddress(x.input.Taps[account.Client].Packets, dissect.NewParser(dissect.LinkEthernet)); ok {
		emitter = at.Port()
	}
	all := x.input
	all.Deliveries = a.deliveries[0]
	whole := account.Settle(&all)
	got := map[account.ID]int{}
	for i := range a.deliveries {
		one := x.input
		one.Deliveries = a.deliveries[i]
		a.keep(&one, map[uint16]bool{emitter: true, a.ports[i]: a.ports[i] != 0, a.sender: a.sender != 0})
		l := account.Settle(&one)
		a.expected += l.Emitted
		a.delivered += l.Delivered
		a.lost += l.Emitted - l.Delivered
		a.unexplained += l.Unexplained()
		for j := range l.Events {
			if e := &l.Events[j]; e.Fate == "" {
				got[e.ID]++
			}
		}
		if i == 0 {
			whole.Events, whole.Emitted, whole.Delivered, whole.Duplicates, whole.Fates, whole.LostOn = l.Events, l.Emitted, l.Delivered, l.Duplicates, l.Fates, l.LostOn
			whole.Doubts, whole.Timed, whole.Reordered = nil, l.Timed, l.Reordered
		}
		for _, d := range l.Doubts {
			whole.Doubts = append(whole.Doubts, fmt.Sprintf("client %d: %s", i+1, d))
		}
	}
	for _, n := range got {
		if n < a.clients {
			a.some++
		}
	}
	for _, s := range x.input.Server {
		if s.Read > 0 {
			a.told++
		}
	}
	return whole
}

// keep leaves in an account only what went between the server's port and
// some others.
func (a *audience) keep(in *account.Input, ports map[uint16]bool) {
	mine := func(src, dst uint16) bool {
		return src == in.Port && ports[dst] || dst == in.Port && ports[src]
	}
	parser := dissect.NewParser(dissect.LinkEthernet)
	for side := range in.Taps {
		var kept []account.Packet
		for _, p := range in.Taps[side].Packets {
			if h, err := parser.Parse(p.Data); err == nil && mine(h.Src.Port(), h.Dst.Port()) {
				kept = append(kept, p)
			}
		}
		in.Taps[side].Packets = kept
	}
	for leg := range in.Wire {
		var kept []account.Passage
		for _, p := range in.Wire[leg].Passages {
			if mine(p.SrcPort, p.DstPort) {
				kept = append(kept, p)
			}
		}
		in.Wire[leg].Passages = kept
	}
	if a.sender != 0 {
		in.Doors[account.Client] = nil // the door knows what is for the host's own address
	}
}

// read counts what left the server's host.
func (a *audience) read(e *report.Evidence) {
	packets := e.Taps[account.Server].Packets
	seen := map[int]bool{}
	for _, f := range eventFrames(&e.Taps[account.Server], true) {
		for _, p := range f.Parts {
			if !seen[p.Packet] {
				seen[p.Packet] = true
				a.packets++
				a.bytes += int64(len(packets[p.Packet].Data))
			}
		}
	}
}
