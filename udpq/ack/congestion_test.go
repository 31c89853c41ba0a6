package ack_test

import (
	"testing"
	"time"

	"rawlab/udpq/ack"
)

const segment = 1452

func TestNewReno(t *testing.T) {
	c, now, rtt := ack.NewController(ack.NewReno), time.Unix(0, 0), new(ack.RTT)
	want := func(what string, bytes int) {
		t.Helper()
		if got := c.Window(); got != bytes {
			t.Fatalf("%s: Window() = %d, want %d", what, got, bytes)
		}
	}
	want("start", 10*segment)
	c.OnAck(now, segment, 1, true, rtt)
	want("slow start", 11*segment)
	c.OnAck(now, segment, 2, false, rtt)
	want("window not used", 11*segment)
	c.OnLoss(now, 3, 12, rtt)
	want("loss", 11*segment/2)
	c.OnLoss(now, 11, 13, rtt)
	c.OnAck(now, segment, 11, true, rtt)
	want("what was sent before the loss was noticed", 11*segment/2)
	c.Undo()
	want("nothing was lost", 11*segment)
	c.OnLoss(now, 12, 13, rtt)
	want("loss", 11*segment/2)
	before := c.Window()
	c.OnAck(now, before, 13, true, rtt)
	want("avoidance: one segment for a window", before+segment)
	c.OnPersistent(20)
	want("persistent congestion", 2*segment)
	c.OnAck(now, segment, 20, true, rtt)
	want("slow start again", 3*segment)
	c.OnAck(now, segment, 21, true, rtt)
	c.OnAck(now, segment, 22, true, rtt)
	want("avoidance from half the window there was", 4*segment+segment/4)
}

// In the long run no more leaves than 1.25 windows per round trip, and a burst.
func TestPacer(t *testing.T) {
	var p ack.Pacer
	const window, rtt = 100 * segment, 100 * ms
	start := time.Unix(0, 0)
	now, sent := start, 0
	for now.Sub(start) < time.Second {
		wait := p.Wait(now, segment, window, rtt)
		if wait == 0 {
			p.Take(segment)
			sent += segment
		}
		now = now.Add(wait)
	}
	if most := int(12.5*window) + 11*segment; sent > most || sent < most-22*segment {
		t.Errorf("%d bytes left in 1 s, want %d at most, and not much less", sent, most)
	}
}
