package wire_test

import (
	"encoding/binary"
	"math"
	"testing"

	"pgregory.net/rapid"

	"rawlab/labs/wire"
)

// sized is an UDP frame of n bytes that carries an identity.
func sized(identity uint64, n int) []byte {
	f := append(udpFrame(40000, 9700, identity, 0), make([]byte, n-50)...)
	binary.BigEndian.PutUint16(f[16:], uint16(n-14))
	binary.BigEndian.PutUint16(f[38:], uint16(n-34))
	return f
}

func direction(t testing.TB, text string) *wire.Direction {
	t.Helper()
	i, err := wire.ParseImpairment(text)
	if err != nil {
		t.Fatal(err)
	}
	return wire.NewDirection(0, 1, i, identify)
}

// drain lets everything leave at its time and returns when that was, and
// the frames.
func drain(d *wire.Direction, now int64) (left []int64, frames [][]byte) {
	for {
		wait, ok := d.Wait(now)
		if !ok {
			return left, frames
		}
		now += int64(wait)
		for _, f := range d.Departures(now) {
			left, frames = append(left, now), append(frames, f)
		}
	}
}

func TestRateIsExact(t *testing.T) {
	for _, c := range []struct {
		text  string
		bits  float64
		bytes int
	}{
		{"rate 10mbit queue 100000", 10e6, 1514},
		{"rate 9gbit queue 100000", 9e9, 60},
		{"rate 7777777bit queue 100000", 7777777, 99},
		{"rate 10mbit queue 100000 duplicate 50%", 10e6, 1000},
		{"rate 3mbit queue 100000 delay 10ms", 3e6, 500},
	} {
		d := direction(t, c.text)
		const n = 20_000
		for id := range uint64(n) {
			d.Accept(sized(id, c.bytes), 0)
		}
		left, _ := drain(d, 0)
		took := float64(left[len(left)-1] - left[0])
		want := float64(len(left)-1) * float64(c.bytes) * 8 / c.bits * 1e9
		if math.Abs(took/want-1) > 0.005 {
			t.Errorf("%s: %d frames of %d bytes took %.0f ns, want %.0f", c.text, len(left), c.bytes, took, want)
		}
	}
}

func TestQueueLimits(t *testing.T) {
	for text, want := range map[string]int{
		"rate 1mbit queue 5":           5,
		"rate 1mbit queue 4000b":       4,
		"rate 1mbit":                   wire.DefaultQueue,
		"rate 1mbit queue 5 aqm codel": 6,    // the line has taken one
		"queue 5":                      2000, // nothing waits where there is no rate
	} {
		d := direction(t, text)
		for id := range uint64(2000) {
			d.Accept(sized(id, 1000), 0)
		}
		left, _ := drain(d, 0)
		if len(left) != want {
			t.Errorf("%s: %d frames of 1000 bytes went through, want %d", text, len(left), want)
		}
	}
}

// TestEveryPacketHasOneRow drives any impairment with any traffic and holds
// the ledger against what left.
func TestEveryPacketHasOneRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := plain(t)
		i.Down = false
		i.Rate = rapid.SampledFrom([]int64{0, 100_000, 5_000_000, 1e9}).Draw(t, "bits")
		if rapid.Bool().Draw(t, "scheduled") {
			p := plain(t)
			p.Rate = i.Rate * 2
			i.Schedule.Phases = []wire.Phase{{For: 30 * ms, Impairment: p}, {For: 20 * ms, Impairment: plain(t)}}
		}
		if rapid.Bool().Draw(t, "ruled") {
			i.Rules = []wire.Rule{{Selector: wire.Selector{Port: 9701}, Impairment: plain(t)}}
		}
		d, now, n := wire.NewDirection(0, 1, i, identify), int64(1), rapid.IntRange(0, 300).Draw(t, "packets")
		var out [][]byte
		for id := range n {
			f := sized(uint64(id), rapid.IntRange(60, 1514).Draw(t, "bytes"))
			f[37] += byte(id % 2) // port 9700 or 9701
			d.Accept(f, now)
			now += rapid.Int64Range(0, 2e6).Draw(t, "pause")
			out = append(out, d.Departures(now)...)
			if rapid.IntRange(0, 99).Draw(t, "set") == 0 {
				d.Set(2, plain(t))
			}
		}
		_, rest := drain(d, now)
		holdLedger(t, d, n, append(out, rest...))
	})
}

