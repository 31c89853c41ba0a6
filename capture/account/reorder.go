package account

// Reordered is how far deliveries were out of order, by RFC 4737. An event's
// place is its sequence number within its origin; events delivered again are
// left out, as its section 3 asks.
type Reordered struct {
	Received int   // different events delivered
	Events   int   // of those reordered: later ones had come before (section 3, Type-P-Reordered)
	Extents  []int // of each reordered event: how many places too late it came (section 4.2)
	// NReordered counts the events that are n-reordered, for n from 1: the n
	// delivered just before were all later ones (section 5). Three are
	// what TCP takes for a loss (RFC 5681).
	NReordered []int
}

// Ratio is the share of the received events that are reordered.
func (r *Reordered) Ratio() float64 {
	if r.Received == 0 {
		return 0
	}
	return float64(r.Events) / float64(r.Received)
}

// MeasureReordering looks at deliveries in the order in which they came, each
// origin's by itself, and at each subscriber.
func MeasureReordering(deliveries []Delivery) Reordered {
	type stream struct{ origin, to uint64 }
	streams := map[stream]*arrivals{}
	var r Reordered
	for _, d := range deliveries {
		of := stream{d.ID.Origin, d.To}
		s := streams[of]
		if s == nil {
			s = &arrivals{seen: map[uint64]bool{}}
			streams[of] = s
		}
		if s.seen[d.ID.Sequence] {
			continue
		}
		s.seen[d.ID.Sequence] = true
		r.Received++
		if extent, n := s.add(d.ID.Sequence); extent > 0 {
			r.Events++
			r.Extents = append(r.Extents, extent)
			for len(r.NReordered) < n {
				r.NReordered = append(r.NReordered, 0)
			}
			for k := range n {
				r.NReordered[k]++
			}
		}
	}
	return r
}

// arrivals are the sequence numbers of one origin in the order they came.
type arrivals struct {
	seen    map[uint64]bool
	count   int
	highest []place // each higher than all before it, ascending
	lower   []place // lower than all that came after them, ascending
}

// place is a sequence number and when it came, counted from 0.
type place struct {
	sequence uint64
	at       int
}

// add notes an arrival. It returns by how many places the first later event
// came before it, 0 if none did, and how many just before it were later ones.
func (a *arrivals) add(sequence uint64) (extent, n int) {
	at := a.count
	a.count++
	for len(a.lower) > 0 && a.lower[len(a.lower)-1].sequence > sequence {
		a.lower = a.lower[:len(a.lower)-1]
	}
	n = at
	if len(a.lower) > 0 {
		n = at - a.lower[len(a.lower)-1].at - 1
	}
	a.lower = append(a.lower, place{sequence, at})
	if last := len(a.highest) - 1; last < 0 || a.highest[last].sequence < sequence {
		a.highest = append(a.highest, place{sequence, at})
		return 0, 0
	}
	low, high := 0, len(a.highest)-1 // of these, the last is later than sequence
	for low < high {
		if middle := (low + high) / 2; a.highest[middle].sequence > sequence {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return at - a.highest[low].at, n
}
