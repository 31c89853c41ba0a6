package account

import (
	"time"

	"rawlab/capture/dissect"
)

// stand notes how long events stood in line at a leg's end: all of their bytes
// had come, but not all that precede them in their TCP stream, so that the
// kernel kept them from the application (head-of-line blocking). The tap at
// the receiving host tells that exactly.
func (l *Ledger) stand(in *Input, mine func(*Packet) bool, index lines, number int) {
	to := &in.Taps[receiver(number)]
	a := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet})
	for i := range to.Packets {
		if p := &to.Packets[i]; !p.Outgoing && mine(p) {
			a.Add(i, p.Time, p.Data)
		}
	}
	for _, f := range a.Finish() {
		if !f.Event() || f.Err != nil {
			continue
		}
		due := l.due(index, ID{f.Origin, f.Sequence}, number, in.Subscribers[f.Dst])
		for i := range due {
			if e := &due[i]; !e.legs[number].stood {
				e.legs[number].stood = true
				e.InLine += f.Waited
			}
		}
	}
}

// StoodInLine lists for how long each event did that did at all.
func (l *Ledger) StoodInLine() []time.Duration {
	var waits []time.Duration
	for i := range l.Events {
		if w := l.Events[i].InLine; w > 0 {
			waits = append(waits, w)
		}
	}
	return waits
}
