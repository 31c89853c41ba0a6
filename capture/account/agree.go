package account

import "rawlab/capture/dissect"

// agree holds what was attributed against what the kernels counted. A count
// that cannot be confirmed turns as many events into unexplained ones.
func (l *Ledger) agree(in *Input, delivered []int) {
	if in.Transport != dissect.UDP {
		return
	}
	for number := range 2 {
		if in.Rung != nil {
			l.agreeAtRung(in, number)
		} else {
			l.agreeAtSocket(in, number, delivered)
		}
		l.agreeAtQueue(in, number)
	}
	l.agreeOnAgain(in)
}

// agreeAtSocket checks the leg's end: copies that a socket should have got
// and the application never read must be those that the kernel says it
// dropped there. Where it dropped fewer, nobody knows which those are.
func (l *Ledger) agreeAtSocket(in *Input, number int, delivered []int) {
	missing, beside, refused := int64(0), int64(0), 0
	for i, e := range l.each(number) {
		read := delivered[i]
		if number == ToServer {
			read = in.Server[e.ID].Read
			if e.Fate != "" && (e.Fate == in.Server[e.ID].Fate || e.Fate == FrameInvalid) {
				read++ // it was read, for nothing
			}
		}
		missing += int64(max(0, e.legs[number].waited(in.watched(number))-read))
		beside += int64(e.legs[number].beside)
		refused += e.legs[number].refused
	}
	kernel := in.receiver(number)
	switch dropped := l.droppedAtSocket(in, number); {
	case missing == 0 && dropped == 0:
	case missing <= dropped:
		if missing+beside < dropped {
			l.doubt("the kernel dropped %d more datagrams at a full socket than events are missing there", dropped-missing)
		}
	case dropped == 0 && refused == 0 && kernel.NoSocket >= missing:
		l.reattribute(number, ReceiveBuffer, NoSocket, missing)
	default:
		l.deny(number, ReceiveBuffer, dropped, "%d events reached a host's socket and were not read, its kernel counts %d datagrams dropped there; which is not known")
	}
	l.confirm(number, NoSocket, kernel.NoSocket, "a host refused %d events for want of a socket, its kernel counts %d")
	l.confirm(number, Checksum, kernel.Checksum, "%d events came to a host with a wrong checksum, its kernel counts %d")
	if number == ToServer {
		l.confirm(number, FrameInvalid, in.Invalid, "%d events reached the server in frames that cannot be read, it counts %d; which is not known")
	}
	l.agreeAtDoor(in, number)
	l.agreeAtInterface(in, number)
}

// droppedAtSocket is how many packets at most the socket at a leg's end dropped
// for want of room: no more than its host counts for all of its sockets, nor
// than it counts itself.
func (l *Ledger) droppedAtSocket(in *Input, number int) int64 {
	host, socket := in.receiver(number), in.Sockets[number]
	if socket == nil {
		return host.ReceiveBuffer
	}
	if all := host.ReceiveBuffer + host.Checksum; *socket > all {
		l.doubt("a socket counts %d packets that it dropped, its host %d for all of its sockets", *socket, all)
	}
	return min(host.ReceiveBuffer, *socket)
}

// agreeAtDoor tells what the door could not.
func (l *Ledger) agreeAtDoor(in *Input, number int) {
	door := in.Doors[receiver(number)]
	switch {
	case door == nil:
	case door.Missed > 0:
		l.doubt("the witness behind a host's firewall missed %d datagrams: what that took cannot be told from what the sockets took", door.Missed)
	case !in.receiver(number).Firewall:
		vanished := 0
		for _, e := range l.each(number) {
			if e.Fate == Unexplained && e.Lost == number && e.legs[number].arrived > 0 && e.legs[number].admitted+e.legs[number].damaged == 0 {
				vanished++
			}
		}
		if vanished > 0 {
			l.doubt("%d events came to a host that has no firewall, and not as far as its sockets", vanished)
		}
	}
}

// agreeAtInterface looks at what went missing between the wire and a host's
// tap, or between a host's tap and the wire, against what both count.
func (l *Ledger) agreeAtInterface(in *Input, number int) {
	if in.Repeats {
		return // virtual hosts have nothing between
	}
	counted := in.receiver(number).Interface + in.receiver(number).Reassembly + int64(in.Wire[number].Missed)
	l.confirm(number, HostQueue, counted, "%d events vanished between a host's sockets and the wire, both count %d packets dropped there; which is not known")
}

// confirm takes back a fate of a leg's events if a count does not bear out
// all of them: it does not say which it does.
func (l *Ledger) confirm(number int, f Fate, counted int64, format string) {
	if n := int64(l.count(f, number)); n > counted {
		l.deny(number, f, counted, format)
	}
}

// deny makes a leg's events of a fate unexplained, and says why.
func (l *Ledger) deny(number int, f Fate, counted int64, format string) {
	n := l.count(f, number)
	l.reattribute(number, f, Unexplained, int64(n))
	l.doubt(format, n, counted)
}

// agreeAtRung checks the leg's end where a rung is: datagrams with events that
// came to the host and that the rung did not take are those that the kernel
// says it dropped. It may have dropped others too, that carry no event.
func (l *Ledger) agreeAtRung(in *Input, number int) {
	missing := l.came[number] - in.Rung.Taken[number]
	kernel := in.receiver(number)
	strange := int64(0)
	if number == ToServer {
		strange = in.Rung.Strange
	}
	dropped := l.droppedAtSocket(in, number)
	if missing < 0 || missing > dropped+kernel.NoSocket+strange {
		l.doubt("%d datagrams with events reached a host and were not taken there, its kernel counts %d dropped at a full socket", missing, dropped)
	}
	if n := int64(l.count(ReceiveBuffer, number)); n > max(0, missing) {
		l.reattribute(number, ReceiveBuffer, Unexplained, n-max(0, missing))
	}
}

