package account

import (
	"slices"

	"rawlab/capture/dissect"
)

// Sighting is all that is known of one packet that left a host.
type Sighting struct {
	Packet  int // its index at the sending host's tap
	Passage int // its row in the wire's ledger, -1 if the wire never saw it
	Arrived int // how many copies the receiving host's tap saw

	// Of the datagram that begins with the packet, inside the receiving host:
	judged                     bool
	admitted, damaged, refused int // copies that came through its door; that did with a wrong checksum; that nobody listened for
}

// Joined is one leg's packets, joined over the sending tap, the wire and the
// receiving tap. Every packet is in exactly one sighting or in one of the
// lists of the unmatched.
type Joined struct {
	Sightings []Sighting // in the order of the sending tap; of the run's packets only
	Unsent    []int      // passages that the sending tap did not see
	Strangers []int      // packets at the receiving tap that the wire did not send
	origin    []int32    // of each packet at the receiving tap: its sighting, or -1
}

// Origin is the sighting of a packet at the receiving tap, by its index there;
// false if the wire did not send it.
func (j *Joined) Origin(packet int) (sighting int, ok bool) {
	if packet >= len(j.origin) {
		return -1, false
	}
	return int(j.origin[packet]), j.origin[packet] >= 0
}

// byHash finds numbers by hash, each hash's in the order they were added. All
// of a hash are a chain through one slice: a run has millions of packets, and
// hardly two are alike.
type byHash struct {
	chains  map[uint64]chain
	numbers []int32
	next    []int32 // by place in numbers; -1: none
}

// chain is the places of the first and the last that are left of a hash.
type chain struct{ first, last int32 }

func newByHash(size int) *byHash {
	return &byHash{make(map[uint64]chain, size), make([]int32, 0, size), make([]int32, 0, size)}
}

func (m *byHash) add(h uint64, number int) {
	at := int32(len(m.numbers))
	m.numbers, m.next = append(m.numbers, int32(number)), append(m.next, -1)
	c, ok := m.chains[h]
	if ok {
		m.next[c.last] = at
	} else {
		c.first = at
	}
	c.last = at
	m.chains[h] = c
}

func (m *byHash) take(h uint64) (int, bool) {
	c, ok := m.chains[h]
	if !ok {
		return 0, false
	}
	number := int(m.numbers[c.first])
	if c.first = m.next[c.first]; c.first < 0 {
		delete(m.chains, h)
	} else {
		m.chains[h] = c
	}
	return number, true
}

// left lists the numbers that were not taken, ascending.
func (m *byHash) left() (numbers []int) {
	for _, c := range m.chains {
		for at := c.first; at >= 0; at = m.next[at] {
			numbers = append(numbers, int(m.numbers[at]))
		}
	}
	slices.Sort(numbers)
	return numbers
}

// join matches one leg's packets: equal bytes in equal order.
func join(from, to *Tap, wire *Wire, mine func(*Packet) bool, mineAtWire func(*Passage) bool) *Joined {
	rows := newByHash(len(wire.Passages))
	for i := range wire.Passages {
		if p := &wire.Passages[i]; mineAtWire(p) {
			rows.add(p.Hash, i)
		}
	}
	j := &Joined{}
	bySighting := make([]int32, len(wire.Passages)) // by passage: its sighting, counted from 1; 0: none
	for i := range from.Packets {
		p := &from.Packets[i]
		if !p.Outgoing || !mine(p) {
			continue
		}
		s := Sighting{Packet: i, Passage: -1}
		if row, ok := rows.take(p.Hash); ok {
			s.Passage = row
			bySighting[row] = int32(len(j.Sightings)) + 1
		}
		j.Sightings = append(j.Sightings, s)
	}
	j.Unsent = rows.left()
	j.arrivals(to, wire, bySighting, mineAtWire, mine)
	return j
}

// arrivals matches what left the wire with what the receiving tap saw.
func (j *Joined) arrivals(to *Tap, wire *Wire, bySighting []int32, mineAtWire func(*Passage) bool, mine func(*Packet) bool) {
	left := newByHash(len(wire.Passages))
	for i := range wire.Passages {
		if p := &wire.Passages[i]; mineAtWire(p) {
			for range p.Copies {
				left.add(p.OutHash, i)
			}
		}
	}
	j.origin = make([]int32, len(to.Packets))
	for i := range to.Packets {
		j.origin[i] = -1
		p := &to.Packets[i]
		if p.Outgoing {
			continue
		}
		row, ok := left.take(p.Hash)
		if !ok {
			if mine(p) {
				j.Strangers = append(j.Strangers, i)
			}
			continue
		}
		if s := bySighting[row] - 1; s >= 0 {
			j.Sightings[s].Arrived++
			j.origin[i] = s
		}
	}
}

// filter returns what tells the run's packets from others at a tap: those of
// its protocol, to or from the server's port. Later IP fragments have no
// ports and belong to the run if they are its protocol's at all.
func filter(in *Input) (atTap func(*Packet) bool, atWire func(*Passage) bool) {
	parser := dissect.NewParser(dissect.LinkEthernet)
	atTap = func(p *Packet) bool {
		h, err := parser.Parse(p.Data)
		if err != nil || h.Protocol != in.Transport {
			return false
		}
		if h.Fragment {
			return true
		}
		return h.Src.Port() == in.Port || h.Dst.Port() == in.Port
	}
	atWire = func(p *Passage) bool {
		if p.Protocol != in.Transport {
			return false
		}
		fragment := p.SrcPort == 0 && p.DstPort == 0
		return fragment || p.SrcPort == in.Port || p.DstPort == in.Port
	}
	return atTap, atWire
}
