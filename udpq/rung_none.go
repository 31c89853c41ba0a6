package udpq

import (
	"bytes"
	"time"
)

// bareBytes is what may wait for its turn without a rung; one event in pieces
// may go over it.
const bareBytes = 64 << 10

// bareMachine is no rung: datagrams leave as they are, once. A link has it to
// keep a pace. What comes does not concern it.
type bareMachine struct {
	waiting [][]byte
	bytes   int
}

func (m *bareMachine) post(_ time.Time, frames []byte) {
	m.waiting = append(m.waiting, bytes.Clone(frames))
	m.bytes += len(frames)
}

func (m *bareMachine) room() bool { return m.bytes < bareBytes }

func (m *bareMachine) idle() bool { return len(m.waiting) == 0 }

func (m *bareMachine) next(_ time.Time, buf []byte) (outgoing, bool) {
	if m.idle() {
		return outgoing{}, false
	}
	frames := m.waiting[0]
	m.waiting = m.waiting[1:]
	m.bytes -= len(frames)
	if m.idle() {
		m.waiting = nil
	}
	return outgoing{datagram: append(buf, frames...), first: frames}, true
}

// wake is now while something waits: for the pace alone.
func (m *bareMachine) wake(now time.Time) time.Time {
	if m.idle() {
		return time.Time{}
	}
	return now
}

func (m *bareMachine) unsent() [][]byte { return m.waiting }

func (m *bareMachine) underway(time.Time) [][]byte { return m.waiting }

func (*bareMachine) blind() {}

func (*bareMachine) open(time.Time, []byte) opened { return opened{} }
func (*bareMachine) accept(time.Time) [][]byte     { return nil }
func (*bareMachine) tick(time.Time) error          { return nil }
func (*bareMachine) release()                      {}
func (*bareMachine) stats(*ClientStats)            {}
