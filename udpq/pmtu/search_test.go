package pmtu_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rawlab/udpq/pmtu"
)

const (
	least = 548
	most  = 65507
	rtt   = 10 * time.Millisecond
)

var epoch = time.Unix(1_700_000_000, 0)

// world is a path, and a search on it, on a clock of its own.
type world struct {
	*pmtu.Search
	now    time.Time
	mtu    int                  // larger datagrams vanish
	local  int                  // larger ones the kernel refuses
	lose   func(probe int) bool // nth probe, from 0
	probes []int                // sizes
}

func newWorld(mtu int) *world {
	return &world{Search: pmtu.NewSearch(least, most), now: epoch, mtu: mtu, local: most}
}

// pass lets time pass, with a large datagram every second if busy.
func (w *world) pass(d time.Duration, busy bool) {
	end := w.now.Add(d)
	for beat := w.now; ; beat = beat.Add(time.Second) {
		if busy {
			w.Use(w.now)
		}
		w.run(min(end.UnixNano(), beat.Add(time.Second).UnixNano()))
		if !w.now.Before(end) {
			return
		}
	}
}

// run does what the search asks for until then.
func (w *world) run(until int64) {
	end := time.Unix(0, until)
	for {
		if p, ok := w.Next(w.now); ok {
			n := len(w.probes)
			w.probes = append(w.probes, p.Size)
			switch {
			case p.Size > w.local:
				w.Refused(w.now, p.Number)
			case p.Size <= w.mtu && (w.lose == nil || !w.lose(n)):
				w.now = w.now.Add(rtt)
				w.Answered(w.now, p.Number)
			}
			continue
		}
		wake := w.Wake()
		if wake.IsZero() || wake.After(end) {
			if w.now.Before(end) {
				w.now = end
			}
			return
		}
		if wake.After(w.now) {
			w.now = wake
		}
	}
}

func TestFindsWhatThePathTakes(t *testing.T) {
	for name, c := range map[string]struct {
		mtu, local int
		want       int // within 16 bytes below the mtu, or this exactly if it is common
		probes     int // at most
	}{
		"loopback":                       {most, most, most, 2},
		"Ethernet":                       {1472, 1472, 1472, 3},
		"Ethernet, the kernel knows not": {1472, most, 1472, 12},
		"a link of 1400":                 {1372, 1472, 1372, 20},
		"a link of 1280":                 {1252, 1472, 1252, 40},
		"IPv6 of 1280":                   {1232, 1452, 1232, 40},
		"jumbo":                          {8972, 8972, 8972, 10},
		"PPPoE":                          {1464, 1472, 1464, 10},
		"the base and no more":           {1200, 1472, 1200, 40},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(c.mtu)
			w.local = c.local
			w.pass(2*time.Minute, true)
			if w.Budget() != c.want || w.State() != pmtu.Complete {
				t.Errorf("Budget() = %d in %v, want %d, complete", w.Budget(), w.State(), c.want)
			}
			found := slices.Index(w.probes, c.want)
			if first := w.probes[:found+1]; len(first) > c.probes {
				t.Errorf("found with %d probes, want at most %d: %v", len(first), c.probes, first)
			}
			if w.BlackHoles() != 0 {
				t.Errorf("%d black holes, want none", w.BlackHoles())
			}
		})
	}
}

// Whatever the path takes, and though it loses probes, the search ends within
// 16 bytes below that, and never says more.
func TestFindsAnySize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mtu := rapid.IntRange(pmtu.Base, most).Draw(t, "mtu")
		w := newWorld(mtu)
		last := 0
		w.lose = func(n int) bool { // now and then, never three of a size
			if n-last > 3 && rapid.IntRange(0, 9).Draw(t, "lose") == 0 {
				last = n
				return true
			}
			return false
		}
		for range 120 {
			w.pass(time.Second, true)
			if w.Budget() > mtu {
				t.Fatalf("Budget() = %d on a path of %d", w.Budget(), mtu)
			}
		}
		if w.State() != pmtu.Complete || mtu-w.Budget() > 16 {
			t.Fatalf("Budget() = %d in %v on a path of %d", w.Budget(), w.State(), mtu)
		}
	})
}

