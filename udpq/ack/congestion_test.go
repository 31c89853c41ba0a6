package ack_test

import (
	"testing"
	"time"

	"rawlab/udpq/ack"
)

const segment = 1452

func TestNewReno(t *testing.T) {
	c := ack.NewNewReno()
	want := func(what string, bytes int) {
		t.Helper()
		if got := c.Window(); got != bytes {
			t.Fatalf("%s: Window() = %d, want %d", what, got, bytes)
		}
	}
	want("start", 10*segment)
	c.OnAck(segment, 1, true)
	want("slow start", 11*segment)
	c.OnAck(segment, 2, false)
	want("window not used", 11*segment)
	c.OnLoss(3, 12)
	want("loss", 11*segment/2)
	c.OnLoss(11, 13)
	c.OnAck(segment, 11, true)
	want("what was sent before the loss was noticed", 11*segment/2)
	before := c.Window()
	c.OnAck(before, 13, true)
	want("avoidance: one segment for a window", before+segment)
	c.OnTimeout(8*segment, 20)
	want("timeout", 2*segment)
	c.OnAck(2*segment, 20, true)
	want("slow start again", 4*segment)
	c.OnAck(segment, 21, true)
	want("avoidance from half of what was on the way", 4*segment+segment/4)
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
