package ack_test

import (
	"slices"
	"testing"
	"time"

	"rawlab/udpq/ack"
	"rawlab/udpq/badwire"
)

// path is a wire that some flows share: a queue that drops what finds it full,
// a rate and a delay; and the way back, which only delays.
type path struct {
	badwire.World
	loss    float64       // of what the queue let pass, and of the acks
	rate    float64       // bytes per second; 0: without a bound
	queue   time.Duration // that the queue holds
	delay   time.Duration // each way
	skip    float64       // share of what crosses without the delay, and overtakes others
	jitter  time.Duration // by which the delay is longer, at most
	free    time.Time     // when the wire has sent what waits
	dropped int
	lost    int // by chance
}

func newPath(seed uint64) *path {
	return &path{World: badwire.New(seed, 2)}
}

func (p *path) later(d time.Duration, do func()) {
	p.Later(d, func() error {
		do()
		return nil
	})
}

// run lets time pass.
func (p *path) run(lasting time.Duration) { p.RunFor(lasting) }

// carry is the way of data: b comes later, or never.
func (p *path) carry(bytes int, come func()) {
	const overhead = 42 // Ethernet, IP and UDP
	if p.free.Before(p.Now) {
		p.free = p.Now
	}
	wait := p.free.Sub(p.Now)
	if p.rate > 0 && wait > p.queue {
		p.dropped++
		return
	}
	if p.rate > 0 {
		p.free = p.free.Add(time.Duration(float64(bytes+overhead) / p.rate * 1e9))
		wait = p.free.Sub(p.Now)
	}
	if p.Random.Float64() < p.loss {
		p.lost++
		return
	}
	p.later(wait+p.takes(), come)
}

// takes returns what the next datagram takes.
func (p *path) takes() (d time.Duration) {
	if p.skip == 0 || p.Random.Float64() >= p.skip {
		d = p.delay
	}
	if p.jitter > 0 {
		d += time.Duration(p.Random.Int64N(int64(p.jitter)))
	}
	return d
}

// flow is one conversation over a path: events leave at one end.
type flow struct {
	p         *path
	send      *ack.Sender
	receive   *ack.Receiver
	delivered int             // bytes
	late      []time.Duration // each event's time from being emitted to being delivered
	waiting   []time.Time     // when the events were emitted that are in no datagram yet
	looks     [2]int
}

func newFlow(p *path, c ack.Congestion, unordered bool) *flow {
	return &flow{p: p, send: ack.NewSender(ack.SenderConfig{Congestion: c, PackBytes: segment - ack.HeaderBytes}), receive: ack.NewReceiver(unordered, 0)}
}

// eventAt is an event of some bytes that says when it was emitted.
func eventAt(t time.Time, bytes int) []byte {
	b := make([]byte, bytes)
	for i := range 8 {
		b[i] = byte(t.Sub(start) >> (8 * i))
	}
	return b
}

// emit emits an event every interval, from when there is room for it.
func (f *flow) emit(bytes int, interval time.Duration) {
	f.waiting = append(f.waiting, f.p.Now)
	f.p.later(interval, func() { f.emit(bytes, interval) })
	f.act(bytes)
}

// fill emits as much as there is room for.
func (f *flow) fill() {
	for f.send.Room() {
		f.send.Send(eventAt(f.p.Now, segment-ack.HeaderBytes))
	}
	f.pump(segment-ack.HeaderBytes, f.fill)
}

func (f *flow) act(bytes int) {
	for len(f.waiting) > 0 && f.send.Room() {
		f.send.Send(eventAt(f.waiting[0], bytes))
		f.waiting = f.waiting[1:]
	}
	f.pump(bytes, func() { f.act(bytes) })
}

