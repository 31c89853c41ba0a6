package wire

import (
	"errors"
	"fmt"
)

// VirtualLink is one host's cable to a virtual switch.
type VirtualLink struct {
	Hardware [6]byte            // the host's Ethernet address
	Deliver  func(frame []byte) // given each frame for the host; the frame is valid during the call
	Up, Down Impairment
}

// VirtualSwitchConfig says what a virtual switch connects and how.
type VirtualSwitchConfig struct {
	Links    []VirtualLink
	Seed     uint64
	Identify Identify
	VirtualTime
}

// VirtualSwitch is a [Switch] without interfaces or threads: frames are
// handed to it and leave it on a clock that its caller drives.
type VirtualSwitch struct {
	links  []*virtualLink
	byHost map[[6]byte]*virtualLink
}

type virtualLink struct{ up, down *virtualLane }

// NewVirtualSwitch returns a switch that carries frames at once.
func NewVirtualSwitch(c *VirtualSwitchConfig) *VirtualSwitch {
	s := &VirtualSwitch{byHost: map[[6]byte]*virtualLink{}}
	for i, l := range c.Links {
		link := &virtualLink{}
		link.up = newVirtualLane(&c.VirtualTime, newDirection(2*i, c.Seed, l.Up, c.Identify), func(frame []byte) { s.forward(frame, link) })
		link.down = newVirtualLane(&c.VirtualTime, newDirection(2*i+1, c.Seed, l.Down, c.Identify), l.Deliver)
		s.links = append(s.links, link)
		s.byHost[l.Hardware] = link
	}
	return s
}

// Send puts a frame of a link's host on that link; it stays the caller's.
// Nothing is delivered before Send returns.
func (s *VirtualSwitch) Send(link int, frame []byte) { s.links[link].up.send(frame) }

// Set does as [Switch.Set].
func (s *VirtualSwitch) Set(link int, seed uint64, up, down Impairment) error {
	if link < 0 || link >= len(s.links) {
		return fmt.Errorf("wire: no link %d, there are %d", link, len(s.links))
	}
	if err := errors.Join(up.Validate(), down.Validate()); err != nil {
		return err
	}
	s.links[link].up.set(seed, up)
	s.links[link].down.set(seed, down)
	return nil
}

// Stats returns the counters of every link.
func (s *VirtualSwitch) Stats() []LinkStats {
	stats := make([]LinkStats, len(s.links))
	for i, l := range s.links {
		stats[i] = LinkStats{Up: l.up.stats(), Down: l.down.stats()}
	}
	return stats
}

// Stop ends the switch and returns every link's ledgers. What is still under
// way is never delivered and has the fate Held.
func (s *VirtualSwitch) Stop() []LinkRows {
	rows := make([]LinkRows, len(s.links))
	for i, l := range s.links {
		rows[i] = LinkRows{Up: l.up.stop(), Down: l.down.stop()}
	}
	return rows
}

// forward does as [Switch.forward], which see.
func (s *VirtualSwitch) forward(frame []byte, from *virtualLink) {
	if len(frame) < ethernetHeader {
		return
	}
	if to := s.byHost[[6]byte(frame[:6])]; to != nil {
		if to != from {
			to.down.send(frame)
		}
		return
	}
	for _, l := range s.links {
		if l != from {
			l.down.send(frame)
		}
	}
}