// holdLedger checks that each of n packets has one row, and that the rows
// tell what left, copy by copy.
func holdLedger(t *rapid.T, d *wire.Direction, n int, out [][]byte) {
	rows := d.Rows()
	if len(rows) != n {
		t.Fatalf("%d rows for %d packets", len(rows), n)
	}
	copies := map[uint64]int{}
	for _, r := range rows {
		copies[r.OutHash] += int(r.Copies)
		left := r.Fate == wire.Passed || r.Fate == wire.Corrupted
		switch {
		case left != (r.Copies > 0), left != (r.Out != 0), left && r.Out < r.Time, left && r.Due < r.Time:
			t.Fatalf("row %+v", r)
		case r.Fate == wire.Held:
			t.Fatalf("row %+v is held, and the line is empty", r)
		case r.Fate == wire.Corrupted && r.OutHash == r.Hash:
			t.Fatalf("row %+v is corrupted and unchanged", r)
		}
	}
	for _, f := range out {
		copies[wire.Hash(f)]--
	}
	delete(copies, 0)
	for h, left := range copies {
		if left != 0 {
			t.Fatalf("the rows have %d more copies of %x than left", left, h)
		}
	}
	if c := d.Counts(); c.Came != c.Lost+c.Overflow+c.Left-c.Duplicated || int(c.Came) != n || int(c.Left) != len(out) {
		t.Fatalf("counts do not balance: %+v", c)
	}
}

// TestShaperKeepsItsLaws: in the order they came, never faster than the rate,
// never idle while something waits.
func TestShaperKeepsItsLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Int64Range(1000, 1e10).Draw(t, "rate")
		i := wire.Impairment{Rate: rate, Queue: rapid.IntRange(1, 20).Draw(t, "queue"), AQM: wire.AQM(rapid.IntRange(0, 1).Draw(t, "aqm"))}
		d, now := wire.NewDirection(0, 1, i, identify), int64(0)
		var left []int64
		var frames [][]byte
		collect := func(until int64) {
			for {
				wait, ok := d.Wait(now)
				if !ok || now+int64(wait) > until {
					now = until
					return
				}
				now += int64(wait)
				for _, f := range d.Departures(now) {
					left, frames = append(left, now), append(frames, f)
				}
			}
		}
		for id := range rapid.IntRange(1, 60).Draw(t, "packets") {
			d.Accept(sized(uint64(id), rapid.IntRange(60, 1514).Draw(t, "bytes")), now)
			collect(now + rapid.Int64Range(0, 1e12/rate*10).Draw(t, "pause"))
		}
		collect(now + 1e15)
		came := map[uint64]int64{}
		for _, r := range d.Rows() {
			came[r.Identity] = r.Time
		}
		free := int64(0)
		for n, f := range frames {
			id := binary.BigEndian.Uint64(f[42:])
			if n > 0 && id <= binary.BigEndian.Uint64(frames[n-1][42:]) {
				t.Fatalf("packet %d leaves behind a later one", id)
			}
			free = max(free, came[id]) + int64(float64(len(f))*8e9/float64(rate))
			if diff := left[n] - free; diff < -1 || diff > int64(n)+2 {
				t.Fatalf("packet %d left at %d, want %d", id, left[n], free)
			}
			free = left[n]
		}
	})
}

func TestCorruptChangesOneBitOfTheLayer(t *testing.T) {
	for layer, want := range map[string][2]int{"any": {14, 200}, "ip": {14, 34}, "transport": {34, 42}, "payload": {42, 200}} {
		d := direction(t, "corrupt 100% "+layer)
		hit := map[int]bool{}
		for id := range uint64(3000) {
			f := sized(id, 200)
			d.Accept(f, 0)
			out := d.Departures(0)
			bits := 0
			for at := range f {
				for x := f[at] ^ out[0][at]; x != 0; x &= x - 1 {
					bits++
					hit[at] = true
				}
			}
			if bits != 1 {
				t.Fatalf("%s: %d bits changed", layer, bits)
			}
		}
		for at := range hit {
			if at < want[0] || at >= want[1] {
				t.Errorf("%s: byte %d changed, which is another layer's", layer, at)
			}
		}
		if len(hit) < (want[1]-want[0])*9/10 {
			t.Errorf("%s: only %d bytes were ever changed", layer, len(hit))
		}
	}
	d := direction(t, "corrupt 100% payload")
	d.Accept(tcpFrame(1, 0x10, 0), 0) // has none
	if r := d.Rows(); d.Departures(0) == nil || r[0].Fate == wire.Corrupted {
		t.Errorf("an empty segment was changed: %+v", r[0])
	}
}
