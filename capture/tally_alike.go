package capture

import (
	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
	"rawlab/framing"
)

// alike are datagrams that count the same: plain ones, each with one whole
// frame of ours, that differ only where neither [dissect.PlainEthernet] nor
// [framing.Measure] looks. So they need only be compared, and their frames'
// checksums be taken, of several at once.
type alike struct {
	iface, captured, length int
	plain                   dissect.Plain
	look                    dissect.Look
	frame                   framing.Outline

	times    int // of them, so many are not yet in the tally,
	unsealed int // and so many more whose checksum nobody looked at yet
	data     [framing.Lanes][]byte
	frames   [framing.Lanes][]byte
}

// likes are the kinds of datagrams that came last, by their size.
type likes [8]alike

// count adds a packet to t, or to those alike that are added later.
func (l *likes) count(t *Tally, linkType uint16, raw *pcapng.Raw) {
	a := &l[len(raw.Data)/4%len(l)]
	if a.has(raw) {
		a.add(t, raw.Data)
		return
	}
	if linkType == dissect.LinkEthernet {
		if p, ok := dissect.PlainEthernet(raw.Data); ok {
			if !a.begin(t, &p, raw) {
				t.plain(&p, raw.Data, raw.Length)
			}
			return
		}
	}
	t.other(linkType, raw.Data, raw.Length)
}

// has reports whether a packet is one of those alike, if its frame's checksum
// is right.
func (a *alike) has(raw *pcapng.Raw) bool {
	return len(raw.Data) == a.captured && raw.Length == a.length && raw.Interface == a.iface && a.captured > 0 &&
		a.look.Same(raw.Data) && a.frame.Like(raw.Data[a.plain.Payload:a.plain.End])
}

func (a *alike) add(t *Tally, data []byte) {
	a.data[a.unsealed], a.frames[a.unsealed] = data, data[a.plain.Payload:a.plain.End]
	if a.unsealed++; a.unsealed < framing.Lanes {
		return
	}
	if a.frame.AllSealed(&a.frames) {
		a.times, a.unsealed = a.times+a.unsealed, 0
		return
	}
	a.seal(t)
}

// seal looks at the checksums one by one. Where one is wrong, the packet is
// not as the others.
func (a *alike) seal(t *Tally) {
	for i := range a.unsealed {
		if a.frame.Sealed(a.frames[i]) {
			a.times++
		} else {
			t.plain(&a.plain, a.data[i], a.length)
		}
	}
	a.unsealed = 0
}

// begin has a be those that are like this packet, if there can be any.
func (a *alike) begin(t *Tally, p *dissect.Plain, raw *pcapng.Raw) bool {
	carried := raw.Data[p.Payload:p.End]
	if size, err := framing.Peek(carried, framing.DefaultLimit); p.Protocol != dissect.UDP || err != nil || size != len(carried) {
		return false
	}
	frame, ok := framing.Measure(carried, framing.DefaultLimit)
	if !ok {
		return false
	}
	a.settle(t)
	*a = alike{
		iface: raw.Interface, captured: len(raw.Data), length: raw.Length,
		plain: *p, look: p.Look(raw.Data), frame: frame, times: 1,
	}
	return true
}

// settle adds to t what is not yet there.
func (a *alike) settle(t *Tally) {
	a.seal(t)
	if a.times == 0 {
		return
	}
	above := t.headers(&a.plain, a.captured, a.length, a.times)
	above.carry(a.frame.Size, eventBytes(&a.frame), 0, a.times)
	t.Kinds[a.frame.Kind] += a.times
	a.times = 0
}

func (l *likes) settle(t *Tally) {
	for i := range l {
		l[i].settle(t)
	}
}
