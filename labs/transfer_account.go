package labs

import (
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/labs/report"
)

// settleAccount closes the account of a plan that has been carried out.
func (x *transfer) settleAccount() *report.Evidence {
	ledger := x.settledLedger()
	if x.stalled != "" {
		ledger.Doubts = append(ledger.Doubts, "the run stalled: "+x.stalled)
	}
	e := &report.Evidence{
		Transport: x.transport.name, Reliability: x.transport.reliability, Variant: x.variant,
		Ledger: ledger, Span: x.span(), Emissions: x.input.Emissions, Taps: x.input.Taps, Wire: x.input.Wire,
	}
	if c := x.clientele; c != nil {
		e.Topics, e.Subscribers = c.topicNames(), x.input.Subscribers
	}
	return e
}

// span is the time from the first intended emit to the last delivery, 0 if
// nothing was delivered.
func (x *transfer) span() time.Duration {
	if len(x.input.Emissions) == 0 || len(x.deliveries) == 0 {
		return 0
	}
	return x.deliveries[len(x.deliveries)-1].Time.Sub(x.input.Emissions[0].Time)
}

func (x *transfer) settledLedger() *account.Ledger {
	if x.ledger != nil {
		return x.ledger(x)
	}
	return account.Settle(&x.input)
}

// count reads what the kernels counted.
func (x *transfer) count() error {
	for side, h := range x.hosts {
		after, err := h.Counters()
		if err != nil {
			return err
		}
		d := after.Minus(x.before[side])
		x.counted[side] = d
		firewall, err := h.Firewall()
		if err != nil {
			return err
		}
		x.input.Kernels[side] = account.Kernel{
			ReceiveBuffer: d["Udp.RcvbufErrors"] + d["Udp.MemErrors"] + d["Udp6.RcvbufErrors"] + d["Udp6.MemErrors"],
			Checksum:      d["Udp.InCsumErrors"] + d["Udp6.InCsumErrors"],
			NoSocket:      d["Udp.NoPorts"] + d["Udp6.NoPorts"],
			Firewall:      firewall,
			Reassembly:    d["Ip.ReasmFails"] - d["Ip.ReasmTimeout"] + d["Ip6.ReasmFails"] - d["Ip6.ReasmTimeout"],
			Interface:     d["Cable.Dropped"] + d["Link.RxDropped"],
			SendBuffer:    d["Udp.SndbufErrors"] + d["Udp6.SndbufErrors"],
			Queue:         d["Qdisc.Dropped"],
			Retransmits:   d["Tcp.RetransSegs"],
			Fast:          d["TcpExt.TCPFastRetrans"],
			AfterRTO:      d["TcpExt.TCPSlowStartRetrans"],
			Timeouts:      d["TcpExt.TCPTimeouts"],
			Probes:        d["TcpExt.TCPLossProbes"],
		}
	}
	return nil
}

// collect takes over what all witnesses saw.
func (x *transfer) collect(r *Recording) {
	x.input.Transport = x.transport.protocol
	x.input.Port = serverPort
	x.input.Deliveries = x.deliveries
	x.input.Server = x.trace.records()
	x.input.Taps, x.input.Doors = r.Taps, r.Doors
	if x.transport.protocol == dissect.UDP {
		x.input.Reasons = r.Reasons
	}
	x.tellDrops()
	x.input.Invalid = x.trace.unreadable()
	x.input.Repeats = x.forced || x.options.backend() == BackendVirtual
	x.input.Wire = r.Wire
	x.input.Opened = x.transport.seals.opened()
	if x.transport.rung {
		x.rung.Strange = x.trace.strangers()
		x.input.Rung = &x.rung
	}
}
