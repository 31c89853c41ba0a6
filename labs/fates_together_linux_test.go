package labs_test

import (
	"testing"
	"time"

	"rawlab/capture/account"
	"rawlab/labs"
)

// Loss, fragmentation and a slow reader at once: every event has its place.
func TestFatesOfAMix(t *testing.T) {
	t.Parallel()
	o := calm(2000)
	o.Impairment.Loss, o.Size = 0.05, 3000
	o.ReaderDelay, o.ReceiveBuffer = time.Millisecond, 16<<10
	got, in := provoke(t, &labs.Provocation{Options: o})
	none, some := bothLegs(in)
	read := map[uint64]bool{}
	for _, d := range in.Deliveries {
		read[d.ID.Sequence] = true
	}
	left := append(append([]uint64{}, none...), some...)
	wired := map[uint64]bool{}
	for _, s := range left {
		wired[s] = true
	}
	var buffer []uint64
	for s := uint64(1); s <= uint64(o.Events); s++ {
		if !wired[s] && !read[s] {
			buffer = append(buffer, s)
		}
	}
	sets := byFate{account.FragmentLost: some, account.ReceiveBuffer: buffer}
	if len(none) > 0 { // all three fragments of one
		sets[account.WireLoss] = none
	}
	got.want(t, sets)
}