// pump is the end that sends.
func (f *flow) pump(bytes int, again func()) {
	f.send.OnTimer(f.p.Now)
	for {
		h, frames, ok := f.send.Next(f.p.Now)
		if !ok {
			break
		}
		came := slices.Clone(frames)
		f.p.carry(len(frames)+ack.HeaderBytes, func() { f.arrive(&h, came, bytes, again) })
	}
	if wake := f.send.Wake(f.p.Now); !wake.IsZero() {
		f.look(0, wake, again)
	}
}

func (f *flow) look(end int, at time.Time, do func()) {
	f.looks[end]++
	look := f.looks[end]
	f.p.later(at.Sub(f.p.Now), func() {
		if look == f.looks[end] {
			do()
		}
	})
}

// arrive is the end that receives.
func (f *flow) arrive(h *ack.Header, frames []byte, bytes int, again func()) {
	for _, b := range f.receive.Accept(f.p.Now, h, frames) {
		f.delivered += len(b)
		f.receive.Done(len(b))
		for ; len(b) >= bytes; b = b[bytes:] {
			var at time.Duration
			for i := range 8 {
				at |= time.Duration(b[i]) << (8 * i)
			}
			f.late = append(f.late, f.p.Now.Sub(start)-at)
		}
	}
	f.acknowledge(again)
}

func (f *flow) acknowledge(again func()) {
	if f.receive.AckDue(f.p.Now) {
		h := f.receive.Acknowledge()
		if f.p.Random.Float64() >= f.p.loss {
			f.p.later(f.p.takes(), func() {
				f.send.OnAck(f.p.Now, &h)
				again()
			})
		}
	}
	if wake := f.receive.Wake(); !wake.IsZero() {
		f.look(1, wake, func() { f.acknowledge(again) })
	}
}

// jain is Jain's index of fairness (Jain, Chiu and Hawe 1984): 1 when all have
// as much, 1/n when one has it all.
func jain(shares ...float64) float64 {
	sum, squares := 0.0, 0.0
	for _, x := range shares {
		sum, squares = sum+x, squares+x*x
	}
	return sum * sum / (float64(len(shares)) * squares)
}

// Two flows share a wire: each has a quarter at least, and little of the wire
// is left unused. The default beside each, and each beside itself.
func TestFairness(t *testing.T) {
	seeds := uint64(24)
	if testing.Short() {
		seeds = 4
	}
	least := 1.0
	for seed := range seeds {
		p := newPath(seed)
		p.rate = 1.25e6 * (0.5 + p.Random.Float64())
		p.delay = time.Duration(5+p.Random.IntN(35)) * ms
		p.queue = time.Duration(50+p.Random.IntN(50)) * ms
		lead := time.Duration(p.Random.IntN(3000)) * ms
		all := ack.Congestions()
		pair := [2]ack.Congestion{ack.Westwood, all[int(seed)%len(all)]}
		if p.Random.IntN(2) == 0 {
			pair[0] = pair[1]
		}
		const lasting = 24 * time.Second
		var flows [2]*flow
		for i := range flows {
			flows[i] = newFlow(p, pair[i], false)
			p.later(time.Duration(i)*lead, flows[i].fill)
		}
		p.run(lasting / 3)
		from := [2]int{flows[0].delivered, flows[1].delivered}
		p.run(lasting)
		a, b := float64(flows[0].delivered-from[0]), float64(flows[1].delivered-from[1])
		used := (a + b) / (p.rate * (lasting * 2 / 3).Seconds())
		if share := a / (a + b); share < 0.25 || share > 0.75 || used < 0.8 {
			t.Errorf("seed %d: %s has %.0f %% beside %s, want 25 to 75 %%; of the wire, both use %.0f %%, want 80 %% at least", seed, pair[0], 100*share, pair[1], 100*used)
		}
		least = min(least, jain(a, b))
	}
	t.Logf("the least of Jain's indices: %.2f", least)
}

