package account

// leg is what happened to one event's datagrams on one leg. A datagram is
// one crossing, however many IP fragments it takes.
type leg struct {
	sent     int // crossings seen at the sending host
	arrived  int // intact copies seen at the receiving host
	passed   int // intact copies that left the wire
	lost     int // crossings the wire lost
	overflow int
	corrupt  int
	partial  int  // crossings of which some fragments were missing
	unseen   int  // crossings that never reached the wire
	hit      bool // the wire lost or corrupted the first crossing, or a fragment or a piece of it
	beside   int  // datagrams seen at the receiving host that are a piece of an event, but for one of each in arrived
	stood    bool // how long the event stood in line at the end is known; TCP

	admitted   int  // intact copies that came through the receiving host's door
	damaged    int  // copies that did with a wrong checksum, which the wire is not to blame for
	refused    int  // copies that the receiving host said nobody listens for
	unreadable bool // no frame could be read of it
	cut        bool // IP cut its datagram into fragments
}

// cross counts one crossing.
func (l *leg) cross(c *crossing, wire *Wire) {
	if c.cut != nil {
		l.addPieces(c, wire)
		return
	}
	l.unreadable = l.unreadable || c.unreadable
	l.cut = l.cut || len(c.pieces) > 1
	l.add(c.pieces, wire)
}

// add counts one crossing, given its packets' sightings and the wire's rows.
func (l *leg) add(pieces []*Sighting, wire *Wire) {
	l.sent++
	var count [5]int
	passed, arrived, unseen := -1, -1, 0
	for _, s := range pieces {
		if s.Passage < 0 {
			unseen++
			passed, arrived = 0, 0
			continue
		}
		p := &wire.Passages[s.Passage]
		count[p.Fate]++
		if p.Fate == PacketPassed {
			passed, arrived = least(passed, p.Copies), least(arrived, s.Arrived)
		} else {
			passed, arrived = 0, 0
		}
	}
	first := pieces[0]
	l.admitted, l.damaged, l.refused = l.admitted+first.admitted, l.damaged+first.damaged, l.refused+first.refused
	switch {
	case passed > 0:
		l.passed += passed
		l.arrived += arrived
	case first.admitted > 0: // the bit that the wire flipped did not matter
		l.passed += first.admitted
		l.arrived += first.admitted
	default:
		l.end(&count, unseen > 0)
	}
	if l.sent == 1 {
		l.hit = l.lost+l.corrupt+l.partial > 0
	}
}

// end counts a crossing that did not pass the wire, or not all of it.
func (l *leg) end(count *[5]int, unseen bool) {
	missing := unseen || count[PacketLost]+count[PacketOverflow]+count[PacketHeld] > 0
	switch {
	case missing && count[PacketPassed]+count[PacketCorrupted] > 0:
		l.partial++
	case unseen:
		l.unseen++
	case count[PacketCorrupted] > 0:
		l.corrupt++
	case count[PacketOverflow] > 0:
		l.overflow++
	case count[PacketLost] > 0:
		l.lost++
	case count[PacketPassed] > 0:
		l.unseen++ // the wire could not put it on the cable
	}
}

// least is min, with -1 for "none so far".
func least(a, b int) int {
	if a < 0 {
		return b
	}
	return min(a, b)
}

// fate tells why nothing of the event came out at the leg's end; read says
// how often the application there read it, watched whether the door of its
// host was. It is empty if the leg was crossed.
func (l *leg) fate(read int, watched bool, host *Kernel) Fate {
	switch {
	case read > 0:
		return ""
	case l.arrived > 0:
		return l.inside(watched, host)
	case l.passed > 0 || l.unseen > 0:
		return HostQueue
	case l.partial > 0:
		return FragmentLost
	case l.corrupt > 0:
		return WireCorrupt
	case l.overflow > 0:
		return WireQueue
	case l.lost > 0:
		return WireLoss
	}
	return Unexplained
}

// inside tells what became of an event that the receiving host had, all of
// it, and the application did not. What the kernel counts has to confirm it.
func (l *leg) inside(watched bool, host *Kernel) Fate {
	switch {
	case watched && l.admitted == 0 && l.damaged > 0:
		return Checksum
	case watched && l.admitted == 0:
		return l.outside(host)
	case l.refused > 0:
		return NoSocket
	case l.unreadable:
		return FrameInvalid
	}
	return ReceiveBuffer
}

// outside tells what became of an event that came to a host and not through
// its door: a firewall took it, or there was no room to wait for all of its
// fragments. Where it may be either, nobody can say which.
func (l *leg) outside(host *Kernel) Fate {
	crowded := l.cut && host.Reassembly > 0
	switch {
	case host.Firewall && !crowded:
		return Filtered
	case crowded && !host.Firewall:
		return HostQueue
	}
	return Unexplained
}

// waited counts the copies that a socket should have got.
func (l *leg) waited(watched bool) int {
	if watched {
		return max(0, l.admitted-l.refused)
	}
	return max(0, l.arrived-l.refused)
}