// Nothing is probed for who sends nothing large.
func TestIdle(t *testing.T) {
	w := newWorld(1472)
	w.pass(time.Hour, false)
	if len(w.probes) > 0 || w.Budget() != pmtu.Base || w.State() != pmtu.Idle {
		t.Errorf("%d probes, budget %d, %v", len(w.probes), w.Budget(), w.State())
	}
	w.local = 1472
	w.pass(time.Minute, true)
	n := len(w.probes)
	w.pass(time.Minute, false)
	if more := len(w.probes) - n; more > 1 {
		t.Errorf("%d probes in a minute without large datagrams: %v", more, w.probes[n:])
	}
}

// A path that takes less than before is noticed, without ICMP, and what it
// takes now is found; when it takes more again, that too.
func TestBlackHole(t *testing.T) {
	w := newWorld(1472)
	w.local = 1472
	w.pass(time.Minute, true)
	w.mtu = 1252
	start, budget := w.now, w.Budget()
	for w.Budget() == budget {
		w.pass(100*time.Millisecond, true)
	}
	if took := w.now.Sub(start); took > pmtu.ConfirmInterval+(pmtu.MaxProbes+1)*pmtu.ProbeTimer || w.BlackHoles() != 1 {
		t.Errorf("noticed after %v, %d black holes", took, w.BlackHoles())
	}
	if w.Budget() != pmtu.Base {
		t.Errorf("Budget() = %d at once, want the base", w.Budget())
	}
	w.pass(time.Minute, true)
	if w.Budget() != 1252 {
		t.Errorf("Budget() = %d, want 1252", w.Budget())
	}
	w.mtu = 1472
	w.pass(pmtu.RaiseInterval+time.Minute, true)
	if w.Budget() != 1472 {
		t.Errorf("Budget() = %d after the path has grown, want 1472", w.Budget())
	}
}

// A path that is down, and one that takes less than the base, leave the least;
// when it is up again the search goes on.
func TestError(t *testing.T) {
	w := newWorld(1000)
	w.pass(time.Minute, true)
	if w.State() != pmtu.InError || w.Budget() != least {
		t.Errorf("Budget() = %d in %v, want %d, error", w.Budget(), w.State(), least)
	}
	if n := len(w.probes); n > 15 {
		t.Errorf("%d probes in a minute", n)
	}
	w.mtu, w.local = 1472, 1472
	w.pass(time.Minute, true)
	if w.Budget() != 1472 {
		t.Errorf("Budget() = %d, want 1472", w.Budget())
	}
}

// One lost probe, or one answered late, changes nothing.
func TestLossIsNoSize(t *testing.T) {
	w := newWorld(1472)
	w.local = 1472
	w.lose = func(n int) bool { return n%3 != 2 }
	w.pass(time.Minute, true)
	if w.Budget() != 1472 || w.BlackHoles() != 0 {
		t.Errorf("Budget() = %d, %d black holes, want 1472 and none", w.Budget(), w.BlackHoles())
	}
	s := pmtu.NewSearch(least, most)
	s.Use(epoch)
	first, _ := s.Next(epoch)
	s.Next(epoch.Add(pmtu.ProbeTimer))
	s.Answered(epoch.Add(pmtu.ProbeTimer+1), first.Number)
	if s.State() != pmtu.Searching {
		t.Errorf("%v after a late answer, want searching", s.State())
	}
	large, _ := s.Next(epoch.Add(pmtu.ProbeTimer + 1))
	s.Answered(epoch.Add(2*pmtu.ProbeTimer), first.Number)
	if s.Budget() != pmtu.Base {
		t.Errorf("the answer to a probe of %d bytes confirmed one of %d", first.Size, large.Size)
	}
}

func TestMove(t *testing.T) {
	w := newWorld(1472)
	w.local = 1472
	w.pass(time.Minute, true)
	w.Move()
	if w.Budget() != pmtu.Base {
		t.Errorf("Budget() = %d on another path, want the base", w.Budget())
	}
	w.mtu = 1372
	w.pass(time.Minute, true)
	if w.Budget() != 1372 {
		t.Errorf("Budget() = %d, want 1372", w.Budget())
	}
}
