package wire

import "time"

// direction carries packets one way: it decides their fate when they come
// and holds them until they are due. It does no input or output itself.
type direction struct {
	index     uint8
	identify  Identify
	plan      *Plan
	queues    queues
	line      line
	ledger    Ledger
	counts    Counts
	bundles   bool          // who sends the packets puts neighbours together
	spare     [][]byte      // buffers of packets that have left
	least     time.Duration // that any packet is held, but for those under way
	load      load
	forgotten []*Row // rows that no ledger keeps, of packets that have left

	translations []Translation
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
	d.least = i.least()
	d.release(d.queues.all)
	d.queues.set(&i)
}

// begin says when the plan in force begins, ns; see [Plan.Begin].
func (d *direction) begin(now int64) { d.plan.Begin(now) }

// passes tries the short way: a frame that came at a time, meets no impairment
// and has nobody to wait for may be sent on now as it is. It reports whether
// so; if not, the frame is for accept.
func (d *direction) passes(frame []byte, came, now int64) bool {
	if c := d.plan.constant; c == nil || c.Delay > 0 || d.line.len() > 0 || d.queues.limited() || d.translated() {
		return false
	}
	p := parse(frame)
	row := d.row(&p, frame, came)
	row.Due = came
	d.left(row, len(frame), now)
	d.forget(row)
	return true
}

// accept takes a frame that came at now (ns); the frame stays the caller's.
func (d *direction) accept(frame []byte, now int64) {
	p := parse(frame)
	decision := d.plan.decide(&p, now)
	row := d.row(&p, frame, now)
	defer d.forget(row)
	if decision.Lose || d.unmapped(&p) {
		d.counts.Lost++
		row.Fate = Lost
		return
	}
	copies := 1
	if decision.Duplicate {
		copies = 2
	}
	row.Fate = Held
	s := d.shaper(decision.Rule, now)
	for copy := range copies {
		if d.line.len() >= maxHeld || !d.queue(s, frame, row, now, decision) {
			if copy == 0 {
				row.Fate = Overflow
				d.counts.Overflow++
			}
			return
		}
		if copy > 0 {
			d.counts.Duplicated++
		} else if decision.Corrupt {
			d.counts.Corrupted++
		}
	}
}

// row counts a packet that came and starts its line in the ledger. Where the
// ledger keeps none, the row lives only as long as the packet is under way.
func (d *direction) row(p *packet, frame []byte, now int64) *Row {
	d.counts.Came++
	d.counts.CameBytes += uint64(len(frame))
	r := Row{
		Time: now, Seq: p.seq, Length: uint32(len(frame)), Span: p.span,
		SrcPort: p.flow.srcPort, DstPort: p.flow.dstPort, Direction: d.index, Protocol: p.flow.protocol,
	}
	if !d.ledger.forget {
		r.Hash = Hash(frame)
		if r.Protocol == ProtocolUDP && p.payload != nil && !p.flow.fragment {
			var e event
			e.origin, e.sequence, r.HasIdentity = d.identify(p.payload)
			r.Identity = e.identity()
		}
	}
	if row := d.ledger.add(r); row != nil {
		return row
	}
	// Carried all the same; a full ledger has counted it as missing.
	row := &Row{}
	if n := len(d.forgotten); n > 0 {
		row, d.forgotten = d.forgotten[n-1], d.forgotten[:n-1]
	}
	*row = r
	row.forgotten = true
	return row
}

// forget takes a row back that no ledger keeps, once its packet has left.
func (d *direction) forget(row *Row) {
	if row.forgotten && row.underWay == 0 {
		row.forgotten = false // taken back once, however many copies there were
		d.forgotten = append(d.forgotten, row)
	}
}

// left notes that a copy of a packet leaves at now.
func (d *direction) left(row *Row, bytes int, now int64) {
	row.Out, row.OutHash = now, row.Hash
	row.Copies++
	row.Fate = Passed
	d.counts.Left++
	d.counts.LeftBytes += uint64(bytes)
}

// shaper returns the queue for a packet that a rule (or none, -1) decided.
func (d *direction) shaper(rule int, now int64) *shaper {
	if holds := d.plan.holds(now); d.queues.changes(holds) {
		d.serve(now)
		d.release(d.queues.all[:1])
		d.queues.all[0].limits = holds.limits()
	}
	return d.queues.of(rule)
}

