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
	origin    []int      // of each packet at the receiving tap: its sighting, or -1
}

// Origin is the sighting of a packet at the receiving tap, by its index there;
// false if the wire did not send it.
func (j *Joined) Origin(packet int) (sighting int, ok bool) {
	if packet >= len(j.origin) {
		return -1, false
	}
	return j.origin[packet], j.origin[packet] >= 0
}

// byHash finds indices by hash, each hash's in the order they were added.
type byHash map[uint64][]int

func (m byHash) take(h uint64) (int, bool) {
	l := m[h]
	if len(l) == 0 {
		return 0, false
	}
	m[h] = l[1:]
	return l[0], true
}

// join matches one leg's packets: equal bytes in equal order.
func join(from, to *Tap, wire *Wire, mine func(*Packet) bool, mineAtWire func(*Passage) bool) *Joined {
	rows := byHash{}
	for i := range wire.Passages {
		if p := &wire.Passages[i]; mineAtWire(p) {
			rows[p.Hash] = append(rows[p.Hash], i)
		}
	}
	j := &Joined{}
	bySighting := make(map[int]int, len(from.Packets)) // passage → sighting
	for i := range from.Packets {
		p := &from.Packets[i]
		if !p.Outgoing || !mine(p) {
			continue
		}
		s := Sighting{Packet: i, Passage: -1}
		if row, ok := rows.take(p.Hash); ok {
			s.Passage = row
			bySighting[row] = len(j.Sightings)
		}
		j.Sightings = append(j.Sightings, s)
	}
	for _, unmatched := range rows {
		j.Unsent = append(j.Unsent, unmatched...)
	}
	slices.Sort(j.Unsent)
	j.arrivals(to, wire, bySighting, mineAtWire, mine)
	return j
}

// arrivals matches what left the wire with what the receiving tap saw.
func (j *Joined) arrivals(to *Tap, wire *Wire, bySighting map[int]int, mineAtWire func(*Passage) bool, mine func(*Packet) bool) {
	left := byHash{}
	for i := range wire.Passages {
		if p := &wire.Passages[i]; mineAtWire(p) {
			for range p.Copies {
				left[p.OutHash] = append(left[p.OutHash], i)
			}
		}
	}
	j.origin = make([]int, len(to.Packets))
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
		if s, ok := bySighting[row]; ok {
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
