package labs_test

import (
	"testing"

	"rawlab/labs"
)

// TestSharedRecords counts the events of records that several left in, since
// their emitter was late, whatever the mix of the two words. Up to 60, no two
// mixes are of one size.
func TestSharedRecords(t *testing.T) {
	const header = 17 // TLS 1.3's type and tag, once a record
	alone := [2]int{50 + header, 61 + header}
	for n := 2; n <= 60; n++ {
		for longer := range n + 1 {
			if events, of := labs.CountShared(alone, (n-longer)*50+longer*61+header); events != n || of != longer {
				t.Fatalf("%d events in a record, %d of them longer: counted %d and %d", n, longer, events, of)
			}
		}
	}
	if events, _ := labs.CountShared(alone, 120); events != 0 {
		t.Errorf("a record that no events fill: counted %d", events)
	}
}
