package labs_test

import (
	"strings"
	"testing"
	"time"

	"rawlab/capture/account"
	"rawlab/labs"
	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// severalClients is a lab with two topics: of one, two emit to three, the last
// of which is slow; of the other, one emits to one.
func severalClients(own labs.Options) (*labs.Lab, labs.Options) {
	own.Impairment = wire.Impairment{Loss: 0.05, Delay: 2 * time.Millisecond}
	chat, film := own, own
	chat.Emitters, chat.Subscribers, chat.Events, chat.Size, chat.Pace = 2, 3, 100, 64, 500
	film.Events, film.Size, film.Pace = 200, 900, 1000
	topics := []labs.Topic{{Name: "chat", Options: chat}, {Name: "film", Options: film}}
	acknowledged := own
	acknowledged.Reliability = "ack"
	head := &labs.Lab{Name: "several", Defaults: own}
	return labs.Compose(head, []labs.Trial{
		{Transport: "tcp", Options: own, Topics: topics},
		{Transport: "udp", Options: own, Topics: topics},
		{Transport: "udp", Options: acknowledged, Topics: topics},
	}, func(*report.Result) error { return nil }), own
}

// checkSeveral holds the outcome against what the clients were told to do.
func checkSeveral(t *testing.T, out *labs.Outcome) {
	t.Helper()
	holds(t, out)
	for i := range out.Result.Runs {
		u := &out.Result.Runs[i]
		if u.Emitted != 800 || u.Events != 400 || u.Unexplained != 0 || len(u.Parts) != 6 {
			t.Fatalf("%s: %d due of %d events, %d unexplained, %d parts, want 800, 400, 0, 6", u.Name(), u.Emitted, u.Events, u.Unexplained, len(u.Parts))
		}
		if u.PayloadBytes != 600*64+200*900 {
			t.Errorf("%s: %d bytes of payload, want %d", u.Name(), u.PayloadBytes, 600*64+200*900)
		}
		lost := 0
		for _, p := range u.Parts {
			if p.Number == 0 {
				continue
			}
			if p.Emitted != 200 {
				t.Errorf("%s %s: %d due, want 200", u.Name(), p.Name, p.Emitted)
			}
			lost += p.Emitted - p.Delivered
		}
		switch plain := u.Transport == "udp" && !u.OnRung(); {
		case lost != u.Emitted-u.Delivered, !plain && lost > 0, plain && lost == 0, plain && u.Fates[string(account.WireLoss)] != lost:
			t.Errorf("%s: %d lost over all subscribers, %d in the run, fates %v", u.Name(), lost, u.Emitted-u.Delivered, u.Fates)
		}
	}
	plain, acknowledged := &out.Result.Runs[1], &out.Result.Runs[2]
	if out.Result.Reproducible && plain.LostDigest != acknowledged.LostDigest {
		t.Errorf("the wire hit other events on the rung")
	}
}

func TestSeveralClients(t *testing.T) {
	t.Parallel()
	l, o := severalClients(labs.Options{Events: 1, Pace: 1, Seed: 1})
	checkSeveral(t, run(t, l, o))
}

func TestSeveralVirtualClients(t *testing.T) {
	l, o := severalClients(labs.Options{Events: 1, Pace: 1, Seed: 1, Backend: labs.BackendVirtual})
	checkSeveral(t, runVirtual(t, l, o))
}

// TestClientsOnHostsOfTheirOwn: behind links of their own, the same subscribers
// lose the same events on kernel hosts as on virtual ones.
func TestClientsOnHostsOfTheirOwn(t *testing.T) {
	l, o := severalClients(labs.Options{Events: 1, Pace: 1, Seed: 1, OwnHosts: true, Backend: labs.BackendVirtual})
	virtual := runVirtual(t, l, o)
	checkSeveral(t, virtual)
	l, o = severalClients(labs.Options{Events: 1, Pace: 1, Seed: 1, OwnHosts: true})
	kernel := run(t, l, o)
	checkSeveral(t, kernel)
	if !kernel.Result.Reproducible {
		return // the machine disturbed it, and it says so
	}
	for i, p := range kernel.Result.Runs[1].Parts {
		if want := virtual.Result.Runs[1].Parts[i]; p.Delivered != want.Delivered {
			t.Errorf("%s: %d delivered on kernel hosts, %d on virtual ones", p.Name, p.Delivered, want.Delivered)
		}
	}
	if kernel.Result.Runs[1].LostDigest != virtual.Result.Runs[1].LostDigest {
		t.Error("kernel and virtual hosts lost other events")
	}
}

// TestTooManyClients: hosts of their own are not for any number.
func TestTooManyClients(t *testing.T) {
	trial := labs.Trial{Transport: "udp", Options: labs.Options{Events: 1, Pace: 1, OwnHosts: true, Emitters: 10, Subscribers: 23}}
	if err := trial.Validate(); err == nil || !strings.Contains(err.Error(), "--own-hosts: 33 clients, a host each: must be at most 32") {
		t.Errorf("33 hosts: %v", err)
	}
}
