package ack

import (
	"slices"
	"time"
)

// westwood is NewReno, but for its answer to a loss: the window becomes what
// the path has been carrying, the bandwidth of the acknowledgements times the
// least round trip, and never less than NewReno's half (Westwood+: Mascolo et
// al., MobiCom 2001; Grieco and Mascolo, CCR 2004; tcp_westwood of Linux).
//
// Where a full queue lost something, that empties the queue, as halving does
// for a queue of one round trip. Where the wire lost something, there was no
// queue, and little changes: the rate does not collapse to the
// 1.2 segments/√loss per round trip of NewReno and CUBIC.
//
// In slow start there is no bandwidth to go back to yet. A loss that comes
// without a queue, which would show in the round trip (HyStart, RFC 9406
// section 4.2), and is one of few, does not end it.
type westwood struct {
	window
	round    uint64              // the first transmission after the last forgiven loss was noticed
	forgiven int                 // bytes lost in the round trip before it, that nothing followed from
	acked    int                 // bytes since the sample began
	began    time.Time           // of the sample
	samples  [bandwidths]float64 // bytes per nanosecond, the latest ones
	count    int
}

// bandwidths are measured before the first is forgotten. The largest counts:
// a filter that follows slowly would keep the window small after the wire has
// lost something, and what the path did carry, it can carry.
const bandwidths = 8

// leastSample is the least time that bandwidth is measured over, else a round
// trip (RTT_MIN of Linux's tcp_westwood).
const leastSample = 50 * time.Millisecond

func (c *westwood) OnAck(now time.Time, bytes int, order uint64, used bool, rtt *RTT) {
	c.measure(now, bytes, rtt)
	c.grow(bytes, order, used)
}

// measure takes what was acknowledged into the estimate of the bandwidth.
func (c *westwood) measure(now time.Time, bytes int, rtt *RTT) {
	if c.began.IsZero() {
		c.began = now
		return
	}
	c.acked += bytes
	d := now.Sub(c.began)
	if d < max(rtt.Smoothed(), leastSample) {
		return
	}
	c.samples[c.count%bandwidths] = float64(c.acked) / float64(d)
	c.count++
	c.acked, c.began = 0, now
}

func (c *westwood) OnLoss(_ time.Time, order, next uint64, rtt *RTT) bool {
	if c.slowStart() && !queued(rtt) {
		if order >= c.round {
			c.round, c.forgiven = next, 0
		}
		if c.forgiven += segment; c.forgiven*forgivenShare <= max(c.bytes, initialWindow) {
			return false
		}
	}
	return c.narrow(order, next, func() int {
		return max(c.bytes/2, int(slices.Max(c.samples[:])*float64(rtt.Least())))
	})
}

// forgivenShare of a window may be lost in slow start without a queue. What
// overflows a short queue is more: half of the window that was doubled.
const forgivenShare = 4

// queued reports whether a queue has built up on the path (RFC 9406 section
// 4.2: an eighth of the least round trip, 4 to 16 ms).
func queued(rtt *RTT) bool {
	const shortest, longest = 4 * time.Millisecond, 16 * time.Millisecond
	return rtt.Smoothed() > rtt.Least()+min(max(rtt.Least()/8, shortest), longest)
}
