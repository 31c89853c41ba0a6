package wire_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"rawlab/labs/wire"
)

const frame = 1250 // bytes: at 10 Mbit/s a millisecond each

func codel(t *testing.T) *wire.Direction { return direction(t, "rate 10mbit queue 10000 aqm codel") }

// TestCoDelLetsBurstsPass: a queue that drains within an interval is a good
// one, however long it was (RFC 8289, section 3.1).
func TestCoDelLetsBurstsPass(t *testing.T) {
	d := codel(t)
	for burst := range int64(20) {
		now := burst * int64(200*ms)
		for id := range uint64(90) {
			d.Accept(sized(id, frame), now)
		}
		drain(d, now)
	}
	if c := d.Counts(); c.Overflow != 0 {
		t.Errorf("dropped %d of %d", c.Overflow, c.Came)
	}
}

// TestCoDelDropsByTheControlLaw sends without mercy at twice the rate: the
// first drop comes an interval after the sojourn first was above target, the
// others by the inverse square root of their count (section 5.2).
func TestCoDelDropsByTheControlLaw(t *testing.T) {
	d := codel(t)
	var drops []time.Duration
	seen := uint64(0)
	for step := range int64(8000) { // each 0.5 ms a packet, for 4 s
		now := step * int64(ms/2)
		d.Accept(sized(uint64(step), frame), now)
		d.Departures(now)
		for c := d.Counts().Overflow; seen < c; seen++ {
			drops = append(drops, time.Duration(now))
		}
	}
	// Sojourn grows by half a millisecond for each of the line's: it passes 5 ms at 10 ms.
	if first := drops[0]; first < 109*ms || first > 113*ms {
		t.Errorf("first drop at %v, want about 110ms", first)
	}
	want := float64(drops[0])
	for n := 1; n < len(drops); n++ {
		want += float64(100*ms) / math.Sqrt(float64(n))
		// A drop waits for the line, a millisecond, and the law counts on from where it meant to be.
		if diff := float64(drops[n]) - want; diff < -2*float64(ms) || diff > 3*float64(ms) {
			t.Fatalf("drop %d at %v, want %v", n+1, drops[n], time.Duration(want))
		}
	}
	if len(drops) < 300 {
		t.Errorf("%d drops in 4 s, want the rate of drops to grow without end", len(drops))
	}
}

// TestCoDelSparesOneFrame: on a slow line a single frame waits longer than
// the target, and that is no queue (section 5.4).
func TestCoDelSparesOneFrame(t *testing.T) {
	d := direction(t, "rate 1mbit aqm codel") // 10 ms a frame
	d.Accept(sized(1000, frame), 0)
	for id := range uint64(200) {
		now := int64(id) * int64(10*ms)
		d.Accept(sized(id, frame), now)
		d.Departures(now)
	}
	if c := d.Counts(); c.Overflow != 0 {
		t.Errorf("dropped %d of %d", c.Overflow, c.Came)
	}
}

// TestCoDelKeepsResponsiveQueuesShort runs a sender that halves its window on
// a loss, as TCP does, and compares the wait with tail-drop's.
func TestCoDelKeepsResponsiveQueuesShort(t *testing.T) {
	run := func(text string) (median time.Duration, share float64) {
		d := direction(t, text)
		const whole, roundTrip = 20 * time.Second, 40 * ms
		now, window, inFlight, id, lost := int64(0), 2.0, 0, uint64(0), uint64(0)
		var returns []int64 // when acknowledgements are back
		for ; now < int64(whole); now += int64(ms / 4) {
			for len(returns) > 0 && returns[0] <= now {
				returns, inFlight = returns[1:], inFlight-1
				window += 1 / window
			}
			for float64(inFlight) < window {
				d.Accept(sized(id, frame), now)
				id, inFlight = id+1, inFlight+1
			}
			for range d.Departures(now) {
				returns = append(returns, now+int64(roundTrip))
			}
			if c := d.Counts(); c.Overflow > lost {
				inFlight -= int(c.Overflow - lost)
				lost, window = c.Overflow, max(2, window/2)
			}
		}
		var waits []time.Duration
		for _, r := range d.Rows() {
			if r.Out != 0 {
				waits = append(waits, time.Duration(r.Out-r.Time))
			}
		}
		slices.Sort(waits)
		return waits[len(waits)/2], float64(len(waits)) / float64(whole/ms)
	}
	// A window that is halved fills three quarters of a line that has no queue.
	tail, tailShare := run("rate 10mbit queue 400")
	codel, codelShare := run("rate 10mbit queue 400 aqm codel")
	t.Logf("median wait %v and %.0f %% of the rate with tail-drop, %v and %.0f %% with CoDel", tail, 100*tailShare, codel, 100*codelShare)
	if codel > 20*ms || tail < 5*codel || codelShare < 0.75 {
		t.Errorf("CoDel waits %v at %.2f of the rate, tail-drop %v at %.2f", codel, codelShare, tail, tailShare)
	}
}

// TestCoDelEnds: what waits when the impairment changes is still delivered.
func TestCoDelEnds(t *testing.T) {
	d := codel(t)
	for id := range uint64(50) {
		d.Accept(sized(id, frame), 0)
	}
	d.Set(1, wire.Impairment{})
	if left, _ := drain(d, 0); len(left) != 50 || left[49] != int64(50*ms) {
		t.Errorf("%d left, the last at %v", len(left), left[len(left)-1])
	}
}
