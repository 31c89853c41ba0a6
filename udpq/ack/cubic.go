package ack

import (
	"math"
	"time"
)

// Constants of RFC 9438 section 4.
const (
	cubicC    = 0.4
	cubicBeta = 0.7
	cubicA    = 3 * (1 - cubicBeta) / (1 + cubicBeta) // alpha_cubic, section 4.3
)

// cubic is CUBIC (RFC 9438). Its sizes are in segments, as there.
type cubic struct {
	window
	size     float64   // cwnd
	most     float64   // W_max
	prior    float64   // cwnd_prior
	estimate float64   // W_est, of the region friendly to Reno
	delay    float64   // K in seconds
	epoch    time.Time // when avoidance began; zero: it has not
	last     time.Time // of the last acknowledgement
}

func (c *cubic) OnAck(now time.Time, bytes int, order uint64, used bool, rtt *RTT) {
	idle := now.Sub(c.last)
	c.last = now
	switch {
	case order < c.recovery:
	case !used:
		if !c.epoch.IsZero() {
			c.epoch = c.epoch.Add(idle) // section 5.8: time without use does not widen it
		}
	case c.slowStart():
		c.grow(bytes, order, used)
	default:
		c.avoid(now, float64(bytes)/segment, rtt.Smoothed())
	}
}

// avoid is congestion avoidance (sections 4.2 to 4.5).
func (c *cubic) avoid(now time.Time, segments float64, rtt time.Duration) {
	if c.epoch.IsZero() {
		c.begin(now)
	}
	alpha := cubicA
	if c.estimate >= c.prior {
		alpha = 1
	}
	c.estimate += alpha * segments / c.size
	t := now.Sub(c.epoch).Seconds()
	if c.at(t) < c.estimate {
		c.size = max(c.size, c.estimate)
	} else {
		target := min(max(c.at(t+rtt.Seconds()), c.size), 1.5*c.size)
		c.size += segments * (target - c.size) / c.size
	}
	c.bytes = min(int(c.size*segment), maxCongestion)
}

// begin starts an epoch at the window there is.
func (c *cubic) begin(now time.Time) {
	c.epoch, c.size = now, float64(c.bytes)/segment
	c.estimate = c.size
	c.most = max(c.most, c.size)
	c.delay = math.Cbrt((c.most - c.size) / cubicC)
}

// at is W_cubic, t seconds into the epoch.
func (c *cubic) at(t float64) float64 { return cubicC*math.Pow(t-c.delay, 3) + c.most }

func (c *cubic) OnLoss(_ time.Time, order, next uint64, _ *RTT) bool {
	size := float64(c.bytes) / segment
	narrowed := c.narrow(order, next, func() int { return int(cubicBeta * float64(c.bytes)) })
	if narrowed {
		c.prior, c.epoch = size, time.Time{}
		if size < c.most { // fast convergence, section 4.7
			size *= (1 + cubicBeta) / 2
		}
		c.most = size
	}
	return narrowed
}

func (c *cubic) OnPersistent(next uint64) {
	c.window.OnPersistent(next)
	c.epoch, c.most = time.Time{}, 0
}

func (c *cubic) Undo() {
	c.window.Undo()
	c.epoch = time.Time{}
	c.most = max(c.most, c.prior)
}
