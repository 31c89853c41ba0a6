package wire_test

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"rawlab/labs/wire"
)

// udpFrame builds an Ethernet, IPv4 and UDP frame whose payload is an
// identity; the packet's IP identification is n.
func udpFrame(srcPort, dstPort uint16, identity uint64, n uint16) []byte {
	f := make([]byte, 14+20+8+8)
	binary.BigEndian.PutUint16(f[12:], 0x0800)
	ip := f[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, wire.ProtocolUDP
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	binary.BigEndian.PutUint16(ip[4:], n)
	copy(ip[12:], []byte{10, 77, 0, 1, 10, 77, 0, 2})
	binary.BigEndian.PutUint16(ip[20:], srcPort)
	binary.BigEndian.PutUint16(ip[22:], dstPort)
	binary.BigEndian.PutUint16(ip[24:], 16)
	binary.BigEndian.PutUint64(ip[28:], identity)
	return f
}

func tcpFrame(seq uint32, flags byte, payload int) []byte {
	f := make([]byte, 14+20+20+payload)
	binary.BigEndian.PutUint16(f[12:], 0x0800)
	ip := f[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, wire.ProtocolTCP
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	copy(ip[12:], []byte{10, 77, 0, 1, 10, 77, 0, 2})
	binary.BigEndian.PutUint16(ip[20:], 40000)
	binary.BigEndian.PutUint16(ip[22:], 9700)
	binary.BigEndian.PutUint32(ip[24:], seq)
	ip[32], ip[33] = 5<<4, flags
	return f
}

// identify finds an identity in every payload but those of odd first bytes.
func identify(payload []byte) (origin, sequence uint64, ok bool) {
	return 0, binary.BigEndian.Uint64(payload), payload[0]&1 == 0
}

func lost(p *wire.Plan, order []uint64, srcPort uint16) map[uint64]bool {
	m := map[uint64]bool{}
	for i, id := range order {
		if p.Decide(udpFrame(srcPort, 9700, id, uint16(i)), 0).Lose {
			m[id] = true
		}
	}
	return m
}

func TestPlanFateIsIdentitys(t *testing.T) {
	const n = 20000
	forward, backward := make([]uint64, n), make([]uint64, n)
	for i := range uint64(n) {
		forward[i], backward[n-1-i] = i, i
	}
	half := wire.Impairment{Loss: 0.05}
	want := lost(wire.NewPlan(half, 7, 0, identify), forward, 40000)
	p := wire.NewPlan(half, 7, 0, identify)
	p.Decide(udpFrame(40001, 9700, 1<<56, 0), 0) // a datagram without identity comes first
	got := lost(p, backward, 50000)
	if len(got) != len(want) {
		t.Fatalf("lost %d backward, %d forward", len(got), len(want))
	}
	for id := range want {
		if !got[id] {
			t.Fatalf("event %d lost forward, not backward", id)
		}
	}
	// Binomial bounds: five standard deviations.
	if mean, sd := n*0.05, math.Sqrt(n*0.05*0.95); math.Abs(float64(len(want))-mean) > 5*sd {
		t.Errorf("lost %d of %d, want %.0f ± %.0f", len(want), n, mean, 5*sd)
	}
	if other := lost(wire.NewPlan(half, 8, 0, identify), forward, 40000); len(other) == len(want) && equal(other, want) {
		t.Error("another seed lost the same events")
	}
	if other := lost(wire.NewPlan(half, 7, 1, identify), forward, 40000); equal(other, want) {
		t.Error("the other direction lost the same events")
	}
}

func equal(a, b map[uint64]bool) bool {
	for k := range a {
		if !b[k] {
			return false
		}
	}
	return len(a) == len(b)
}

func TestPlanDelaysDoNotMoveWithLoss(t *testing.T) {
	base := wire.Impairment{Delay: 10 * time.Millisecond, Jitter: 5 * time.Millisecond}
	lossy := base
	lossy.Loss, lossy.Duplicate, lossy.Corrupt = 0.5, 0.1, 0.1
	a, b := wire.NewPlan(base, 3, 0, identify), wire.NewPlan(lossy, 3, 0, identify)
	low, high := time.Hour, time.Duration(0)
	for id := range uint64(5000) {
		f := udpFrame(40000, 9700, id, 0)
		da, db := a.Decide(f, 0).Delay, b.Decide(f, 0).Delay
		if da != db {
			t.Fatalf("event %d: delay %v without loss, %v with", id, da, db)
		}
		low, high = min(low, da), max(high, da)
	}
	if low < 5*time.Millisecond || high > 15*time.Millisecond || high-low < 9*time.Millisecond {
		t.Errorf("delays from %v to %v, want nearly all of 5ms to 15ms", low, high)
	}
}

func TestPlanTCPFateIsSegments(t *testing.T) {
	fates := func(isn uint32, order []int) map[int]bool {
		p := wire.NewPlan(wire.Impairment{Loss: 0.3}, 5, 0, nil)
		p.Decide(tcpFrame(isn, 0x02, 0), 0)
		m := map[int]bool{}
		for _, s := range order {
			p.Decide(tcpFrame(isn+1, 0x10, 0), 0) // acknowledgements in between change nothing
			m[s] = p.Decide(tcpFrame(isn+1+uint32(s*1448), 0x10, 1448), 0).Lose
		}
		return m
	}
	a := fates(1000, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	b := fates(math.MaxUint32-3000, []int{9, 3, 0, 1, 2, 4, 8, 7, 6, 5}) // wraps around
	for s, want := range a {
		if b[s] != want {
			t.Errorf("segment %d: lost %v in one order, %v in another", s, want, b[s])
		}
	}
}

func TestPlanSurvivesAnyBytes(t *testing.T) {
	p := wire.NewPlan(wire.Impairment{Loss: 0.1}, 1, 0, nil)
	whole := tcpFrame(1, 0x10, 100)
	for cut := range whole {
		p.Decide(whole[:cut], 0)
	}
	for i := range whole {
		f := append([]byte(nil), whole...)
		f[i] ^= 0xff
		p.Decide(f, 0)
	}
}

func TestImpairmentValidate(t *testing.T) {
	for name, c := range map[string]struct {
		i  wire.Impairment
		ok bool
	}{
		"zero":                 {wire.Impairment{}, true},
		"all":                  {wire.Impairment{Loss: 1, Duplicate: 1, Corrupt: 1, Reorder: 1, Delay: 1, Jitter: 1, Rate: 1000, Queue: 1}, true},
		"loss over 1":          {wire.Impairment{Loss: 1.01}, false},
		"loss not a number":    {wire.Impairment{Loss: math.NaN()}, false},
		"negative corrupt":     {wire.Impairment{Corrupt: -0.1}, false},
		"jitter over delay":    {wire.Impairment{Delay: 1, Jitter: 2}, false},
		"reorder without wait": {wire.Impairment{Reorder: 0.1}, false},
		"tiny rate":            {wire.Impairment{Rate: 10}, false},
		"negative queue":       {wire.Impairment{Queue: -1}, false},
	} {
		if err := c.i.Validate(); (err == nil) != c.ok {
			t.Errorf("%s: Validate() = %v, want ok %v", name, err, c.ok)
		}
	}
}