// What a loss costs: the time that events take over a wire that loses some,
// at a rate that it could carry many times over.
func TestLateness(t *testing.T) {
	lasting := 10 * time.Second
	if testing.Short() {
		lasting = 3 * time.Second
	}
	for _, c := range []struct {
		loss         float64
		perSecond    int
		unordered    bool
		median, most time.Duration // of Westwood: median, 99th percentile
	}{
		{0.01, 5000, false, 20 * ms, 45 * ms},
		{0.01, 5000, true, 12 * ms, 40 * ms},
		{0.05, 2500, false, 40 * ms, 200 * ms},
		{0.05, 2500, true, 12 * ms, 200 * ms},
	} {
		for _, algorithm := range ack.Congestions() {
			if testing.Short() && algorithm != ack.Westwood {
				continue
			}
			p := newPath(7)
			p.loss, p.delay = c.loss, 10*ms
			f := newFlow(p, algorithm, c.unordered)
			const bytes = 176 // an event of 128 B as a frame
			p.later(0, func() { f.emit(bytes, time.Second/time.Duration(c.perSecond)) })
			p.run(lasting)
			slices.Sort(f.late)
			n := len(f.late)
			median, most := f.late[n/2], f.late[n*99/100]
			t.Logf("%-8s loss %v, %d events/s, unordered %-5v: p50 %v, p99 %v, max %v, %+v", algorithm, c.loss, c.perSecond, c.unordered,
				median.Round(ms/10), most.Round(ms/10), f.late[n-1].Round(ms), f.send.Stats())
			if algorithm == ack.Westwood && (median > c.median || most > c.most) {
				t.Errorf("%s at a loss of %v: p50 %v, p99 %v, want %v and %v at most", algorithm, c.loss, median, most, c.median, c.most)
			}
		}
	}
}

// Whatever is lost in the first round trips, events do not pile up at the
// start: nothing of it was lost for want of room.
func TestStartOverLossyWire(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		p := newPath(seed)
		p.loss, p.delay = 0.01, 10*ms
		f := newFlow(p, ack.Westwood, false)
		p.later(0, func() { f.emit(176, 200*time.Microsecond) })
		p.run(1500 * ms)
		slices.Sort(f.late)
		if most := f.late[len(f.late)*99/100]; most > 80*ms {
			t.Errorf("seed %d: p99 %v, want 80 ms at most: four one-way trips, and as much for what shares the window", seed, most)
		}
	}
}

// Where datagrams overtake each other, few are sent again for nothing; a loss
// is made good as soon as it can be told from that.
func TestOvertaking(t *testing.T) {
	for name, c := range map[string]struct {
		loss, skip float64
		jitter     time.Duration
		most       time.Duration // 99th percentile
	}{
		"some skip the delay":        {0, 0.1, 0, 20 * ms},
		"a quarter skips the delay":  {0, 0.25, 0, 20 * ms},
		"one of a thousand skips it": {0, 0.001, 0, 20 * ms},
		"jitter":                     {0, 0, 5 * ms, 20 * ms},
		"losses, and some skip":      {0.01, 0.1, 0, 150 * ms},
		"losses, and jitter":         {0.01, 0, 5 * ms, 80 * ms},
		"losses":                     {0.01, 0, 0, 45 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPath(3)
			p.loss, p.skip, p.jitter, p.delay = c.loss, c.skip, c.jitter, 10*ms
			f := newFlow(p, ack.Westwood, false)
			p.later(0, func() { f.emit(176, 500*time.Microsecond) })
			p.run(4 * time.Second)
			slices.Sort(f.late)
			n := len(f.late)
			st := f.send.Stats()
			needless := int(st.Retransmits) - p.lost
			t.Logf("%d events: p50 %v, p99 %v, %+v, %d lost", n, f.late[n/2].Round(ms/10), f.late[n*99/100].Round(ms/10), st, p.lost)
			if needless > n/50 {
				t.Errorf("%d of %d sent again for nothing, want 2 %% at most", needless, n)
			}
			if most := f.late[n*99/100]; most > c.most {
				t.Errorf("p99 %v, want %v at most", most, c.most)
			}
		})
	}
}
