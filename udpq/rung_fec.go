package udpq

import (
	"strings"
	"time"

	"rawlab/udpq/fec"
)

// FECStats is what one end of conversations with ReliabilityFEC has done so far.
type FECStats struct {
	Parity     uint64 // datagrams of parity sent
	Repaired   uint64 // datagrams of events that were lost and rebuilt out of parity
	Unrepaired uint64 // that parity did not suffice for: their events are missing
	Late       uint64 // that came after they were given up, and were dropped
}

func (s FECStats) plus(t FECStats) FECStats {
	return FECStats{s.Parity + t.Parity, s.Repaired + t.Repaired, s.Unrepaired + t.Unrepaired, s.Late + t.Late}
}

// fecMachine is the rung of package fec.
type fecMachine struct {
	send    *fec.Sender
	receive *fec.Decoder

	recent *recent // nil: nobody asks

	header fec.Header // of the datagram opened last
	frames []byte
	opened bool // it waits for accept
	late   bool // something has been waited for long enough
}

func newFECMachine(r rung, t tuning) machine {
	p, err := codeOf(r.reliability)
	if err != nil {
		panic("udpq: " + err.Error()) // newRung has checked it
	}
	m := &fecMachine{send: fec.NewSender(p, 0, 0), receive: fec.NewDecoder(p, r.unordered, 0, 0)}
	if t.reports {
		m.recent = new(recent)
	}
	return m
}

// mostFEC is what a server grants at most, in words.
const mostFEC = "fec:64+16"

// codeOf returns the code of ReliabilityFEC.
func codeOf(r Reliability) (fec.Params, error) {
	_, code, given := strings.Cut(string(r), codeMark)
	if !given {
		return fec.Default, nil
	}
	return fec.ParseParams(code)
}

func (m *fecMachine) post(now time.Time, frames []byte) { m.send.Send(now, frames) }

func (m *fecMachine) room() bool { return m.send.Room() }

func (m *fecMachine) idle() bool { return m.send.Idle() }

func (m *fecMachine) open(_ time.Time, datagram []byte) opened {
	frames, h, found, invalid := fec.Split(datagram)
	if m.opened = found; !found {
		return opened{mine: invalid > 0, invalid: invalid}
	}
	m.header, m.frames = h, frames
	return opened{mine: true, events: true}
}

func (m *fecMachine) accept(now time.Time) [][]byte {
	m.late = false
	if !m.opened {
		return m.receive.OnTimer(now)
	}
	m.opened = false
	return m.receive.Accept(now, &m.header, m.frames)
}

func (m *fecMachine) due() bool { return m.late }

func (m *fecMachine) next(now time.Time, buf []byte) (outgoing, bool) {
	datagram, frames, ok := m.send.Next(now)
	if !ok {
		return outgoing{}, false
	}
	out := outgoing{datagram: append(buf, datagram...)}
	if len(frames) > 0 {
		out.first = frames
		m.recent.add(now, frames)
	}
	return out, true
}

func (m *fecMachine) wake(now time.Time) time.Time {
	wake := m.send.Wake(now)
	if w := m.receive.Wake(); !m.late && !w.IsZero() && (wake.IsZero() || w.Before(wake)) {
		return w
	}
	return wake
}

func (m *fecMachine) tick(now time.Time) error {
	m.send.OnTimer(now)
	wake := m.receive.Wake()
	m.late = !wake.IsZero() && !now.Before(wake)
	return nil
}

func (m *fecMachine) release() { m.send.Release() }

// underway are those that have not left, or just have: what the wire has taken
// of them may still be repaired.
func (m *fecMachine) underway(now time.Time) [][]byte {
	return append(m.recent.list(now), m.send.Unsent()...)
}

func (*fecMachine) blind() {}

func (m *fecMachine) finish() { m.send.Finish() }

func (m *fecMachine) unsent() [][]byte { return m.send.Unsent() }

func (m *fecMachine) stats(s *ClientStats) {
	came := m.receive.Stats()
	s.FEC = FECStats{m.send.Stats().Parity, came.Repaired, came.Unrepaired, came.Late}
}
