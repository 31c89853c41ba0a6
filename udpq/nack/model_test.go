package nack_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rawlab/udpq/nack"
)

// judge runs a trial and says what was not kept of the promise: each event
// once, in order if wanted, or told as lost in its place; nothing lost unless
// there is a reason; and no more repairs than losses call for.
func judge(c trial) error {
	w, err := c.run()
	if err != nil {
		return err
	}
	for i, e := range w.ends {
		if err := e.numbers.check(1, c, c.Unordered); err != nil {
			return fmt.Errorf("end %d: numbers: %w", i, err)
		}
		for topic, s := range e.topics {
			if err := s.check(firstOffset, c, false); err != nil {
				return fmt.Errorf("end %d: %s: %w", i, topic, err)
			}
		}
		if err := e.reckon(); err != nil {
			return fmt.Errorf("end %d: %w", i, err)
		}
		if !c.harsh() && e.peer == w.ends[0] {
			for i := range c.Logs {
				if s := e.topics[topicName(i)]; c.Events > 0 && (s == nil || len(s.delivered) != c.Events && c.Trim == 0) {
					return fmt.Errorf("%s: %+v, want all %d events", topicName(i), s, c.Events)
				}
			}
		}
	}
	return w.noStorm()
}

// harsh reports whether the wire may well lose something, or the requests for it, as often as it takes
// to be given up, or for good.
func (c *trial) harsh() bool { return c.Loss+c.Corrupt+3*c.Long > 12 || c.Outage > 0 }

// check checks that every number from first on was delivered once or told as
// lost, up to some number.
func (s *story) check(first uint64, c trial, unordered bool) error {
	met := make(map[uint64]string)
	highest := first - 1
	note := func(n uint64, fate string) error {
		if met[n] != "" || n < first || n >= first+uint64(c.Events) {
			return fmt.Errorf("%d is %s and %q, or was never sent", n, fate, met[n])
		}
		met[n] = fate
		highest = max(highest, n)
		return nil
	}
	if !unordered && !slices.IsSorted(s.delivered) {
		return fmt.Errorf("out of order: %v", s.delivered)
	}
	for _, n := range s.delivered {
		if err := note(n, "delivered"); err != nil {
			return err
		}
	}
	for _, l := range s.lost {
		for n := l.From; n < l.To; n++ {
			if err := note(n, "lost"); err != nil {
				return err
			}
		}
	}
	if !unordered || !c.harsh() {
		if !c.Receipt && c.harsh() && len(s.delivered) > 0 {
			first = s.delivered[0] // every beat that would have told where it starts may be lost
		}
		for n := first; n <= highest; n++ {
			if met[n] == "" {
				return fmt.Errorf("%d is neither delivered nor told as lost, %d is", n, highest)
			}
		}
	}
	return nil
}

// reckon checks what a sender says against what the other end has seen.
func (e *end) reckon() error {
	c := &e.w.trial
	if !e.send.Idle() {
		return fmt.Errorf("the sender is not idle in the end")
	}
	if e.send.Buffered() != 0 || e.peer.receive.Held() != 0 || e.peer.logs.Held() != 0 {
		return fmt.Errorf("%d bytes in the ring, %d and %d held in the end", e.send.Buffered(), e.peer.receive.Held(), e.peer.logs.Held())
	}
	sent, met := e.send.Stats(), e.peer.receive.Stats()
	if open := e.send.Open(); open > 0 && !c.harsh() {
		return fmt.Errorf("%d datagrams that nothing was said of, %+v", open, sent)
	} else if open > 0 {
		return nil
	}
	lost := met.Expired + met.GivenUp
	if got := uint64(len(e.peer.numbers.delivered)); got+lost != sent.Sent || sent.Lost != lost {
		return fmt.Errorf("%d delivered and %d lost of %+v, seen %+v", got, lost, sent, met)
	}
	if lost > 0 && !c.harsh() && sent.Expired == 0 {
		return fmt.Errorf("%d lost without a reason, %+v, %+v", lost, sent, met)
	}
	return nil
}

// noStorm checks that no more was sent again than was spoilt, delayed or
// doubled on the way, or found no room.
func (w *world) noStorm() error {
	repairs, refused := 0, 0
	for _, e := range w.ends {
		repairs += int(e.send.Stats().Repaired) + e.again
		refused += int(e.receive.Stats().Refused + e.logs.Stats().Refused)
	}
	events := w.Events * (2 + w.Logs)
	extra := w.carried - events - repairs // messages
	bad := w.spoilt + w.delayed
	if most := 2*bad + 2*w.carried*w.Duplicate/100 + refused + 40; repairs > most {
		return fmt.Errorf("%d repairs for %d spoilt and %d delayed datagrams, %d refused", repairs, w.spoilt, w.delayed, refused)
	}
	if most := 2 * events; refused > most {
		return fmt.Errorf("%d refused of %d events", refused, events)
	}
	if w.Outage == 0 && extra > 8*bad+8*events+200 {
		return fmt.Errorf("%d messages for %d events, %d bad datagrams", extra, events, bad)
	}
	return nil
}

