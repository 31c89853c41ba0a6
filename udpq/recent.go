package udpq

import (
	"time"

	"rawlab/framing"
	"rawlab/udpq/fec"
)

// repairable is how long after a datagram has left, at most, the other end may
// still take parity for it when it is asked what it has: the question travels
// behind the datagram, and parity.
const repairable = 2 * (fec.DefaultWait + fec.DefaultFlush)

// recent is the events that left in the last repairable, by their identity.
// The pace of the rung bounds them. A nil one notes nothing.
type recent struct{ left []leftAt }

type leftAt struct {
	at     time.Time
	frames []byte // without topic and payload
}

// add notes that the frames of a datagram leave.
func (r *recent) add(now time.Time, frames []byte) {
	if r == nil {
		return
	}
	r.forget(now)
	l := leftAt{at: now}
	for f := range framing.UnpackAgain(frames) {
		f.Topic, f.Payload = nil, nil
		if b, err := f.Append(l.frames); err == nil {
			l.frames = b
		}
	}
	r.left = append(r.left, l)
}

// forget drops those that are settled.
func (r *recent) forget(now time.Time) {
	n := 0
	for n < len(r.left) && now.Sub(r.left[n].at) > repairable {
		n++
	}
	clear(r.left[:n])
	r.left = r.left[n:]
}

// list returns the frames of those that are not settled.
func (r *recent) list(now time.Time) (list [][]byte) {
	if r == nil {
		return nil
	}
	r.forget(now)
	for _, l := range r.left {
		list = append(list, l.frames)
	}
	return list
}
