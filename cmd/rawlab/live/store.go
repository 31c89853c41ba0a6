package live

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"rawlab/capture"
	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
)

// Limits bound what is kept of a capture. The zero value keeps the last
// 20,000 packets in 64 MiB.
type Limits struct {
	Packets int // 0 means 20,000
	Bytes   int // of packets and of what was found in them; 0 means 64 MiB
}

func (l *Limits) setDefaults() {
	if l.Packets <= 0 {
		l.Packets = 20_000
	}
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
}

// What a packet costs beside its bytes, roughly, and a frame found in it.
const (
	packetCost = 256
	frameCost  = 512
)

// packet is one that is kept.
type packet struct {
	capture.Packet     // its data is its own
	number         int // from 1, in the order of capture
	link           uint16
	carried        []dissect.Carried // what it carried, as far as is known yet
	events         []*dissect.Frame  // that it made whole
	cost           int
}

// store keeps the last packets of a capture. Who holds its lock may use it.
type store struct {
	sync.Mutex
	limits Limits

	packets queue[packet]
	first   time.Time // of the first packet of all
	total   int       // packets ever
	bytes   int       // what those kept cost
	noted   uint64    // dropped, as a file's packets say

	filter filtering
	shown  queue[int] // numbers of the packets that the filter takes

	interfaces []pcapng.Interface
	finder     finder

	ended bool
	err   error // why it ended, if not because there was no more
}

func newStore(limits Limits) *store {
	limits.setDefaults()
	return &store{limits: limits, finder: newFinder()}
}

// add keeps a packet and lets go of the oldest beyond the limits.
func (s *store) add(p *capture.Packet) {
	s.total++
	if s.total == 1 {
		s.first = p.Time
	}
	s.noted += p.Dropped
	kept := packet{Packet: *p, number: s.total, link: s.interfaces[p.Interface].LinkType, cost: packetCost + len(p.Data)}
	kept.Data, kept.Comments, kept.Options = bytes.Clone(p.Data), slices.Clone(p.Comments), nil
	for _, c := range kept.Comments {
		kept.cost += len(c)
	}
	s.bytes += kept.cost
	s.packets.push(kept)
	if s.filter.takes(&kept) {
		s.shown.push(kept.number)
	}
	s.find(s.packets.at(s.packets.len() - 1))
	for s.packets.len() > 1 && (s.packets.len() > s.limits.Packets || s.bytes > s.limits.Bytes) {
		s.evict()
	}
}

func (s *store) evict() {
	oldest := s.packets.at(0)
	s.finder.forget(oldest.events)
	s.bytes -= oldest.cost
	if s.shown.len() > 0 && *s.shown.at(0) == oldest.number {
		s.shown.pop()
	}
	s.packets.pop()
}

// packet returns a packet by its number, nil if it is not kept.
func (s *store) packet(number int) *packet {
	i := number - (s.total - s.packets.len()) - 1
	if i < 0 || i >= s.packets.len() {
		return nil
	}
	return s.packets.at(i)
}

// find looks for frames that a packet made whole.
func (s *store) find(p *packet) {
	for _, f := range s.finder.add(p) {
		p.cost += frameCost
		s.bytes += frameCost
		if f.Event() && f.Err == nil {
			p.events = append(p.events, f)
		}
		if f.Fragments > 0 {
			continue // the packets carry the fragment frames
		}
		for _, part := range f.Parts {
			if carrier := s.packet(part.Packet); carrier != nil {
				carrier.carried = append(carrier.carried, dissect.Carried{Frame: f, Part: part})
			}
		}
	}
}

// refilter applies another filter to the packets kept.
func (s *store) refilter(expr string) error {
	f, err := newFiltering(expr, s.interfaces)
	if err != nil {
		return err
	}
	s.filter, s.shown = f, queue[int]{}
	for i := range s.packets.len() {
		if p := s.packets.at(i); s.filter.takes(p) {
			s.shown.push(p.number)
		}
	}
	return nil
}

// place returns where a packet is among those shown, or would be.
func (s *store) place(number int) (int, bool) {
	return slices.BinarySearch(s.shown.all(), number)
}