// agreeOnAgain checks what a rung sent again against its own count.
func (l *Ledger) agreeOnAgain(in *Input) {
	if in.Rung == nil {
		return
	}
	if int64(l.Retransmits) != l.ToldRetransmits {
		l.doubt("%d datagrams of events left again, their senders count %d", l.Retransmits, l.ToldRetransmits)
	}
	if l.Shared > 1 && !in.Repeats {
		l.doubt("up to %d events, or pieces of some, left in one datagram, as they happened to wait: what the wire takes from one it takes from all", l.Shared)
	}
	if l.overtaken && in.sharing() && !in.Repeats {
		l.doubt("an event was sent again to one subscriber before it had left for another, as timing decides: the wire counts the copies")
	}
	if l.inPieces && l.Retransmits > 0 && !in.Repeats {
		l.doubt("pieces of one event were sent again beside others sent for the first time, in an order that timing decides")
	}
}

// agreeAtQueue looks at the leg's beginning: events that no witness saw leave
// the host are explained by its queue, if the kernel counts as many drops
// there.
func (l *Ledger) agreeAtQueue(in *Input, number int) {
	never := func(e *Event) bool { return e.Fate == Unexplained && e.Lost == number && e.legs[number].sent == 0 }
	missing := int64(0)
	for _, e := range l.each(number) {
		if never(e) {
			missing++
		}
	}
	dropped := in.Kernels[number].Queue // a leg begins at the side of the same number
	switch {
	case missing == 0 || dropped == 0:
	case missing > dropped:
		l.doubt("%d events never left a host, whose queue counts %d packets dropped; which is not known", missing, dropped)
	default:
		for i := range l.Events {
			if e := &l.Events[i]; never(e) {
				e.Fate = HostQueue
			}
		}
	}
}

// reattribute changes the fate of up to n events of a leg.
func (l *Ledger) reattribute(number int, from, to Fate, n int64) {
	for i, e := range l.each(number) {
		if n == 0 {
			return
		}
		if e.Fate != from || e.Lost != number {
			continue
		}
		n--
		e.Fate = to
		for k := i + 1; number == ToServer && k < len(l.Events) && l.Events[k].ID == e.ID; k++ {
			l.Events[k].Fate = to // what never reached the server is lost to all
		}
	}
}

func (l *Ledger) count(f Fate, number int) int {
	n := 0
	for _, e := range l.each(number) {
		if e.Fate == f && e.Lost == number {
			n++
		}
	}
	return n
}

// witness notes what the witnesses missed, and which fates timing decided.
func (l *Ledger) witness(in *Input) {
	for side, name := range []string{"client", "server"} {
		if d := in.Taps[side].Dropped; d > 0 {
			l.doubt("the capture at the %s host missed %d packets", name, d)
		}
	}
	for leg, way := range []string{"to the server", "to the subscriber"} {
		l.witnessLeg(in, leg, way)
	}
	for _, f := range Fates {
		if l.Fates[f] == 0 || in.Repeats || f == SendRefused && in.Transport == dissect.TCP { // over TCP for want of a connection, not of room
			continue
		}
		switch f {
		case WireLoss, WireCorrupt, FragmentLost, FrameInvalid, Unauthorized, Offline, NoSocket:
		default:
			l.Timed = append(l.Timed, f)
			if l.count(f, ToServer) > 0 {
				l.doubt("%s before the server is decided by timing, and what is lost there cannot be lost again on the way back", f)
			} else if f == ServerQueue || f == ConnectionLost {
				l.doubt("%s is decided by timing, and what is lost so may not have come to the way back, where the wire might have lost it", f)
			}
		}
	}
}

// witnessLeg notes which packets of a leg one witness saw and the next did not.
func (l *Ledger) witnessLeg(in *Input, leg int, way string) {
	wire, j := &in.Wire[leg], l.Joined[leg]
	from, to := &in.Taps[Client], &in.Taps[Server]
	if leg == ToSubscriber {
		from, to = to, from
	}
	if wire.Missed > 0 {
		l.doubt("%d packets on the way %s were lost before the wire could decide on them", wire.Missed, way)
	}
	count := func(what string, n int) {
		if n > 0 {
			l.doubt("%d packets on the way %s %s", n, way, what)
		}
	}
	unseen, unsent, strangers, held := 0, 0, 0, 0
	for _, s := range j.Sightings {
		if s.Passage < 0 && !in.late(from.Packets[s.Packet].Time) {
			unseen++
		}
	}
	for _, i := range j.Unsent {
		if !in.late(wire.Passages[i].Time) {
			unsent++
		}
	}
	for _, i := range j.Strangers {
		if !in.late(to.Packets[i].Time) {
			strangers++
		}
	}
	for i := range wire.Passages {
		if p := &wire.Passages[i]; p.Fate == PacketHeld && !in.late(p.Time) {
			held++
		}
	}
	count("left a host and never reached the wire", unseen)
	count("reached the wire and were not captured at their host", unsent)
	count("were captured at a host and never left the wire", strangers)
	count("were still under way when the wire stopped", held)
}
