package udpq

import (
	"rawlab/framing"
	"rawlab/internal/queue"
)

// gathered is the plain emits of one topic that came together, and are
// published together.
type gathered struct {
	framing.Run
	parted bool // others were published since the last commit
}

// gather takes the plain emits that frames start with into the run, and
// returns how many bytes of frames that were. If it is none, nothing waits in
// the run any more, so that what is next comes after it.
func (p *peer) gather(frames []byte, sums bool) (taken int) {
	if p.repairs.wanted != nil { // the number of each is looked at
		return 0
	}
	if p.run.Frames == nil {
		p.run.Frames, p.run.Origin = newIntakeBuffer(), p.session.Origin()
	}
	taken = p.run.Gather(frames, sums)
	if taken == 0 && p.run.Count > 0 {
		p.publishRun(false)
		p.run.parted = true
		taken = p.run.Gather(frames, sums)
	}
	if p.run.Count == 0 {
		p.freeRun()
	}
	return taken
}

// publishRun publishes what was gathered. With alone, nothing else has come
// with it.
func (p *peer) publishRun(alone bool) {
	r := &p.run
	switch {
	case r.Count == 0:
		return
	case p.gate.MayEmit(r.Topic):
		p.session.PublishRun(&r.Run, alone)
	default:
		p.session.RefuseRun(&r.Run, queue.FateUnauthorized, framing.CodeUnauthorized)
	}
	r.Empty()
}

// commitAll publishes what was gathered, and delivers all that was published.
func (p *peer) commitAll() {
	p.publishRun(!p.run.parted)
	p.session.Commit()
	p.run.parted = false
	p.freeRun()
}

// freeRun lets go of the buffer of an empty run.
func (p *peer) freeRun() {
	freeIntakeBuffer(p.run.Frames)
	p.run.Run = framing.Run{}
}

// gatherOutside is gather for what lies in a datagram of no rung, from a
// client that may have no session.
func (p *peer) gatherOutside(frames []byte) (taken int) {
	if p == nil || !p.link.bare() {
		return 0
	}
	if taken = p.gather(frames, true); taken > 0 {
		p.touch()
	}
	return taken
}

// touch sees to it that what is published is committed.
func (p *peer) touch() {
	if !p.touched {
		p.touched = true
		p.group.touched = append(p.group.touched, p)
	}
}
