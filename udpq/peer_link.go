package udpq

import (
	"errors"
	"slices"

	"rawlab/framing"
	"rawlab/udpq/nack"
)

// errLeft is why a link ends when its session does.
var errLeft = errors.New("the session has ended")

// openLink gives a peer what it needs for its rung.
func (p *peer) openLink() {
	config := &p.group.server.config
	p.pace = newPacer(config.Pace, p.to.Load().address())
	if p.rung == (rung{}) {
		if p.pace != nil {
			p.link = newBareLink(config.Clock, p.pace, p.transmitBare)
		}
		return
	}
	if p.rung.reliability == ReliabilityNack {
		p.repairs.wanted = nack.NewWanted(config.Nack)
	}
	p.link = newLink(config.Clock, p.rung, tuning{nack: config.Nack, congestion: config.Congestion}, p.transmitEvents)
	p.link.pace, p.link.onSent = p.pace, func(frames []byte) { p.sent(frames, true) }
	p.link.onFail = func(err error) {
		p.group.remove(p)
		p.session.End(framing.CodeTimeout, err.Error())
	}
	p.link.deliver = p.takeIn
	p.group.server.links.add(p.link)
	if p.cuts {
		p.link.onLarge = p.path.use
		p.path.fit = func() { p.link.fit(p.budget(), p.budget()+p.rung.headerBytes()) }
		p.path.fit()
	}
	p.intake, p.published = newIntake(), make(chan struct{})
	p.group.all.Go(p.publish)
}

// transmitEvents gives datagrams of the link to the system.
func (p *peer) transmitEvents(t *train) (err error) {
	p.group.socket.sendAll(t.b, t.sizes, p.to.Load(), func(_ []byte, e error) { err = errors.Join(err, e) })
	return err
}

// openLinked takes a datagram of the rung, and reports whether that is what
// it was. Its emits are published by another goroutine than the one that
// reads: publishing may wait for subscribers, who wait for acks to be read.
func (p *peer) openLinked(d *datagram) bool {
	now := p.group.came
	o := p.link.open(now, d.b)
	if !p.opened {
		p.opened = true
		p.intake.hold()
		p.group.opened = append(p.group.opened, p)
	}
	for range o.invalid {
		p.invalid()
	}
	if (o.events || p.link.due()) && p.intake.room(p.link.bounds()) { // without room it is not accepted, and comes again
		p.link.take(now)
	}
	return o.mine
}

// takeIn has what the link delivers published.
func (p *peer) takeIn(ready [][]byte) error {
	if p.link.bounds() || !slices.ContainsFunc(ready, torn) { // one that bounds has looked at each frame
		p.intake.put(ready)
		return nil
	}
	for _, b := range ready {
		if torn(b) { // it would take what follows along
			p.invalid()
			continue
		}
		p.intake.put([][]byte{b})
	}
	return nil
}

// torn reports whether bytes are not frames end to end, by what they say of
// their sizes.
func torn(frames []byte) bool {
	for len(frames) > 0 {
		n, err := framing.Peek(frames, len(frames))
		if err != nil {
			return true
		}
		frames = frames[n:]
	}
	return false
}

// publish publishes what was taken in until the intake is closed.
func (p *peer) publish() {
	defer close(p.published)
	for batch := range p.intake.batches(p.doneWith) {
		p.publishAll(batch)
		p.commitAll()
	}
	if p.intake.left() {
		p.leave()
	}
}

// publishAll publishes frames, but for the run that they end with.
func (p *peer) publishAll(frames []byte) {
	unpack, sums := framing.Unpack, true
	if p.link.bounds() { // then it has looked at the checksums
		unpack, sums = framing.UnpackAgain, false
	}
	for len(frames) > 0 {
		if n := p.gather(frames, sums); n > 0 {
			frames = frames[n:]
			continue
		}
		n := frameSize(frames)
		for f, err := range unpack(frames[:n]) {
			p.publishFrame(&f, err)
		}
		frames = frames[n:]
	}
}

// doneWith makes room for more to be taken in.
func (p *peer) doneWith(bytes int) {
	p.link.done(bytes)
	p.link.answer()
}

// publishFrame publishes an event, or one that is whole with this piece.
func (p *peer) publishFrame(f *framing.Frame, err error) {
	switch {
	case err == nil && f.Kind == framing.KindEmit:
		p.noteSkipped(f)
		p.publishEvent(f)
	case err == nil && f.Kind == framing.KindFragment:
		if inner := p.openFragment(f); inner != nil {
			p.noteSkipped(inner)
			p.publishEvent(inner)
		}
	case err == nil && f.Kind == framing.KindNack:
		p.repairs.lost = true
	default:
		p.invalid()
	}
}

// postFrames sends the frames of a datagram until they are acknowledged, or
// says what became of them. It waits for room; replies go on meanwhile.
func (p *peer) postFrames(b []byte) {
	if len(b)+p.rung.headerBytes() > MaxDatagram {
		p.session.SentFrames(b, false)
		return
	}
	if !p.awaitRoom() || p.link.post(b) != nil {
		p.session.LoseFrames(b)
	}
}

// awaitRoom reports whether the link has room. It waits for it until the link
// ends or the client has gone.
func (p *peer) awaitRoom() bool {
	ended := p.session.Ended()
	for {
		room, changed, err := p.link.ready(p.link.roomy)
		if room || err != nil {
			return err == nil
		}
		select {
		case <-changed:
		case <-p.session.Wake():
			p.sendReplies()
		case <-ended:
			if p.session.Last().Code == framing.CodeOK {
				return false
			}
			p.link.release() // there is no time left to wait for acks
			ended = nil
		}
	}
}

// postEvent posts an event without waiting for room.
func (p *peer) postEvent(b []byte) {
	if p.isOver(b) {
		p.postCut(b, false)
		return
	}
	p.link.post(b)
}

// stopTaking publishes what was taken in, and sends all that waits without
// waiting for acks: nobody reads any more.
func (p *peer) stopTaking() {
	if !p.link.bare() {
		p.link.release()
		p.intake.close(false)
	}
}

// awaitPublished waits until what was taken in is published.
func (p *peer) awaitPublished() {
	if !p.link.bare() {
		<-p.published
	}
}

// closeLink ends the link of a session that has ended.
func (p *peer) closeLink() {
	if p.link == nil {
		return
	}
	p.link.finish()
	p.awaitPace()
	for _, b := range p.link.close(errLeft) {
		p.session.LoseFrames(b)
	}
	p.link.wait()
	p.stopRepairs()
	p.group.server.links.remove(p.link)
	p.session.LoseFrames(p.underway.rest())
	if p.intake != nil {
		p.intake.close(false)
	}
}
