package wire

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Link is one host's cable to a switch: what happens to packets from the
// host, and to those that go to it.
type Link struct {
	Interface string  // the switch's end, in this process's network namespace
	Hardware  [6]byte // the host's Ethernet address
	Up, Down  Impairment
}

// SwitchConfig says what a switch connects and how.
type SwitchConfig struct {
	Links    []Link
	Seed     uint64
	Forget   bool // as in [Config]
	Identify Identify
	Hold     func(port int, stop bool) // as in [Config]; a port is a link

	call systemCall // nil: unix.Syscall6
}

// Switch joins any number of hosts, each by a link with impairments of its
// own in either direction. A packet crosses two links, its sender's up and
// its receiver's down, and has a row in the ledger of each.
//
// One thread does it all: what a packet meets on the second link must not
// depend on how threads take turns.
type Switch struct {
	*thread
	links       []*switchLink
	byHost      map[[6]byte]*switchLink
	descriptors []int
	directions  []*direction
	departing   []parcel
	wg          sync.WaitGroup
}

type switchLink struct {
	port     *port
	up, down *direction
}

// StartSwitch attaches to every link and begins to carry packets.
func StartSwitch(c *SwitchConfig) (*Switch, error) {
	if c.call == nil {
		c.call = unix.Syscall6
	}
	t, err := newThread(c.call)
	if err != nil {
		return nil, err
	}
	s := &Switch{thread: t, byHost: map[[6]byte]*switchLink{}}
	frames := ringFrames
	for shared := len(c.Links); shared > 2 && frames > leastRing; shared /= 2 { // as much as a wire's two
		frames /= 2
	}
	for i, l := range c.Links {
		p, err := openNamed(l.Interface, frames, c.call)
		if err != nil {
			return nil, errors.Join(err, s.release())
		}
		p.holdBy(c.Hold, i)
		link := &switchLink{
			port: p,
			up:   newDirection(2*i, c.Seed, l.Up, c.Identify),
			down: newDirection(2*i+1, c.Seed, l.Down, c.Identify),
		}
		link.up.ledger.forget, link.down.ledger.forget = c.Forget, c.Forget
		link.down.bundles = true
		s.links = append(s.links, link)
		s.byHost[l.Hardware] = link
		s.descriptors = append(s.descriptors, p.rx)
		s.directions = append(s.directions, link.up, link.down)
	}
	s.wg.Go(func() {
		s.loop(s.round)
		for s.takeIn() { // nothing that came is uncounted
		}
	})
	return s, nil
}

// Set changes the impairments of one link and starts its plans anew. When it
// returns, every further packet there falls under them.
func (s *Switch) Set(link int, seed uint64, up, down Impairment) error {
	if link < 0 || link >= len(s.links) {
		return fmt.Errorf("wire: no link %d, there are %d", link, len(s.links))
	}
	if err := errors.Join(up.Validate(), down.Validate()); err != nil {
		return err
	}
	s.do(func() {
		now := s.now()
		l := s.links[link]
		l.up.set(seed, up)
		l.up.begin(now)
		l.down.set(seed, down)
		l.down.begin(now)
	})
	return nil
}

// Stats returns the counters of every link.
func (s *Switch) Stats() []LinkStats {
	stats := make([]LinkStats, len(s.links))
	s.do(func() {
		for i, l := range s.links {
			stats[i] = LinkStats{
				Up:   Stats{Counts: l.up.counts, RingDrops: l.port.drops(), Missing: l.up.ledger.Missing, Held: l.up.line.len(), Packets: l.up.ledger.n},
				Down: Stats{Counts: l.down.counts, Refused: l.port.refused, Bundled: l.port.outbox.bundled, Missing: l.down.ledger.Missing, Held: l.down.line.len(), Packets: l.down.ledger.n},
			}
		}
	})
	return stats
}

// Stop ends the switch and returns every link's ledgers. What is still under
// way is never delivered and has the fate Held.
func (s *Switch) Stop() []LinkRows {
	s.stop()
	s.wg.Wait()
	rows := make([]LinkRows, len(s.links))
	for i, l := range s.links {
		rows[i] = LinkRows{Up: l.up.ledger.Rows(), Down: l.down.ledger.Rows()}
	}
	s.release()
	return rows
}

func (s *Switch) release() error {
	for _, l := range s.links {
		l.port.close()
	}
	return s.close()
}

// round takes what has come, hands on what is due, or waits.
func (s *Switch) round() {
	came := s.takeIn()
	for _, l := range s.links {
		s.departing = l.up.departures(s.now(), s.departing[:0])
		for i := range s.departing {
			s.forward(s.departing[i].frame, l)
		}
		l.up.recycle(s.departing)
	}
	for _, l := range s.links {
		s.departing = l.down.departures(s.now(), s.departing[:0])
		l.port.send(s.departing)
		l.down.recycle(s.departing)
	}
	if !came {
		s.sleep(0, s.descriptors, s.directions...)
	}
}

// takeIn reads every ring once and reports whether anything came.
func (s *Switch) takeIn() bool {
	came := false
	for _, l := range s.links {
		arrivals, _ := l.port.receive(s.thread)
		for _, a := range arrivals {
			l.up.accept(a.frame, a.at)
			came = true
		}
	}
	return came
}

// forward puts a frame on the link of the host it is addressed to; to every
// other host's, if it is for a group or for nobody known (IEEE 802.1D,
// section 7.7).
func (s *Switch) forward(frame []byte, from *switchLink) {
	now := s.now()
	if len(frame) < ethernetHeader {
		return
	}
	if to := s.byHost[[6]byte(frame[:6])]; to != nil {
		if to != from {
			to.down.accept(frame, now)
		}
		return
	}
	for _, l := range s.links {
		if l != from {
			l.down.accept(frame, now)
		}
	}
}