// drawn returns a trial that depends on nothing but the seed.
func drawn(seed uint64) trial {
	r := rand.New(rand.NewPCG(seed, 0))
	c := trial{
		Seed: seed, Events: r.IntN(150), Logs: r.IntN(3), Size: r.IntN(1200), Burst: 1 + r.IntN(50), Pause: time.Duration(r.IntN(100)) * ms,
		Loss: r.IntN(30), Duplicate: r.IntN(20), Reorder: r.IntN(40), Corrupt: r.IntN(10), Long: r.IntN(4),
		Delay: time.Duration(r.IntN(100)) * ms, Unordered: r.IntN(2) == 0, Receipt: r.IntN(2) == 0,
		Config: nack.Config{RingBytes: 2 << 10 << r.IntN(12), HeldBytes: 2 << 10 << r.IntN(8), RingAge: time.Minute},
	}
	switch r.IntN(10) {
	case 0:
		c.Outage = time.Duration(r.IntN(40_000)) * ms
	case 1:
		c.Trim = 1 + r.IntN(100)
	case 2:
		c.RingAge = time.Duration(1+r.IntN(500)) * ms
	}
	return c
}

func TestEveryEventOnceOrItsFate(t *testing.T) {
	seeds := uint64(4000)
	if testing.Short() {
		seeds = 300
	}
	for seed := range seeds {
		c := drawn(seed)
		if err := judge(c); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
	}
}

// The same, shrunk by rapid when it fails.
func TestLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
		c := trial{
			Seed: rapid.Uint64().Draw(t, "seed"), Events: number("events", 60), Logs: number("logs", 2), Size: number("size", 1200),
			Burst: 1 + number("burst", 50), Pause: time.Duration(number("pause ms", 100)) * ms,
			Loss: number("loss", 30), Duplicate: number("duplicate", 20), Reorder: number("reorder", 40), Corrupt: number("corrupt", 10),
			Long: number("long", 4), Delay: time.Duration(number("delay ms", 100)) * ms, Unordered: rapid.Bool().Draw(t, "unordered"), Receipt: rapid.Bool().Draw(t, "receipt"),
			Outage: time.Duration(rapid.SampledFrom([]int{0, 0, 0, 100, 5000, 30_000}).Draw(t, "outage ms")) * ms,
			Trim:   rapid.SampledFrom([]int{0, 0, 1, 20}).Draw(t, "trim"),
			Config: nack.Config{
				RingBytes: rapid.IntRange(2<<10, 1<<20).Draw(t, "ring"), HeldBytes: rapid.IntRange(2<<10, 1<<18).Draw(t, "held"),
				RingAge: time.Duration(rapid.IntRange(1, 10_000).Draw(t, "age ms")) * ms,
			},
		}
		if err := judge(c); err != nil {
			t.Fatal(err)
		}
	})
}

// On a wire that does nothing wrong, nothing is asked for, and little said.
func TestGoodWire(t *testing.T) {
	c := trial{Events: 5000, Logs: 1, Receipt: true, Size: 64, Burst: 10, Pause: ms, Delay: 20 * ms, Config: nack.Config{RingBytes: 1 << 20, HeldBytes: 1 << 16}}
	w, err := c.run()
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range w.ends {
		if sent, met := e.send.Stats(), e.receive.Stats(); sent != (nack.SenderStats{Sent: 5000}) || met != (nack.ReceiverStats{}) || len(e.numbers.delivered) != 5000 {
			t.Errorf("end %d: %+v, %+v, %d delivered", i, sent, met, len(e.numbers.delivered))
		}
	}
	if said := w.carried - 15_000; said > 60 {
		t.Errorf("%d messages in half a second without a loss, want no more than beats and answers", said)
	}
}

// Where much is only late, a receiver learns to wait before it asks.
func TestReorderIsLearnt(t *testing.T) {
	c := trial{
		Events: 5000, Size: 64, Burst: 5, Pause: 5 * ms, Reorder: 20, Delay: 20 * ms, Receipt: true,
		Config: nack.Config{RingBytes: 4 << 20, HeldBytes: 1 << 20},
	}
	w, err := c.run()
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range w.ends {
		if n, sent := len(e.numbers.delivered), e.send.Stats(); n != c.Events || sent.Repaired > uint64(c.Events/10) {
			t.Errorf("end %d: %d delivered of %d, %+v: want all, and repairs of a few that were late", i, n, c.Events, sent)
		}
	}
}

// On a long path, too, nothing is asked for again before it can have come.
func TestLongPath(t *testing.T) {
	c := trial{
		Events: 4000, Size: 64, Burst: 20, Pause: 2 * ms, Loss: 5, Delay: 120 * ms, Receipt: true,
		Config: nack.Config{RingBytes: 4 << 20, HeldBytes: 4 << 20},
	}
	w, err := c.run()
	if err != nil {
		t.Fatal(err)
	}
	repairs, early := 0, 0
	for i, e := range w.ends {
		repairs, early = repairs+int(e.send.Stats().Repaired), early+int(e.send.Stats().Early)
		if again := e.receive.Stats().Duplicates; again > 0 {
			t.Errorf("end %d: %d repairs came twice", i, again)
		}
		if n := len(e.numbers.delivered); n != c.Events {
			t.Errorf("end %d: %d delivered of %d", i, n, c.Events)
		}
	}
	if repairs > w.spoilt*11/10 {
		t.Errorf("%d repairs for %d lost datagrams", repairs, w.spoilt)
	}
	if early == 0 {
		t.Error("nothing was asked for too early: nothing was tested")
	}
}
