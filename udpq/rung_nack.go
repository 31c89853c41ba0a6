package udpq

import (
	"bytes"
	"fmt"
	"time"

	"rawlab/framing"
	"rawlab/udpq/nack"
)

// nackMachine is the rung of package nack. Events of stored topics leave as
// they are, whatever else in numbered datagrams.
type nackMachine struct {
	subscriber bool
	send       *nack.Sender
	receive    *nack.Receiver
	logs       *nack.Logs // of a subscriber
	beats      nack.Beats // of its server

	posted []numbered // to leave now

	opened   []byte // frames of the datagram opened last
	openedAs uint64 // its number, 0 if it has none
	waiting  bool   // it carries events that were not accepted yet
	ready    [][]byte
	taken    [][]byte // what accept returned last
}

// numbered is the frames of a datagram, and its number, 0 if it has none.
type numbered struct {
	frames []byte
	number uint64
}

func newNackMachine(r rung, t tuning) machine {
	return &nackMachine{
		subscriber: t.subscriber, send: nack.NewSender(t.nack), receive: nack.NewReceiver(t.nack, r.unordered), logs: nack.NewLogs(t.nack),
	}
}

// post lets stored events, which have their offsets, leave without a number.
// In pieces they have one.
func (m *nackMachine) post(now time.Time, frames []byte) {
	f, _, err := framing.Parse(frames, len(frames))
	if err != nil || !isStored(&f) {
		n, kept := m.send.Send(now, frames)
		m.posted = append(m.posted, numbered{kept, n})
		return
	}
	m.posted = append(m.posted, numbered{bytes.Clone(frames), 0})
	for f := range framing.Unpack(frames) {
		m.stored(now, &f)
	}
}

// stored notes that an event of a stored topic leaves.
func (m *nackMachine) stored(now time.Time, f *framing.Frame) {
	if isStored(f) {
		m.beats.Sent(now, f.Topic, f.Offset)
	}
}

func (m *nackMachine) room() bool { return true }

func (m *nackMachine) idle() bool { return m.send.Idle() }

// unsure tells of datagrams that the other end has said nothing of.
func (m *nackMachine) unsure() error {
	if n := m.send.Open(); n > 0 {
		return fmt.Errorf("%w: of %d datagrams", nack.ErrUnanswered, n)
	}
	return nil
}

func (m *nackMachine) next(now time.Time, buf []byte) (outgoing, bool) {
	if len(m.posted) > 0 {
		d := m.posted[0]
		if m.posted = m.posted[1:]; len(m.posted) == 0 {
			m.posted = nil
		}
		out := outgoing{datagram: append(buf, d.frames...), first: d.frames}
		if d.number > 0 {
			out.datagram = nack.AppendNumber(out.datagram, d.number)
		}
		return out, true
	}
	if n, frames, ok := m.send.Next(now); ok {
		return outgoing{datagram: nack.AppendNumber(append(buf, frames...), n)}, true
	}
	said, some := m.send.Message(now)
	for _, next := range [...]func(time.Time) (nack.Message, bool){m.receive.Message, m.logs.Message, m.beats.Message} {
		if !some {
			said, some = next(now)
		}
	}
	if !some {
		return outgoing{}, false
	}
	return outgoing{datagram: said.Append(buf)}, true
}

func (m *nackMachine) open(now time.Time, datagram []byte) opened {
	frames, number, invalid := nack.Split(datagram)
	m.waiting = false
	if invalid > 0 {
		return opened{mine: true, invalid: invalid}
	}
	m.opened, m.openedAs = frames, number
	first, _, err := framing.Parse(datagram, len(datagram))
	m.waiting = number > 0 || err == nil && m.subscriber && (isStored(&first) || first.Kind == framing.KindFragment)
	if m.waiting {
		return opened{mine: true, events: true}
	}
	mine := false
	for f := range framing.Unpack(datagram) {
		if m.heed(now, &f) {
			mine = true
		}
	}
	return opened{mine: mine}
}

func (m *nackMachine) accept(now time.Time) [][]byte {
	if m.waiting {
		m.waiting = false
		m.acceptOpened(now)
	}
	m.taken, m.ready = m.ready, m.taken[:0]
	return m.taken
}

func (m *nackMachine) acceptOpened(now time.Time) {
	if m.openedAs > 0 {
		m.let("", m.receive.Accept(now, m.openedAs, m.opened))
		return
	}
	for b := m.opened; len(b) > 0; {
		f, n, err := framing.Parse(b, len(b))
		if err != nil {
			return
		}
		m.acceptFrame(now, &f, b[:n])
		b = b[n:]
	}
}

// acceptFrame takes a stored event in its turn, and once more only if that was
// asked for by the subscription.
func (m *nackMachine) acceptFrame(now time.Time, f *framing.Frame, b []byte) {
	if !isStored(f) {
		m.ready = append(m.ready, b)
		return
	}
	before := m.logs.Stats().Duplicates
	m.let(string(f.Topic), m.logs.Accept(now, f.Topic, f.Offset, b))
	if f.Flags&framing.FlagRedelivered != 0 && m.logs.Stats().Duplicates > before {
		m.ready = append(m.ready, b)
	}
}

// whole takes a stored event that came in pieces.
func (m *nackMachine) whole(now time.Time, f *framing.Frame) [][]byte {
	b, err := f.Append(nil)
	if err != nil {
		return nil
	}
	before := m.ready // which somebody may be reading
	m.ready = nil
	m.acceptFrame(now, f, b)
	ready := m.ready
	m.ready = before
	return ready
}

func (m *nackMachine) due() bool { return len(m.ready) > 0 }

func (m *nackMachine) tick(now time.Time) error {
	m.let("", m.receive.Tick(now))
	m.logs.Tick(now, m.let)
	return nil
}

func (m *nackMachine) wake(now time.Time) time.Time {
	wake := m.send.Wake(now)
	for _, w := range [...]time.Time{m.receive.Wake(now), m.logs.Wake(), m.beats.Wake()} {
		if wake.IsZero() || !w.IsZero() && w.Before(wake) {
			wake = w
		}
	}
	return wake
}

// release has nothing to do: nothing waits.
func (m *nackMachine) release() {}

func (m *nackMachine) unsent() (frames [][]byte) {
	for _, d := range m.posted {
		frames = append(frames, d.frames)
	}
	return frames
}

func (m *nackMachine) underway(now time.Time) [][]byte { return m.send.Kept(now) }

func (m *nackMachine) stats(s *ClientStats) {
	s.Sending = m.send.Stats()
	s.Receiving = m.receive.Stats().Plus(m.logs.Stats())
	s.Retransmits, s.Unacknowledged = s.Sending.Repaired, int(m.send.Open())
}
