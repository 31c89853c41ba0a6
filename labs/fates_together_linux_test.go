package labs_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"rawlab/capture/account"
	"rawlab/labs"
)

// mixEnv is how many events TestFatesOfAMix emits, such as 200000, which takes
// a minute and about a gigabyte of memory.
const mixEnv = "RAWLAB_MIX_EVENTS"

// Loss, fragmentation and a slow reader at once: every event has its place.
func TestFatesOfAMix(t *testing.T) {
	t.Parallel()
	o := calm(2000)
	if testing.Short() {
		o.Events = 800
	}
	if asked := os.Getenv(mixEnv); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil {
			t.Fatalf("%s=%s: %v", mixEnv, asked, err)
		}
		o.Events = n
	}
	o.Impairment.Loss, o.Size = 0.05, 3000
	o.ReaderDelay, o.ReceiveBuffer = time.Millisecond, 16<<10
	got, in := provoke(t, &labs.Provocation{Options: o})
	none, some := bothLegs(in)
	known := map[uint64]bool{}
	for _, d := range in.Deliveries {
		known[d.ID.Sequence] = true
	}
	for _, set := range [][]uint64{none, some} {
		for _, s := range set {
			known[s] = true
		}
	}
	var buffer []uint64
	for s := uint64(1); s <= uint64(o.Events); s++ {
		if !known[s] {
			buffer = append(buffer, s)
		}
	}
	sets := byFate{account.FragmentLost: some, account.ReceiveBuffer: buffer}
	if len(none) > 0 { // all three fragments of one
		sets[account.WireLoss] = none
	}
	got.want(t, sets)
	t.Logf("%d events: %d delivered, %d lost a fragment, %d all, %d found a full buffer", o.Events, len(in.Deliveries), len(some), len(none), len(buffer))
}
