package udpq

import (
	"fmt"
	"time"

	"rawlab/framing"
	"rawlab/udpq/ack"
)

// ackMachine is the rung of package ack.
type ackMachine struct {
	sender *ack.Sender
	take   *ack.Receiver
	sent   uint64 // the highest number sent

	unordered bool

	header ack.Header // of the datagram opened last
	frames []byte
}

// Congestion names what [ReliabilityAck] makes of a loss, see package ack. Each
// end chooses for what it sends.
type Congestion = ack.Congestion

func newAckMachine(r rung, t tuning) machine {
	return &ackMachine{
		sender: ack.NewSender(ack.SenderConfig{PackBytes: framing.DefaultDatagram - ack.HeaderBytes, Congestion: t.congestion}),
		take:   ack.NewReceiver(r.unordered, intakeBytes), unordered: r.unordered,
	}
}

func (m *ackMachine) post(_ time.Time, frames []byte) { m.sender.Send(frames) }

func (m *ackMachine) patient() {}

func (m *ackMachine) fit(bytes int) {
	m.sender.Pack(min(bytes, framing.DefaultDatagram-ack.HeaderBytes))
}

func (m *ackMachine) room() bool { return m.sender.Room() }

func (m *ackMachine) spacious() bool { return m.sender.Spacious() }

func (m *ackMachine) idle() bool { return m.sender.Idle() }

// open takes what the other end says has come.
func (m *ackMachine) open(now time.Time, datagram []byte) opened {
	frames, h, found, invalid := ack.Split(datagram)
	if !found {
		return opened{mine: invalid > 0, invalid: invalid}
	}
	m.header, m.frames = h, frames
	m.sender.OnAck(now, &h)
	return opened{mine: true, events: h.Number > 0}
}

func (m *ackMachine) accept(now time.Time) [][]byte { return m.take.Accept(now, &m.header, m.frames) }

func (m *ackMachine) bound(bytes int) { m.take = ack.NewReceiver(m.unordered, bytes) }

// done makes room for what comes; the other end is told.
func (m *ackMachine) done(bytes int) { m.take.Done(bytes) }

func (m *ackMachine) next(now time.Time, buf []byte) (outgoing, bool) {
	if h, frames, ok := m.sender.Next(now); ok {
		m.take.Piggyback(&h)
		out := outgoing{datagram: h.Append(append(buf, frames...))}
		if h.Number > m.sent {
			m.sent, out.first = h.Number, frames
		}
		return out, true
	}
	if m.take.AckDue(now) {
		h := m.take.Acknowledge()
		return outgoing{datagram: h.Append(buf)}, true
	}
	return outgoing{}, false
}

func (m *ackMachine) wake(now time.Time) time.Time {
	wake := m.sender.Wake(now)
	if w := m.take.Wake(); wake.IsZero() || !w.IsZero() && w.Before(wake) {
		return w
	}
	return wake
}

func (m *ackMachine) tick(now time.Time) error {
	if err := m.sender.OnTimer(now); err != nil {
		return fmt.Errorf("%w: an event for %v", err, ack.DefaultGiveUp)
	}
	return nil
}

func (m *ackMachine) moved() { m.sender.OnMove() }

func (m *ackMachine) release() { m.sender.Release() }

func (m *ackMachine) unsent() [][]byte {
	_, unsent := m.sender.Unacknowledged()
	return unsent
}

func (m *ackMachine) underway(time.Time) [][]byte {
	sent, unsent := m.sender.Unacknowledged()
	return append(sent, unsent...)
}

func (m *ackMachine) stats(s *ClientStats) {
	sent, unsent := m.sender.Unacknowledged()
	s.Retransmits, s.Unacknowledged = m.sender.Stats().Retransmits, len(sent)+len(unsent)
}