// queue brings one copy of a packet to the line, or into the queue before
// it; false if there is no room.
func (d *direction) queue(s *shaper, frame []byte, row *Row, now int64, decision Decision) bool {
	if s.rate > 0 && s.aqm == CoDel {
		d.serve(now)
		if !s.enqueue(waiting{parcel: d.copy(frame), row: row, arrived: now, decision: decision}) {
			return false
		}
		row.underWay++
		d.line.waiting++
		d.serve(now)
		return true
	}
	sent, ok := s.admit(now, len(frame))
	if ok {
		row.underWay++
		d.hold(d.copy(frame), row, sent, &decision)
	}
	return ok
}

// hold puts one copy of a packet, sent at a time, on the line. The frame
// becomes the line's.
func (d *direction) hold(p parcel, row *Row, sent int64, decision *Decision) {
	if decision.Corrupt {
		flip(p.frame, decision.flipped, decision.Bit)
		p.outline = outline{}
	}
	if d.translate(p.frame) {
		p.translated, p.outline = true, outline{}
	}
	row.Due = sent + int64(decision.Delay)
	d.line.push(row.Due, p, row, decision.Corrupt)
}

// serve lets the line take what CoDel's queues had for it by now.
func (d *direction) serve(now int64) {
	for _, s := range d.queues.all {
		for at, ok := s.next(); ok && at <= now; at, ok = s.next() {
			w, some := s.dequeue(at)
			for i := range s.dropped {
				d.drop(&s.dropped[i])
			}
			s.dropped = s.dropped[:0]
			if some {
				d.line.waiting--
				d.hold(w.parcel, w.row, s.transmit(at, len(w.frame)), &w.decision)
			}
		}
	}
}

// drop notes that CoDel dropped a copy. Another copy may be on its way.
func (d *direction) drop(w *waiting) {
	d.line.waiting--
	d.counts.Overflow++
	d.spare = append(d.spare, w.frame)
	if w.row.underWay--; w.row.underWay == 0 && w.row.Copies == 0 {
		w.row.Fate = Overflow
	}
	d.forget(w.row)
}

// release plans the departure of all that waits in queues whose limits are
// about to change: at the rate that it came to wait for.
func (d *direction) release(queues []*shaper) {
	for _, s := range queues {
		for _, w := range s.queue {
			d.line.waiting--
			d.hold(w.parcel, w.row, s.transmit(w.arrived, len(w.frame)), &w.decision)
		}
		s.queue, s.queued, s.codel = nil, 0, codel{}
	}
}

// departures moves what is due at now to out. The frames stay valid until
// they are given back with recycle.
func (d *direction) departures(now int64, out []parcel) []parcel {
	d.serve(now)
	for due, ok := d.line.due(); ok && due <= now; due, ok = d.line.due() {
		p := d.line.pop()
		p.row.Due = due
		p.row.underWay--
		d.left(p.row, len(p.frame), now)
		if p.corrupted {
			p.row.Fate = Corrupted
		}
		if (p.corrupted || p.translated) && !d.ledger.forget {
			p.row.OutHash = Hash(p.frame)
		}
		d.forget(p.row)
		out = append(out, p.parcel)
	}
	return out
}

// wait returns how long nothing will be due; false if nothing is under way.
func (d *direction) wait(now int64) (time.Duration, bool) {
	next, ok := d.line.due()
	for _, s := range d.queues.all {
		if at, some := s.next(); some && (!ok || at < next) {
			next, ok = at, true
		}
	}
	if !ok {
		return 0, false
	}
	return max(0, time.Duration(next-now)), true
}

// copy makes a parcel of a frame's copy.
func (d *direction) copy(frame []byte) parcel {
	if d.bundles {
		return copyParcel(d.buffer(), frame)
	}
	return parcel{frame: append(d.buffer(), frame...)}
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
func (d *direction) recycle(parcels []parcel) {
	for i := range parcels {
		d.spare = append(d.spare, parcels[i].frame)
	}
}

// frameBytes holds a frame of a 1500-byte MTU.
const frameBytes = 2048
