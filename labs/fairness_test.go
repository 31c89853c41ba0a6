package labs_test

import (
	"errors"
	"testing"

	"rawlab/labs"
	"rawlab/udpq"
)

// TestFairness: who backs off shares a wire, and who does not takes it.
func TestFairness(t *testing.T) {
	o := labs.Fairness.Defaults
	if testing.Short() {
		o.Events = 1500
	}
	out := runVirtual(t, labs.Fairness, o)
	holds(t, out)
	fitsATerminal(t, out)
}

// TestTwoTransportsOverOneWire: their accounts close, each with its own
// packets, on hosts of a kernel too.
func TestTwoTransportsOverOneWire(t *testing.T) {
	t.Parallel()
	o := labs.Fairness.Defaults
	o.Events = 1000
	if testing.Short() {
		o.Events = 500
	}
	out := run(t, labs.Fairness, o)
	for i := range out.Evidence {
		agreeOnPackets(t, out, i)
	}
	if u := out.Result.Runs; u[0].Delivered != o.Events || u[1].Delivered != o.Events || u[2].Delivered != o.Events {
		t.Errorf("TCP, UDP with ack and TCP beside none delivered %d, %d and %d, want all %d", u[0].Delivered, u[1].Delivered, u[2].Delivered, o.Events)
	}
}

// agreeOnPackets holds what one transport's taps kept against the wire's
// ledger of both.
func agreeOnPackets(t *testing.T, out *labs.Outcome, i int) {
	t.Helper()
	e := &out.Evidence[i]
	seen := 0
	for leg, j := range e.Ledger.Joined {
		seen += len(j.Sightings)
		if len(j.Unsent) > 0 || len(j.Strangers) > 0 {
			t.Errorf("%s, leg %d: %d rows of packets that nobody sent, %d packets that the wire did not send", e.Name(), leg, len(j.Unsent), len(j.Strangers))
		}
	}
	if seen != e.Ledger.Packets {
		t.Errorf("%s: %d packets at the taps, %d on the wire", e.Name(), seen, e.Ledger.Packets)
	}
}

func TestFairnessRefusesNone(t *testing.T) {
	o := labs.Fairness.Defaults
	o.Reliability = udpq.ReliabilityNone
	if _, err := labs.Fairness.Run(t.Context(), &o); err == nil {
		t.Error("--reliability none is accepted")
	} else if _, ok := errors.AsType[*labs.OptionError](err); !ok {
		t.Errorf("Run() = %v, want an OptionError", err)
	}
}
