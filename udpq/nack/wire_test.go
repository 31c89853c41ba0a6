package nack_test

import (
	"fmt"
	"slices"
	"time"

	"rawlab/framing"
	"rawlab/udpq/badwire"
	"rawlab/udpq/nack"
)

const ms = time.Millisecond

// trial is one conversation over a bad wire: both ends send numbered
// datagrams, and the first also events out of logs.
type trial struct {
	Seed                                    uint64
	Events                                  int // of each end, and of each log
	Logs                                    int
	Size                                    int // of a payload in bytes
	Burst                                   int // events sent at once
	Pause                                   time.Duration
	Loss, Duplicate, Reorder, Corrupt, Long int           // per cent; Long losses take what follows within 20 ms too
	Delay                                   time.Duration // one way
	Outage                                  time.Duration // nothing passes for so long, after the first burst
	Trim                                    int           // a log keeps so many events; 0: all
	Receipt                                 bool          // tells where the logs are joined
	Unordered                               bool
	nack.Config
}

// world is what a trial runs in: time, and what is to happen.
type world struct {
	trial
	badwire.World
	ends [2]*end

	carried, spoilt, delayed int       // datagrams
	losing                   time.Time // until then, all is lost
}

// story is what became of the numbers of one sequence at who receives it.
type story struct {
	delivered []uint64
	lost      []nack.Ready
}

// end is one of the two. The logs are sent by the first and followed by the
// second.
type end struct {
	w       *world
	peer    *end
	send    *nack.Sender
	receive *nack.Receiver
	logs    *nack.Logs
	beats   nack.Beats
	wanted  *nack.Wanted

	emitted int
	again   int // events of logs that were sent again
	numbers story
	topics  map[string]*story
	looks   int // which look at the timers counts
}

var start = badwire.Start

// run lets a trial happen and returns its world.
func (c trial) run() (*world, error) {
	w := &world{trial: c, World: badwire.New(c.Seed, 1)}
	for i := range w.ends {
		w.ends[i] = &end{
			w: w, send: nack.NewSender(c.Config), receive: nack.NewReceiver(c.Config, c.Unordered), logs: nack.NewLogs(c.Config),
			wanted: nack.NewWanted(c.Config), topics: make(map[string]*story),
		}
	}
	w.ends[0].peer, w.ends[1].peer = w.ends[1], w.ends[0]
	for i := range c.Logs {
		if c.Receipt {
			w.ends[1].logs.Start(start, []byte(topicName(i)), firstOffset)
		}
	}
	for _, e := range w.ends {
		w.Later(0, e.emit)
	}
	return w, w.Run(1000 * (c.Events*(c.Logs+1) + 100))
}

// frame is the nth event: of a log if there is a topic, numbered otherwise.
func (w *world) frame(topic string, n uint64) []byte {
	f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Sequence: n, Topic: []byte("t"), Payload: make([]byte, w.Size)}
	if topic != "" {
		f.Kind, f.Flags, f.Offset, f.Topic = framing.KindEvent, f.Flags|framing.FlagOffset, n, []byte(topic)
	}
	b, err := f.Append(nil)
	if err != nil {
		panic(err)
	}
	return b
}

// firstOffset is where the logs are joined.
const firstOffset = 7

func topicName(i int) string { return fmt.Sprintf("log%d", i) }

// emit sends a burst, and the next one after a pause.
func (e *end) emit() error {
	for range e.w.Burst {
		if e.emitted == e.w.Events {
			break
		}
		e.emitted++
		frames := e.w.frame("", uint64(e.emitted))
		n, kept := e.send.Send(e.w.Now, frames)
		e.carry(nack.AppendNumber(slices.Clone(kept), n))
		for i := range e.w.Logs {
			if e != e.w.ends[0] {
				break
			}
			offset := uint64(firstOffset - 1 + e.emitted)
			e.beats.Sent(e.w.Now, []byte(topicName(i)), offset)
			e.carry(e.w.frame(topicName(i), offset))
		}
	}
	if e.emitted < e.w.Events {
		e.w.Later(e.w.Pause, e.emit)
	}
	return e.act()
}

// act says and sends again what is due.
func (e *end) act() error {
	w := e.w
	e.note("", e.receive.Tick(w.Now))
	e.logs.Tick(w.Now, e.note)
	for {
		if n, frames, ok := e.send.Next(w.Now); ok {
			e.carry(nack.AppendNumber(slices.Clone(frames), n))
			continue
		}
		m, ok := e.send.Message(w.Now)
		for _, next := range []func(time.Time) (nack.Message, bool){e.receive.Message, e.logs.Message, e.beats.Message} {
			if !ok {
				m, ok = next(w.Now)
			}
		}
		if !ok {
			break
		}
		e.carry(m.Append(nil))
	}
	e.readLogs()
	e.look()
	return nil
}

