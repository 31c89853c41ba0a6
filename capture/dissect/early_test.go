package dissect_test

import (
	"testing"
	"time"

	"rawlab/capture/dissect"
)

// TestEarly: each frame of a stream is there as soon as it is whole, once,
// and learns of its retransmission later.
func TestEarly(t *testing.T) {
	b := events(t, 3)
	c := (&conversation{t: t, isn: 5}).syn().data(0, b[:60]).data(60, b[60:100]).data(0, b[:49]).data(100, b[100:])
	a := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet, Early: true})
	var all []*dissect.Frame
	for i, want := range []int{0, 1, 1, 0, 1} {
		a.Add(i+1, time.Unix(int64(i), 0), c.packets[i])
		found := a.Frames()
		if len(found) != want {
			t.Errorf("packet %d made %d frames whole, want %d", i+1, len(found), want)
		}
		all = append(all, found...)
	}
	if left := a.Finish(); len(left) != 0 || len(all) != 3 {
		t.Fatalf("%d frames early, %d at the end", len(all), len(left))
	}
	checkSummaries(t, all, summaries(finished(c))...)
	if n := len(all[0].Parts); n != 2 || !all[0].Parts[1].Retransmission {
		t.Errorf("the first frame has the parts %+v, want its retransmission too", all[0].Parts)
	}
}

// finished is what the same packets give in the end without Early.
func finished(c *conversation) []*dissect.Frame {
	a := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet})
	for i, p := range c.packets {
		a.Add(i+1, time.Unix(int64(i), 0), p)
	}
	return a.Finish()
}

// TestRemember: a retransmission from further back than is remembered is no
// longer matched, and nothing is kept of what it would be matched with.
func TestRemember(t *testing.T) {
	b := events(t, 40)
	c := (&conversation{t: t, isn: 5}).syn().data(0, b).data(0, b[:49])
	for remember, want := range map[int]int{0: 2, 49: 1} {
		a := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet, Remember: remember})
		for i, p := range c.packets {
			a.Add(i+1, time.Unix(int64(i), 0), p)
		}
		if frames := a.Finish(); len(frames) != 40 || len(frames[0].Parts) != want {
			t.Errorf("Remember %d: %d frames, the first in %d packets, want %d", remember, len(frames), len(frames[0].Parts), want)
		}
	}
}
