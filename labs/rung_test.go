package labs_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"rawlab/capture/account"
	"rawlab/labs"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// onRungs runs a test for every rung but none.
func onRungs(t *testing.T, test func(t *testing.T, r udpq.Reliability)) {
	for _, name := range udpq.Reliabilities() {
		if r := udpq.Reliability(name); r != udpq.ReliabilityNone {
			t.Run(name, func(t *testing.T) { test(t, r) })
		}
	}
}

// TestRungsUnderEveryImpairment: the account of a rung closes whatever the
// wire does, and with ack everything is delivered, once. What both ends count
// is among the checks.
func TestRungsUnderEveryImpairment(t *testing.T) {
	events := 400
	if testing.Short() {
		events = 150
	}
	names := slices.Sorted(maps.Keys(impaired))
	onRungs(t, func(t *testing.T, r udpq.Reliability) {
		for i, name := range names {
			if name == "many fragments" {
				continue // half of all datagrams are lost, and a conversation may be given up
			}
			if rung := slices.Index(udpq.Reliabilities(), string(r)); testing.Short() && i%3 != rung%3 {
				continue // each on one rung
			}
			c := impaired[name]
			t.Run(name, func(t *testing.T) {
				o := options(labs.Loss, events)
				c.change(&o)
				o.Events, o.Reliability, o.Transport = min(o.Events, events), r, "udp"
				if name == "phases" {
					o.Pace = float64(3 * events) // as long as all phases
				}
				if o.Size > 1500 {
					o.Events = 80
				}
				underImpairment(t, o)
			})
		}
	})
}

func underImpairment(t *testing.T, o labs.Options) {
	out := runVirtual(t, labs.Loss, o)
	holds(t, out)
	u := udp(out)
	if u.Reliability != string(o.Reliability) || o.Impairment.Loss > 0 && u.LostCarriers == 0 {
		t.Errorf("run %+v, want rung %s and datagrams lost", *u, o.Reliability)
	}
	if o.Reliability == udpq.ReliabilityAck && (u.Delivered != o.Events || u.Retransmits < u.LostCarriers) {
		t.Errorf("%d of %d delivered, %d datagrams with events lost, %d sent again", u.Delivered, o.Events, u.LostCarriers, u.Retransmits)
	}
}

// TestRungsOnKernelHosts is the same with sockets of a kernel, whose receive
// buffers are full when they are.
func TestRungsOnKernelHosts(t *testing.T) {
	t.Parallel()
	onRungs(t, func(t *testing.T, r udpq.Reliability) {
		names := []string{"small buffer", "duplicate", "reorder", "corrupt", "queue", "IPv6"}
		if testing.Short() {
			names = names[:2]
		}
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				o := options(labs.Loss, 300)
				impaired[name].change(&o)
				o.Events, o.Size, o.Reliability, o.Transport = 300, 128, r, "udp"
				holds(t, run(t, labs.Loss, o))
			})
		}
	})
}

// TestRungGivesUp lets the wire go down in the midst of a run for longer than
// a conversation lasts.
func TestRungGivesUp(t *testing.T) {
	o := options(labs.Loss, 800)
	o.Reliability, o.Transport = udpq.ReliabilityAck, "udp"
	o.Impairment.Schedule = wire.Schedule{Once: true, Phases: []wire.Phase{
		{For: 200 * time.Millisecond, Impairment: wire.Impairment{Delay: 2 * time.Millisecond}},
		{For: time.Minute, Impairment: wire.Impairment{Down: true}},
	}}
	out := runVirtual(t, labs.Loss, o)
	u := udp(out)
	if lost := u.Fates[string(account.ConnectionLost)]; lost == 0 || u.Delivered == 0 || u.Delivered+lost != o.Events {
		t.Errorf("%d delivered, fates %v, want some of %d delivered and the others connection-lost", u.Delivered, u.Fates, o.Events)
	}
}

// TestRungEndsAtOneEnd: a wire that is down most of the time lets every event
// through, and not the acknowledgements of the last. The emitter gives up, of
// which the server hears nothing; the run is over with that.
func TestRungEndsAtOneEnd(t *testing.T) {
	o := options(labs.Loss, 10)
	o.Reliability, o.Transport, o.Seed, o.Pace = udpq.ReliabilityAck, "udp", 2245, 1711
	var err error
	if o.Impairment, err = wire.ParseImpairment("loss 6% delay 50ms; 78ms; 2167ms down; 380ms loss 27%"); err != nil {
		t.Fatal(err)
	}
	if u := udp(runVirtual(t, labs.Loss, o)); u.Delivered != o.Events || u.LatencyUS.Max < 20e6 {
		t.Errorf("%d of %d delivered, within %v µs, want all, some after 20 s", u.Delivered, o.Events, u.LatencyUS.Max)
	}
}

// TestReliableUDP: every rung is there, and loses nothing that it promises
// not to, on hosts of a kernel.
func TestReliableUDP(t *testing.T) {
	t.Parallel()
	o := options(labs.ReliableUDP, 300)
	out := run(t, labs.ReliableUDP, o)
	holds(t, out)
	fitsATerminal(t, out)
	if got, want := len(out.Result.Runs), 1+len(udpq.Reliabilities()); got != want {
		t.Errorf("%d runs, want TCP's and one for each of %v", got, udpq.Reliabilities())
	}
}
