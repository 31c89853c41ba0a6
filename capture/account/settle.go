package account

import (
	"slices"
	"time"

	"rawlab/capture/dissect"
)

// Settle closes the account of one run.
func Settle(in *Input) *Ledger {
	l := &Ledger{Kernels: in.Kernels}
	index := l.open(in)
	for leg := range 2 {
		l.follow(in, leg, index)
	}
	l.wireTotals(in)
	l.ToldRetransmits = in.Kernels[Client].Retransmits + in.Kernels[Server].Retransmits
	if in.Rung != nil {
		l.rung, l.ToldRetransmits = true, in.Rung.Resent
	}
	delivered := l.deliver(in, index)
	l.Reordered = MeasureReordering(in.Deliveries)
	for i := range l.Events {
		l.resolve(in, &l.Events[i], delivered[i])
	}
	l.agree(in, delivered)
	l.total()
	l.ask(in)
	l.witness(in)
	return l
}

// nobodyElse is to whom an event is due where a run has one subscriber.
var nobodyElse = []uint64{0}

// open starts a line for every emitted event and every subscriber that it is
// due to.
func (l *Ledger) open(in *Input) lines {
	l.Events = make([]Event, 0, len(in.Emissions))
	for _, e := range in.Emissions {
		to := e.To
		if len(to) == 0 {
			to = nobodyElse
		}
		for _, n := range to {
			line := Event{ID: e.ID, To: n}
			if e.Refused {
				line.Fate = SendRefused
			}
			l.Events = append(l.Events, line)
		}
	}
	slices.SortFunc(l.Events, compareLines)
	index := make(lines, len(in.Emissions))
	for i, e := range l.each(ToServer) {
		index[e.ID] = i
	}
	return index
}

// follow joins one leg's packets and counts each event's crossings.
func (l *Ledger) follow(in *Input, number int, index lines) {
	from, to := &in.Taps[Client], &in.Taps[Server]
	if number == ToSubscriber {
		from, to = to, from
	}
	wire := &in.Wire[number]
	atTap, atWire := filter(in)
	j := join(from, to, wire, atTap, atWire)
	l.Joined[number] = j
	n := newNotes(len(from.Packets))
	list := crossings(in, from, j)
	if in.Transport == dissect.UDP && number == ToServer {
		l.placeUnreadable(in, list)
	}
	enter(in, receiver(number), list).judgeAll(list, wire)
	for i := range list {
		c := &list[i]
		for _, id := range c.events {
			due := l.due(index, id, number, c.to)
			for k := range due {
				due[k].legs[number].cross(c, wire)
				due[k].Packets += len(c.pieces)
			}
		}
		n.add(c, wire)
		l.regard(c)
	}
	n.again = l.countCarriers(in, number, list)
	l.note(number, n, j, to)
	if in.Transport == dissect.TCP {
		l.stand(in, atTap, index, number)
	}
}

// deliver counts how often the subscriber read each event, and how fast the
// first time.
func (l *Ledger) deliver(in *Input, index lines) []int {
	emitted := make(map[ID]time.Time, len(in.Emissions))
	for _, e := range in.Emissions {
		emitted[e.ID] = e.Time
	}
	count := make([]int, len(l.Events))
	strangers := 0
	for _, d := range in.Deliveries {
		i := index[d.ID]
		for i < len(l.Events) && l.Events[i].ID == d.ID && l.Events[i].To != d.To {
			i++
		}
		if i == len(l.Events) || l.Events[i].ID != d.ID {
			strangers++
			continue
		}
		if count[i]++; count[i] == 1 {
			l.Events[i].Latency = d.Time.Sub(emitted[d.ID])
		} else {
			l.Events[i].Duplicates++
		}
	}
	if strangers > 0 {
		l.doubt("%d events were delivered that nobody emitted", strangers)
	}
	return count
}

// resolve finds the one place where an event that was not delivered was lost.
func (l *Ledger) resolve(in *Input, e *Event, delivered int) {
	if delivered > 0 {
		e.Fate = "" // delivered after all, whatever the kernel said
		return
	}
	if e.Fate == SendRefused {
		return
	}
	server := in.Server[e.ID]
	server.Fate = server.fateFor(e.To)
	if in.Transport == dissect.TCP || in.Rung != nil && (in.Broken || server.Fate != "") {
		e.Fate, e.Lost = streamFate(in, server), ToServer
		if server.Read > 0 {
			e.Lost = ToSubscriber
		}
		return
	}
	e.Lost = ToServer
	if server.Read == 0 && server.Fate != "" && e.legs[ToServer].arrived > 0 && (server.Fate != FragmentLost || in.Kernels[Server].ReceiveBuffer == 0) {
		e.Fate = server.Fate // all of it was there, and the server could not make use of it
		return
	}
	if e.Fate = in.fateOn(ToServer, e, server.Read); e.Fate != "" {
		return
	}
	e.Lost = ToSubscriber
	if server.Fate != "" {
		e.Fate = server.Fate
		return
	}
	e.Fate = in.fateOn(ToSubscriber, e, 0)
}

// fateOn tells what became of an event on a leg.
func (in *Input) fateOn(number int, e *Event, read int) Fate {
	return e.legs[number].fate(read, in.watched(number), in.receiver(number))
}

// streamFate is that of an event that TCP, or a rung, did not deliver though
// it would send it again as long as its connections hold.
func streamFate(in *Input, server ServerRecord) Fate {
	switch {
	case server.Fate != "":
		return server.Fate
	case in.Broken:
		return ConnectionLost
	}
	return Unexplained
}
