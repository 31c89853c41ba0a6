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
	if n := l.count(SendRefused, ToServer); n > 0 && in.Kernels[Client].SendBuffer == 0 {
		l.doubt("%d events were refused by the emitter's kernel, which did not count them as full send buffers", n)
	}
}

// agreeAtSocket checks the leg's end: intact copies that the host had and the
// application never read must be those that the kernel says it dropped.
func (l *Ledger) agreeAtSocket(in *Input, number int, delivered []int) {
	missing, beside := int64(0), int64(0)
	for i := range l.Events {
		e := &l.Events[i]
		read := delivered[i]
		if number == ToServer {
			read = in.Server[e.ID].Read
			if e.Fate != "" && e.Fate == in.Server[e.ID].Fate {
				read++ // it was read, for nothing
			}
		}
		missing += int64(max(0, e.legs[number].arrived-read))
		beside += int64(e.legs[number].beside)
	}
	kernel := in.receiver(number)
	switch dropped := kernel.ReceiveBuffer; {
	case missing == 0 && dropped == 0:
	case missing <= dropped:
		if missing+beside < dropped {
			l.doubt("the kernel dropped %d more datagrams at a full socket than events are missing there", dropped-missing)
		}
	case dropped == 0 && kernel.NoSocket >= missing:
		l.reattribute(number, ReceiveBuffer, NoSocket, missing)
	default:
		l.reattribute(number, ReceiveBuffer, Unexplained, missing-dropped)
		l.doubt("%d events reached a host and were not read, but its kernel counts only %d dropped at a full socket", missing, dropped)
	}
}

// agreeAtRung checks the leg's end where a rung is: datagrams with events that
// came to the host and that the rung did not take are those that the kernel
// says it dropped. It may have dropped others too, that carry no event.
func (l *Ledger) agreeAtRung(in *Input, number int) {
	missing := l.came[number] - in.Rung.Taken[number]
	kernel := in.receiver(number)
	if missing < 0 || missing > kernel.ReceiveBuffer+kernel.NoSocket {
		l.doubt("%d datagrams with events reached a host and were not taken there, its kernel counts %d dropped at a full socket", missing, kernel.ReceiveBuffer)
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
	if l.inPieces && l.Retransmits > 0 && !in.Repeats {
		l.doubt("pieces of one event were sent again beside others sent for the first time, in an order that timing decides")
	}
}

// agreeAtQueue looks at the leg's beginning: events that no witness saw leave
// the host are explained by its queue, as far as the kernel counts drops there.
func (l *Ledger) agreeAtQueue(in *Input, number int) {
	dropped := in.Kernels[number].Queue // a leg begins at the side of the same number
	for i := range l.Events {
		e := &l.Events[i]
		if dropped > 0 && e.Fate == Unexplained && e.Lost == number && e.legs[number].sent == 0 {
			e.Fate = HostQueue
			dropped--
		}
	}
}

// reattribute changes the fate of up to n events of a leg.
func (l *Ledger) reattribute(number int, from, to Fate, n int64) {
	for i := range l.Events {
		if e := &l.Events[i]; n > 0 && e.Fate == from && e.Lost == number {
			e.Fate = to
			n--
		}
	}
}

func (l *Ledger) count(f Fate, number int) int {
	n := 0
	for i := range l.Events {
		if e := &l.Events[i]; e.Fate == f && e.Lost == number {
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
		if l.Fates[f] == 0 || in.Repeats {
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
