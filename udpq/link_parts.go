package udpq

import (
	"bytes"
	"time"

	"rawlab/framing"
	"rawlab/udpq/fragment"
	"rawlab/udpq/pmtu"
)

// Bounds of the datagrams whose parts wait for others at one end of a link.
const (
	maxParted   = 64
	partedBytes = 256 << 10
)

// parts cuts datagrams that a rung sends again though the path does not take
// them any more: they have their number and keep it. Each leaves as fragment
// frames of origin 0, which no event has, and of a sequence of its own; the
// other end's link puts it together again. The link's mu guards it.
type parts struct {
	most  int // the largest datagram that leaves whole, 0: any
	cut   cutter
	count uint64 // datagrams that were cut
	large bool   // one over pmtu.Base has left since onLarge was called

	whole *fragment.Assembler // made when it is needed
}

// fit says how much of a datagram frames may take, and how large one may be, 0
// for any size. If that is less than it was, what is on the way may never come:
// it leaves again.
func (l *link) fit(budget, most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m, ok := l.machine.(fitting); ok {
		m.fit(budget)
	}
	less := most > 0 && most < l.parts.most
	l.parts.most = most
	if m, is := l.machine.(mover); is && less && l.err == nil {
		m.moved()
		l.pump(l.clock.Now())
	}
}

// load puts a datagram that leaves into a train, in parts if it must be. The
// caller holds mu.
func (l *link) load(now time.Time, leaving *train, datagram []byte) {
	l.parts.large = l.parts.large || len(datagram) > pmtu.Base
	if l.parts.most == 0 || len(datagram) <= l.parts.most {
		if !leaving.add(datagram) {
			l.write(leaving)
		}
		return
	}
	l.parts.count++
	b, sizes := l.parts.cut.cut(now, bytes.Clone(datagram), 0, l.parts.count, l.parts.most) // it lies in the train's buffer
	for _, n := range sizes {
		if !leaving.add(b[:n]) {
			l.write(leaving)
		}
		b = b[n:]
	}
}

// join returns the datagram that a part makes whole, nil if it does not. What
// is no part is returned as it is. The caller holds mu.
func (l *link) join(now time.Time, datagram []byte) []byte {
	origin, _, event := framing.Identify(datagram)
	if l.isBare || !event || origin != 0 {
		return datagram
	}
	f, _, err := framing.Parse(datagram, len(datagram))
	if err != nil || f.Kind != framing.KindFragment {
		return datagram
	}
	if l.parts.whole == nil {
		l.parts.whole = fragment.NewAssembler(fragment.Config{Limit: MaxDatagram, Bytes: partedBytes, Count: maxParted})
	}
	l.parts.whole.Expire(now)
	whole, _ := l.parts.whole.Accept(now, &f)
	l.parts.whole.Lost() // it comes again
	return whole
}

// tellLarge lets the path know that large datagrams are sent, though nobody
// posts any. The caller does not hold mu.
func (l *link) tellLarge() {
	l.mu.Lock()
	large := l.parts.large && l.onLarge != nil
	l.parts.large = false
	l.mu.Unlock()
	if large {
		l.onLarge()
	}
}
