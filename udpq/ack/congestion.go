package ack

import (
	"fmt"
	"time"

	"rawlab/framing"
)

// Constants of RFC 9002, in bytes of UDP payload.
const (
	segment       = framing.DefaultDatagram // max_datagram_size
	initialWindow = min(10*segment, 14720)  // section 7.2
	minWindow     = 2 * segment             // section 7.2
	maxCongestion = 1 << 30                 // no path needs more; it keeps sums from overflowing
	noThreshold   = maxCongestion           // slow start until something is lost
)

// Congestion names an algorithm of congestion control.
type Congestion string

// The algorithms. All share a queue with TCP; they differ in what they make
// of a loss.
const (
	Westwood Congestion = "westwood" // back to the bandwidth that was acknowledged, see [NewWestwood]; the default
	NewReno  Congestion = "newreno"  // half the window (RFC 9002 section 7)
	Cubic    Congestion = "cubic"    // 0.7 of the window, and back along a cubic (RFC 9438)
)

// Congestions returns the names of all algorithms, the default first.
func Congestions() []Congestion { return []Congestion{Westwood, NewReno, Cubic} }

// ParseCongestion returns the algorithm of that name; the default for no name.
func ParseCongestion(name string) (Congestion, error) {
	switch c := Congestion(name); c {
	case "":
		return Westwood, nil
	case Westwood, NewReno, Cubic:
		return c, nil
	}
	return "", fmt.Errorf("unknown congestion control %q: %s, %s or %s", name, Westwood, NewReno, Cubic)
}

// Controller decides how many bytes may be on the way. Transmissions are
// numbered in the order they were made; what was sent before a loss was
// noticed does not count again (RFC 9002 section 7.3.2).
type Controller interface {
	// Window returns how many bytes may be on the way.
	Window() int
	// OnAck takes the acknowledgement of a transmission. What did not use the
	// window does not widen it (RFC 9002 section 7.8).
	OnAck(now time.Time, bytes int, order uint64, used bool, rtt *RTT)
	// OnLoss narrows the window, once for all that was sent before next, and
	// reports whether it did.
	OnLoss(now time.Time, order, next uint64, rtt *RTT) bool
	// OnPersistent starts again from the least window (RFC 9002 section 7.6.2).
	OnPersistent(next uint64)
	// Undo takes the last narrowing back: nothing was lost (RFC 4015).
	Undo()
}

// NewController returns a controller at the start of a conversation.
func NewController(c Congestion) Controller {
	switch c {
	case NewReno:
		return &newReno{newWindow()}
	case Cubic:
		return &cubic{window: newWindow()}
	}
	return &westwood{window: newWindow()}
}

// window is what the controllers have in common: slow start, recovery, and
// one segment more per round trip otherwise.
type window struct {
	bytes, threshold int
	recovery         uint64 // the first transmission after the last loss was noticed
	undo             struct{ bytes, threshold int }
}

func newWindow() window { return window{bytes: initialWindow, threshold: noThreshold} }

func (w *window) Window() int { return w.bytes }

func (w *window) slowStart() bool { return w.bytes < w.threshold }

// grow is NewReno's answer to an acknowledgement (RFC 9002 sections 7.3.1 and
// 7.3.3).
func (w *window) grow(bytes int, order uint64, used bool) {
	switch {
	case order < w.recovery || !used:
	case w.slowStart():
		w.bytes += bytes
	default:
		w.bytes += max(1, segment*bytes/w.bytes)
	}
	w.bytes = min(w.bytes, maxCongestion)
}

// narrow sets the window to what reduced returns, unless order is part of a
// loss that was answered before.
func (w *window) narrow(order, next uint64, reduced func() int) bool {
	if order < w.recovery {
		return false
	}
	w.recovery = next
	w.undo.bytes, w.undo.threshold = w.bytes, w.threshold
	w.bytes = min(max(reduced(), minWindow), w.bytes)
	w.threshold = w.bytes
	return true
}

func (w *window) OnPersistent(next uint64) {
	w.threshold = max(w.bytes/2, minWindow)
	w.bytes = minWindow
	w.recovery = next
	w.undo.bytes = 0
}

func (w *window) Undo() {
	if w.undo.bytes > 0 {
		w.bytes, w.threshold = max(w.bytes, w.undo.bytes), w.undo.threshold
	}
}

// newReno halves the window at a loss (RFC 9002 section 7.3.2).
type newReno struct{ window }

func (c *newReno) OnAck(_ time.Time, bytes int, order uint64, used bool, _ *RTT) {
	c.grow(bytes, order, used)
}

func (c *newReno) OnLoss(_ time.Time, order, next uint64, _ *RTT) bool {
	return c.narrow(order, next, func() int { return c.bytes / 2 })
}
