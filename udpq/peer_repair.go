package udpq

import (
	"sync"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue"
	"rawlab/udpq/nack"
)

// Bounds of one look into a log.
const (
	rereadEvents = 64
	rereadBytes  = 16 << 10 // about what leaves at once
)

// repairs is the stored events that a client misses: they are read from their
// logs once more by the goroutine that writes.
type repairs struct {
	mu     sync.Mutex
	wanted *nack.Wanted // nil without the rung
	timer  clock.Timer

	// Of the goroutine that publishes:
	lost bool              // something emitted will not come
	last map[uint16]uint64 // number of the last event of each stream
}

// want takes a request for stored events.
func (p *peer) want(f *framing.Frame) {
	missing, err := framing.ParseRanges(f.Payload)
	if err != nil || p.repairs.wanted == nil || len(f.Topic) == 0 || f.Flags&framing.FlagOffset == 0 {
		p.group.invalid()
		return
	}
	p.repairs.mu.Lock()
	p.repairs.wanted.Asked(f.Topic, missing)
	p.repairs.mu.Unlock()
	p.stir()
}

// stir lets the goroutine that writes look what there is to do.
func (p *peer) stir() {
	select {
	case p.stirred <- struct{}{}:
	default: // it will look
	}
}

// repair sends what was asked for, as fast as it may.
func (p *peer) repair() {
	for p.repairs.wanted != nil {
		topic, from, to, some := p.nextRepair()
		if !some {
			return
		}
		frames, next, err := p.session.Again([]byte(topic), from, to, rereadBytes)
		if err != nil {
			p.session.End(framing.CodeInternal, "the log cannot be read")
			return
		}
		p.sendAgain(frames)
		p.repairs.mu.Lock()
		if p.repairs.wanted.Taken(len(frames)); next > from && next < to {
			p.repairs.wanted.Asked([]byte(topic), framing.Ranges(nil).Append(next, to))
		}
		p.repairs.mu.Unlock()
	}
}

// nextRepair returns what to send again now. If it is too early, it is asked
// again when it is not.
func (p *peer) nextRepair() (topic string, from, to uint64, some bool) {
	p.repairs.mu.Lock()
	defer p.repairs.mu.Unlock()
	c := p.group.server.config.Clock
	if wait := max(p.repairs.wanted.Wait(c.Now(), framing.DefaultDatagram), p.pace.wait(c.Now())); wait > 0 {
		if p.repairs.timer == nil {
			p.repairs.timer = c.AfterFunc(wait, p.stir)
		} else {
			p.repairs.timer.Reset(wait)
		}
		return "", 0, 0, false
	}
	return p.repairs.wanted.Next(rereadEvents)
}

// sendAgain sends stored events that were counted when they were sent first.
func (p *peer) sendAgain(frames []byte) {
	note := func(_ []byte, err error) {
		if err != nil {
			p.group.server.log.Debug("sending again", "peer", p.to.Load().from, "err", err)
		}
	}
	p.group.server.repaired.Add(uint64(count(frames)))
	for len(frames) > 0 {
		if p.isOver(frames) {
			n := frameSize(frames)
			_, b, sizes := p.cut(frames[:n])
			p.sendAll(b, sizes, note)
			frames = frames[n:]
			continue
		}
		var room [stretch]int
		sizes, n := p.measure(frames, room[:0])
		p.sendAll(frames[:n], sizes, note)
		frames = frames[n:]
	}
}

// count returns how many frames there are.
func count(frames []byte) (n int) {
	for ; len(frames) > 0; n++ {
		frames = frames[frameSize(frames):]
	}
	return n
}

// stopRepairs ends what want began.
func (p *peer) stopRepairs() {
	p.repairs.mu.Lock()
	defer p.repairs.mu.Unlock()
	if p.repairs.timer != nil {
		p.repairs.timer.Stop()
	}
}

// maxSkipped bounds the events of one gap that are told one by one.
const maxSkipped = 1 << 16

// noteSkipped says of events that were emitted and have not come, in order,
// that they have expired: those that the numbers before this one name.
func (p *peer) noteSkipped(f *framing.Frame) {
	r := &p.repairs
	if r.wanted == nil || p.rung.unordered || f.Origin != p.session.Origin() {
		return
	}
	stream, number := framing.SplitSequence(f.Sequence)
	if r.last == nil {
		r.last = make(map[uint16]uint64)
	}
	from := r.last[stream] + 1
	if r.lost && number > from && stream < framing.Streams-1 {
		for n := max(from, number-min(number, maxSkipped)); n < number; n++ {
			p.group.server.meter.Drop(queue.FateExpired, &framing.Frame{Origin: f.Origin, Sequence: framing.Sequence(stream, n)})
		}
	}
	r.last[stream] = max(number, r.last[stream])
}
