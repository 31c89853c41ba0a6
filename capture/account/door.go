package account

import (
	"slices"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// Door is what one host's stack let in: the UDP datagrams behind its firewall
// and before its sockets, put together again where IP had cut them. What a tap
// saw arrive and the door did not, the host itself threw away; what passed the
// door and was not read met its end at the socket.
type Door struct {
	Admissions []Admission
	Missed     uint64 // datagrams that the witness was too slow to note
}

// Admission is one datagram that came through a door.
type Admission struct {
	digest  digest
	Event   ID   // of its first frame, as its bytes claim; zero if they claim none
	Damaged bool // its checksum is wrong, so its bytes may lie and no socket gets it
}

// Admit returns the admission of a datagram, given from its UDP header on
// (RFC 768).
func Admit(datagram []byte, checksum dissect.Checksum) Admission {
	a := Admission{digest: digestOf(datagram, 0), Damaged: checksum != dissect.ChecksumGood && checksum != dissect.ChecksumAbsent}
	if len(datagram) > udpHeader {
		a.Event.Origin, a.Event.Sequence, _ = framing.Identify(datagram[udpHeader:])
	}
	return a
}

const udpHeader = 8 // bytes, RFC 768

// entrance is what became of a leg's datagrams inside its receiving host,
// between the tap and the sockets.
type entrance struct {
	watched bool               // at a door, which missed none
	good    map[digest]int     // datagrams that came through it
	bad     map[digest]int     // the same, with a wrong checksum that they were sent with
	claimed map[ID]int         // with a wrong checksum and bytes that nobody sent, by the event that they claim
	refused map[refusalKey]int // those that nobody was listening for, as the host told their sender
}

// enter reads the door and the refusals of a leg's receiving host.
func enter(in *Input, side int, list []crossing) *entrance {
	e := &entrance{refused: refusals(&in.Taps[side], in.Port)}
	door := in.Doors[side]
	if door == nil || door.Missed > 0 {
		return e
	}
	e.watched, e.good, e.bad, e.claimed = true, map[digest]int{}, map[digest]int{}, map[ID]int{}
	sent := map[digest]bool{}
	for i := range list {
		for _, parts := range list[i].datagrams() {
			sent[digestOfParts(parts)] = true
		}
	}
	for _, a := range door.Admissions {
		switch {
		case !a.Damaged:
			e.good[a.digest]++
		case sent[a.digest]:
			e.bad[a.digest]++
		default: // changed on the wire, or behind the tap
			e.claimed[a.Event]++
		}
	}
	return e
}

// judgeAll notes what became of every crossing's datagrams. Those that the
// wire has changed come last: where the same bytes were sent again, what came
// through the door was that.
func (e *entrance) judgeAll(list []crossing, wire *Wire) {
	for _, changed := range []bool{false, true} {
		for i := range list {
			if list[i].changed(wire) == changed {
				e.judge(&list[i], wire)
			}
		}
	}
}

// changed reports whether the wire flipped a bit of the crossing.
func (c *crossing) changed(wire *Wire) bool {
	return slices.ContainsFunc(c.pieces, func(s *Sighting) bool {
		return s.Passage >= 0 && wire.Passages[s.Passage].Fate == PacketCorrupted
	})
}

// judge judges each datagram once: it may carry more than one crossing's
// events.
func (e *entrance) judge(c *crossing, wire *Wire) {
	for first, parts := range c.datagrams() {
		if first.judged {
			continue
		}
		first.judged = true
		if first.Passage < 0 {
			continue
		}
		copies := wire.Passages[first.Passage].Copies
		if k, ok := keyOf(parts[0].head); ok {
			first.refused = take(e.refused, k, copies)
		}
		if !e.watched {
			continue
		}
		d := digestOfParts(parts)
		first.admitted, first.damaged = take(e.good, d, copies), take(e.bad, d, copies)
		if first.admitted+first.damaged == 0 && first.Arrived > 0 && len(c.events) > 0 {
			first.damaged = take(e.claimed, c.events[0], first.Arrived)
		}
	}
}

// take takes up to most of what m counts under k, and returns how many.
func take[K comparable](m map[K]int, k K, most int) int {
	n := min(m[k], most)
	if n > 0 {
		m[k] -= n
	}
	return n
}
