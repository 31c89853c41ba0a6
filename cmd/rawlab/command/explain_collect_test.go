package command

import (
	"math/rand/v2"
	"slices"
	"testing"

	"rawlab/capture/dissect"
)

// TestRepliesKept: every story finds the replies behind it that it would find
// among all, in whatever order they come.
func TestRepliesKept(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	const packets = 60_000
	all := make([]sighting, packets)
	for n := range all {
		all[n] = sighting{&dissect.Frame{Parts: []dissect.Part{{Packet: n + 1}}}, 0}
	}
	r := replies{from: []int{500, 501, 3_000, 20_000, 23_000, 59_000}}
	for from := 0; from < packets; from += 3000 { // nearly in order, as streams are read
		part := slices.Clone(all[from : from+3000])
		rnd.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
		for _, f := range part {
			r.add(f)
		}
	}
	r.prune()
	if len(r.list) > 4*answersWithin+3000 {
		t.Errorf("%d replies are kept", len(r.list))
	}
	for _, packet := range r.from {
		i := r.after(packet)
		got := r.list[i:min(len(r.list), i+answersWithin)]
		want := all[packet-1 : min(packets, packet-1+answersWithin)]
		if !slices.Equal(got, want) {
			t.Errorf("behind packet %d: %d replies, want %d", packet, len(got), len(want))
		}
	}
}
