package wire

import "time"

// direction carries packets one way: it decides their fate when they come
// and holds them until they are due. It does no input or output itself.
type direction struct {
	index    uint8
	identify Identify
	plan     *Plan
	shaper   shaper
	line     line
	ledger   Ledger
	counts   Counts
	spare    [][]byte // buffers of packets that have left
}

func newDirection(index int, seed uint64, i Impairment, identify Identify) *direction {
	if identify == nil {
		identify = identifyNothing
	}
	d := &direction{index: uint8(index), identify: identify}
	d.set(seed, i)
	return d
}

// set starts a new plan; packets under way keep the fate they have.
func (d *direction) set(seed uint64, i Impairment) {
	d.plan = NewPlan(i, seed, int(d.index), d.identify)
	d.shaper.rate, d.shaper.limit = i.Rate, i.Queue
	if i.Queue == 0 {
		d.shaper.limit = DefaultQueue
	}
}

// accept takes a frame that came at now (ns); the frame stays the caller's.
func (d *direction) accept(frame []byte, now int64) {
	d.counts.Came++
	d.counts.CameBytes += uint64(len(frame))
	p := parse(frame)
	decision := d.plan.decide(&p)
	r := Row{
		Time: now, Hash: Hash(frame), Seq: p.seq, Length: uint32(len(frame)), Span: p.span,
		SrcPort: p.flow.srcPort, DstPort: p.flow.dstPort, Direction: d.index, Protocol: p.flow.protocol,
	}
	if r.Protocol == ProtocolUDP && p.payload != nil && !p.flow.fragment {
		var e event
		e.origin, e.sequence, r.HasIdentity = d.identify(p.payload)
		r.Identity = e.identity()
	}
	row := d.ledger.add(r)
	if row == nil {
		row = &r // carried all the same, and counted as missing from the ledger
	}
	if decision.Lose {
		d.counts.Lost++
		row.Fate = Lost
		return
	}
	sent, ok := d.shaper.admit(now, len(frame))
	if !ok || d.line.len() >= maxHeld {
		d.counts.Overflow++
		row.Fate = Overflow
		return
	}
	d.hold(frame, row, sent+int64(decision.Delay), decision)
}

// hold puts the packet's copies on the line.
func (d *direction) hold(frame []byte, row *Row, due int64, decision Decision) {
	row.Fate, row.Due = Held, due
	copies := 1
	if decision.Duplicate {
		d.counts.Duplicated++
		copies = 2
	}
	if decision.Corrupt && len(frame) > ethernetHeader {
		d.counts.Corrupted++
	}
	for range copies {
		b := append(d.buffer(), frame...)
		if bits := uint64(len(b)-ethernetHeader) * 8; decision.Corrupt && len(b) > ethernetHeader {
			bit := decision.Bit % bits
			b[ethernetHeader+bit/8] ^= 1 << (bit % 8)
		}
		d.line.push(due, b, row)
	}
}

// departures moves what is due at now to out. The frames stay valid until
// they are given back with recycle.
func (d *direction) departures(now int64, out [][]byte) [][]byte {
	for d.line.len() > 0 && d.line.due() <= now {
		p := d.line.pop()
		p.row.Out, p.row.OutHash = now, p.row.Hash
		p.row.Copies++
		p.row.Fate = Passed
		if h := Hash(p.frame); h != p.row.Hash {
			p.row.OutHash, p.row.Fate = h, Corrupted
		}
		d.counts.Left++
		d.counts.LeftBytes += uint64(len(p.frame))
		out = append(out, p.frame)
	}
	return out
}

// wait returns how long nothing will be due; false if the line is empty.
func (d *direction) wait(now int64) (time.Duration, bool) {
	if d.line.len() == 0 {
		return 0, false
	}
	return max(0, time.Duration(d.line.due()-now)), true
}

func (d *direction) buffer() []byte {
	if n := len(d.spare); n > 0 {
		b := d.spare[n-1]
		d.spare = d.spare[:n-1]
		return b[:0]
	}
	return make([]byte, 0, frameBytes)
}

// recycle takes back the frames of departures.
func (d *direction) recycle(frames [][]byte) { d.spare = append(d.spare, frames...) }

// frameBytes holds a frame of a 1500-byte MTU.
const frameBytes = 2048
