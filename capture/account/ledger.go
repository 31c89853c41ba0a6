package account

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// Event is one event's line in the ledger. Of an event that is due to several
// subscribers there is one for each.
type Event struct {
	ID         ID
	To         uint64        // the subscriber; 0 if the run has one
	Fate       Fate          // empty if delivered
	Lost       int           // the leg on which it was lost (ToServer, ToSubscriber); only with a fate
	Latency    time.Duration // from the intended emit to the first delivery; only if delivered
	Duplicates int           // deliveries beyond the first
	Packets    int           // packets that carried it, retransmissions included
	Reason     string        // why a kernel dropped it, in its own words, if it was asked
	InLine     time.Duration // over TCP, how long it stood in line behind earlier bytes, on both legs together
	legs       [2]leg
}

// Ledger is the account of one run. It balances: every event is delivered or
// has exactly one fate.
type Ledger struct {
	Events          []Event // by origin, sequence and subscriber
	Emitted         int     // lines: an event counts once for each subscriber that it is due to
	Sent            int     // events
	Delivered       int
	Duplicates      int
	Reordered       Reordered // how far deliveries were out of order
	Fates           map[Fate]int
	LostOn          [2]int    // events that the wire lost, by leg
	Packets         int       // that the wire saw, both directions
	WireBytes       int64     // of those, Ethernet frames
	Retransmits     int       // TCP segments that carried bytes already sent; on a rung, datagrams that carried events already sent
	ToldRetransmits int64     // the same as the senders count it themselves: both kernels, or both ends of the rung
	Kernels         [2]Kernel // what the hosts' kernels counted, by side
	Lost            int       // packets that the wire lost, corrupted or had no room for
	LostCarriers    int       // of those, segments, or datagrams however many fragments they are, that carried events
	Doubts          []string  // why the run may not be exact; none if it is
	Timed           []Fate    // fates that occurred and that timing decides, not the seed
	Joined          [2]*Joined
	Notes           [2][]string // by side: a comment for each packet of the tap; empty for none
	Shared          int         // the most events that left in one datagram
	Kernel          *Agreement  // what the kernel's own reasons say of it; nil: it was not asked
	came            [2]int64    // on a rung, by leg: datagrams with events that came to its end
	overtaken       bool        // a copy for one subscriber was sent again before the one for another had left
	inPieces        bool        // events were cut into fragment frames
	rung            bool        // what the wire lost was sent again, or made good
}

// Unexplained counts events for which no fate can be shown.
func (l *Ledger) Unexplained() int { return l.Fates[Unexplained] }

// doubt notes why the run is not exact.
func (l *Ledger) doubt(format string, args ...any) {
	l.Doubts = append(l.Doubts, fmt.Sprintf(format, args...))
}

// Hit reports whether the wire lost the event, by loss, corruption or the loss
// of a fragment, which the seed decides. On a rung, which sends again what is
// lost, it tells that of the first transmission on either leg: an event that
// the wire hit may have been delivered all the same. Where each travels in a
// datagram of its own, the same events are hit on every rung.
func (l *Ledger) Hit(e *Event) bool {
	if l.rung {
		return e.legs[ToServer].hit || e.legs[ToSubscriber].hit
	}
	return e.Fate == WireLoss || e.Fate == WireCorrupt || e.Fate == FragmentLost
}

// regard notes how events travel.
func (l *Ledger) regard(c *crossing) {
	l.Shared = max(l.Shared, len(c.events))
	l.inPieces = l.inPieces || c.cut != nil
}

// CountHit counts the events that the wire hit.
func (l *Ledger) CountHit() int {
	n := 0
	for i := range l.Events {
		if l.Hit(&l.Events[i]) {
			n++
		}
	}
	return n
}

// LostDigest names the set of events that the wire hit: the SHA-256 of their
// sequences relative to their origin's first, sorted, 8 bytes big-endian each.
func (l *Ledger) LostDigest() string {
	first := map[uint64]uint64{}
	for i := range l.Events {
		id := l.Events[i].ID
		if f, ok := first[id.Origin]; !ok || id.Sequence < f {
			first[id.Origin] = id.Sequence
		}
	}
	var lost []uint64
	for i := range l.Events {
		if e := &l.Events[i]; l.Hit(e) {
			lost = append(lost, e.ID.Sequence-first[e.ID.Origin])
		}
	}
	slices.Sort(lost)
	h := sha256.New()
	for _, s := range lost {
		h.Write(binary.BigEndian.AppendUint64(nil, s))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// total fills the sums from the events.
func (l *Ledger) total() {
	l.Fates = map[Fate]int{}
	l.Emitted = len(l.Events)
	for range l.each(ToServer) {
		l.Sent++
	}
	for i := range l.Events {
		e := &l.Events[i]
		l.Duplicates += e.Duplicates
		if e.Fate == "" {
			l.Delivered++
			continue
		}
		l.Fates[e.Fate]++
		if e.Fate == WireLoss {
			l.LostOn[e.Lost]++
		}
	}
}

func compareID(a, b ID) int {
	return cmp.Or(cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Sequence, b.Sequence))
}