// readLogs sends again what was asked for out of logs.
func (e *end) readLogs() {
	for e.wanted.Wait(e.w.Now, e.w.Size) == 0 {
		topic, from, to, some := e.wanted.Next(16)
		if !some {
			return
		}
		kept := uint64(firstOffset)
		if e.w.Trim > 0 && e.emitted > e.w.Trim {
			kept += uint64(e.emitted - e.w.Trim)
		}
		if from < kept {
			gone := nack.Message{Says: nack.Gone, Topic: []byte(topic), Ranges: framing.Ranges(nil).Append(from, min(to, kept))}
			e.carry(gone.Append(nil))
		}
		for n := max(from, kept); n < to; n++ {
			b := e.w.frame(topic, n)
			e.again++
			e.wanted.Taken(len(b))
			e.carry(b)
		}
	}
	e.w.Later(e.wanted.Wait(e.w.Now, e.w.Size), e.act)
}

// look asks for the next act at the earliest Wake.
func (e *end) look() {
	var wake time.Time
	for _, t := range []time.Time{e.send.Wake(e.w.Now), e.receive.Wake(e.w.Now), e.logs.Wake(), e.beats.Wake()} {
		if wake.IsZero() || !t.IsZero() && t.Before(wake) {
			wake = t
		}
	}
	if wake.IsZero() {
		return
	}
	e.looks++
	look := e.looks
	e.w.Later(max(0, wake.Sub(e.w.Now)), func() error {
		if look != e.looks {
			return nil
		}
		return e.act()
	})
}

// carry is the wire.
func (e *end) carry(b []byte) {
	w := e.w
	w.carried++
	wire := badwire.Wire{Duplicate: w.Duplicate, Reorder: w.Reorder, Corrupt: w.Corrupt, Delay: w.Delay, Late: 4 * w.Delay}
	c := w.Carry(b, wire, w.lose, e.peer.arrive)
	w.spoilt += c.Corrupted
	w.delayed += c.Late
}

// lose reports whether the wire loses a datagram now.
func (w *world) lose() bool {
	if w.Chance(w.Long) && w.Chance(30) {
		w.losing = w.Now.Add(20 * ms)
	}
	dark := w.Outage > 0 && w.Now.Sub(start) > 0 && w.Now.Sub(start) < w.Outage
	if !w.Chance(w.Loss) && !w.Now.Before(w.losing) && !dark {
		return false
	}
	w.spoilt++
	return true
}

// arrive opens a datagram.
func (e *end) arrive(b []byte) error {
	frames, number, invalid := nack.Split(b)
	now := e.w.Now
	switch {
	case invalid > 0:
		return nil
	case number > 0:
		e.note("", e.receive.Accept(now, number, frames))
	default:
		for f, err := range framing.Unpack(b) {
			if err != nil {
				return err
			}
			if f.Kind == framing.KindEvent {
				e.note(string(f.Topic), e.logs.Accept(now, f.Topic, f.Offset, b))
				continue
			}
			m, err := nack.Parse(&f, e == e.w.ends[1])
			if err != nil {
				return err
			}
			e.heed(&m)
		}
	}
	if held := max(e.receive.Held(), e.logs.Held()); held > e.w.HeldBytes {
		return fmt.Errorf("%d bytes held, want %d at most", held, e.w.HeldBytes)
	}
	if ring := e.send.Buffered(); ring > e.w.RingBytes {
		return fmt.Errorf("ring of %d bytes, want %d at most", ring, e.w.RingBytes)
	}
	return e.act()
}

func (e *end) heed(m *nack.Message) {
	now, of := e.w.Now, len(m.Topic) > 0
	switch {
	case m.Says == nack.Ask && of:
		e.wanted.Asked(m.Topic, m.Ranges)
	case m.Says == nack.Answer && of:
		e.beats.Settle(m)
	case m.Says == nack.Ask:
		e.send.Asked(now, m.Ranges)
	case m.Says == nack.Answer:
		e.send.Settled(m.UpTo, m.Lost)
	case of:
		e.note(string(m.Topic), e.logs.Heed(now, m))
	case m.Says == nack.Beat:
		e.note("", e.receive.Beat(now, m))
	case m.Says == nack.Gone:
		e.note("", e.receive.Gone(now, m))
	}
}

// note writes down what a receiver lets go of.
func (e *end) note(topic string, ready []nack.Ready) {
	s := &e.numbers
	if topic != "" {
		if e.topics[topic] == nil {
			e.topics[topic] = new(story)
		}
		s = e.topics[topic]
	}
	for _, r := range ready {
		if r.Frames == nil {
			s.lost = append(s.lost, r)
			continue
		}
		for f := range framing.Unpack(r.Frames) {
			s.delivered = append(s.delivered, f.Sequence)
		}
	}
}
