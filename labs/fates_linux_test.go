package labs_test

import (
	"context"
	"encoding/binary"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"rawlab/capture/account"
	"rawlab/framing"
	"rawlab/labs"
	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// The tests of fates each provoke one, and know by themselves which events
// must have it: by what they did to them, or from the packets that the hosts'
// taps kept. The ledger has to name the same events, and explain all others.

// byFate are an account's events, by fate; those delivered have none.
type byFate map[account.Fate][]uint64

// provoke carries out a provocation, in which nothing may be unexplained.
func provoke(t *testing.T, p *labs.Provocation) (byFate, *account.Input) {
	t.Helper()
	if !host.Isolated() {
		t.Skip("no right to private namespaces") // IsolateTests fails where they are required
	}
	if p.Script == nil {
		p.Script = between(p.Options.Events, nil, nil)
	}
	p.Options.KernelReasons = os.Getenv(askEnv) != ""
	e, in, err := labs.Provoke(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	l := e.Ledger
	if l.Unexplained() > 0 || l.Emitted != len(in.Emissions) {
		t.Errorf("%d of %d events are unexplained: %v", l.Unexplained(), len(in.Emissions), l.Doubts)
	}
	if p.Options.KernelReasons && !l.Kernel.Holds() {
		t.Errorf("the kernel says otherwise: %v", l.Kernel)
	}
	fates := byFate{}
	for i := range l.Events {
		fates[l.Events[i].Fate] = append(fates[l.Events[i].Fate], l.Events[i].ID.Sequence)
	}
	return fates, in
}

// step is a part of a provocation's script.
type step = func(*labs.Stage) error

// between is a script that prepares the stage, emits so many events, and looks
// once everything has settled; nil: nothing is prepared, or looked at.
func between(events int, prepare, look step) func(context.Context, *labs.Stage) error {
	return func(ctx context.Context, s *labs.Stage) error {
		if prepare != nil {
			if err := prepare(s); err != nil {
				return err
			}
		}
		if err := s.Emit(ctx, events); err != nil {
			return err
		}
		if err := s.Settle(ctx); err != nil || look == nil {
			return err
		}
		return look(s)
	}
}

// read is a step that notes what a host counted.
func read(side int, name string, count *int64) step {
	return func(s *labs.Stage) error {
		c, err := s.Counters(side)
		*count = c[name]
		return err
	}
}

// calm are options with a wire that does nothing.
func calm(events int) labs.Options {
	o := options(labs.Loss, events)
	o.Impairment = wire.Impairment{}
	return o
}

// want holds the fates against what they must be; all other events must have
// been delivered.
func (got byFate) want(t *testing.T, sets byFate) {
	t.Helper()
	for f, set := range sets {
		slices.Sort(set)
		set = slices.Compact(set)
		if len(set) == 0 {
			t.Errorf("%q was not provoked", f)
		}
		if !slices.Equal(got[f], set) {
			t.Errorf("%q: %d events, want %d; too many are %v, and %v are not there", f, len(got[f]), len(set), less(got[f], set), less(set, got[f]))
		}
	}
	for f, set := range got {
		if f != "" && sets[f] == nil {
			t.Errorf("%q: %d events, want none; fates %v", f, len(set), slices.Collect(maps.Keys(got)))
		}
	}
}

// less are the first of those of set that others, which is sorted, lacks.
func less(set, others []uint64) (left []uint64) {
	for _, s := range set {
		if _, ok := slices.BinarySearch(others, s); !ok && len(left) < 50 {
			left = append(left, s)
		}
	}
	return left
}

// marked are the events from 1 to n whose number ends in certain three bits.
func marked(n int, bits uint64) (set []uint64) {
	for s := uint64(1); s <= uint64(n); s++ {
		if s&7 == bits {
			set = append(set, s)
		}
	}
	return set
}

// sequenceByte is where nft finds the last byte of an event's sequence: in
// bits from the UDP header on, 8 bytes long, behind which framing puts it at
// byte 23.
const sequenceByte = "@th,248,8"

func needNft(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil && os.Getenv("RAWLAB_REQUIRE_TOOLS") != "" {
		t.Fatalf("RAWLAB_REQUIRE_TOOLS is set, but: %v", err)
	} else if err != nil {
		t.Skip(err)
	}
}

// packets are those of IPv4 and UDP at a tap that go a way, by the event that
// they carry; a later fragment carries that of the first.
func packets(tap *account.Tap, outgoing bool, kind framing.Kind) map[uint64][]*account.Packet {
	found := map[uint64][]*account.Packet{}
	datagrams := map[uint16]uint64{} // by IP identification
	for i := range tap.Packets {
		p := &tap.Packets[i]
		if p.Outgoing != outgoing || len(p.Data) < 34 || binary.BigEndian.Uint16(p.Data[12:]) != 0x0800 || p.Data[14+9] != 17 {
			continue
		}
		ip := p.Data[14:]
		id, offset := binary.BigEndian.Uint16(ip[4:]), binary.BigEndian.Uint16(ip[6:])&0x1fff
		if offset == 0 {
			delete(datagrams, id)
			if len(ip) >= 28+32 && framing.Kind(ip[28+4]&31) == kind {
				datagrams[id] = binary.BigEndian.Uint64(ip[28+16:])
			}
		}
		if s, ok := datagrams[id]; ok {
			found[s] = append(found[s], p)
		}
	}
	return found
}

// underway is far longer than a packet takes, and far shorter than it takes
// a host to give the same identification to another datagram, whose fragments
// may then be the same bytes.
const underway = 3 * time.Second

// crossed are the events whose packets came from one tap to the other: none,
// some and not all of them, or all, bit for bit.
func crossed(from, to *account.Tap, kind framing.Kind) (none, some, all []uint64) {
	came := map[uint64][]time.Time{}
	for i := range to.Packets {
		if p := &to.Packets[i]; !p.Outgoing {
			came[p.Hash] = append(came[p.Hash], p.Time)
		}
	}
	for s, list := range packets(from, true, kind) {
		n := 0
		for _, p := range list {
			if slices.ContainsFunc(came[p.Hash], func(t time.Time) bool { return t.Sub(p.Time).Abs() < underway }) {
				n++
			}
		}
		switch n {
		case 0:
			none = append(none, s)
		case len(list):
			all = append(all, s)
		default:
			some = append(some, s)
		}
	}
	return none, some, all
}

// bothLegs are those of the way to the server and of the way back.
func bothLegs(in *account.Input) (none, some []uint64) {
	client, server := &in.Taps[account.Client], &in.Taps[account.Server]
	none, some, _ = crossed(client, server, framing.KindEmit)
	back, half, _ := crossed(server, client, framing.KindEvent)
	return append(none, back...), append(some, half...)
}

func TestFateWireLoss(t *testing.T) {
	t.Parallel()
	o := calm(500)
	o.Impairment.Loss = 0.1
	got, in := provoke(t, &labs.Provocation{Options: o})
	none, _ := bothLegs(in)
	got.want(t, byFate{account.WireLoss: none})
}

func TestFateWireQueue(t *testing.T) {
	t.Parallel()
	o := calm(300)
	o.Impairment.Rate, o.Impairment.Queue = 2_000_000, 5
	got, in := provoke(t, &labs.Provocation{Options: o})
	none, _ := bothLegs(in)
	got.want(t, byFate{account.WireQueue: none})
}

// A datagram of three fragments is useless without any one of them.
func TestFateFragmentLost(t *testing.T) {
	t.Parallel()
	for _, v6 := range []bool{false, true} {
		o := calm(200)
		o.Impairment.Loss, o.Size, o.IPv6 = 0.2, 4000, v6
		got, in := provoke(t, &labs.Provocation{Options: o})
		if v6 {
			if len(got[account.FragmentLost]) < 50 {
				t.Errorf("over IPv6: %v", got)
			}
			continue
		}
		none, some := bothLegs(in)
		got.want(t, byFate{account.WireLoss: none, account.FragmentLost: some})
	}
}

// One bit is flipped in the headers of Ethernet, IP, UDP or our frame, or
// anywhere behind. What the flip did not hurt is delivered.
func TestFateWireCorrupt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		layer    wire.Layer
		size     int
		harmless bool
	}{
		"Ethernet header": {wire.LinkLayer, 100, true},
		"IP header":       {wire.IP, 100, false},
		"UDP header":      {wire.Transport, 100, false},
		"frame header":    {wire.Payload, 0, false}, // of an event without a payload, which is nearly all header
		"payload":         {wire.Payload, 1000, false},
		"fragments":       {wire.Payload, 4000, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := calm(300)
			o.Impairment.Corrupt, o.Impairment.Layer, o.Size = 0.2, c.layer, c.size
			got, in := provoke(t, &labs.Provocation{Options: o})
			none, some := bothLegs(in)
			changed := append(none, some...)
			if c.harmless {
				changed = slices.DeleteFunc(changed, func(s uint64) bool { return slices.Contains(got[""], s) })
				if len(in.Wire[0].Passages) == 0 || len(changed) == len(none) {
					t.Errorf("no flip was harmless: %d changed", len(none))
				}
			}
			got.want(t, byFate{account.WireCorrupt: changed})
		})
	}
}
