package udpq

import (
	"errors"
	"time"

	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/queue"
)

// open obeys every frame of a datagram.
func (g *group) open(d *datagram) {
	p := g.find(d.from)
	if p != nil && !p.owns(d) {
		p = nil
	}
	if p != nil {
		p.heard.Store(true)
		if !p.link.bare() && p.openLinked(d) {
			return
		}
	}
	for b := d.b; len(b) > 0; {
		n := p.gatherOutside(b)
		if n == 0 {
			p, n = g.openFrame(d, p, b)
		}
		b = b[n:]
	}
}

// openFrame obeys the frame that b, the rest of a datagram, starts with. It
// returns the peer that its sender is then, and the frame's size; all of b if
// that cannot be trusted.
func (g *group) openFrame(d *datagram, p *peer, b []byte) (*peer, int) {
	n, err := framing.Peek(b, len(b))
	if err != nil {
		n = len(b)
	}
	for f, err := range framing.Unpack(b[:n]) {
		switch {
		case err != nil && p != nil:
			p.invalid()
		case err != nil:
			g.invalid()
		case f.Kind == framing.KindHello:
			g.admit(d, &f)
			p = g.find(d.from)
		case f.Kind == framing.KindMove:
			g.move(d, &f)
			p = g.find(d.from)
		case f.Kind == framing.KindBye:
			if g.bye(d, p, &f) {
				p = nil
			}
		case p == nil:
			g.stranger(d, &f)
		default:
			p.obey(&f)
		}
	}
	return p, n
}

func (g *group) invalid() { g.server.meter.Drop(queue.FateFrameInvalid, &framing.Frame{}) }

// bye lets a client go, and tells it so even if it was let go before: the
// first answer may have been lost. It reports whether there is none any more:
// whoever does not know the session's key does not end it.
func (g *group) bye(d *datagram, p *peer, f *framing.Frame) bool {
	switch {
	case p == nil && g.heed(d):
		g.answer(d, &framing.Frame{Kind: framing.KindBye})
	case p == nil:
	case !same(f.Offset, p.key):
		g.server.forged.Add(1)
		return false
	default:
		p.goodbye() // its writer says bye
	}
	return true
}

const noSession = "no session: say hello first"

// stranger refuses a frame from an address without a session.
func (g *group) stranger(d *datagram, f *framing.Frame) {
	g.server.strangers.Add(1)
	if f.Kind == framing.KindEmit {
		g.server.meter.Drop(queue.FateUnauthorized, f)
	}
	if g.heed(d) && f.Kind != framing.KindError {
		g.answer(d, &framing.Frame{Kind: framing.KindError, Code: framing.CodeUnauthorized, Payload: []byte(noSession)})
	}
}

// refuse answers a hello that gets no session.
func (g *group) refuse(d *datagram, hello *framing.Frame, code framing.Code, words string) {
	g.server.refused.Add(1)
	f := &framing.Frame{Kind: framing.KindError, Code: code, Sequence: hello.Sequence, Payload: []byte(words)}
	if d.shown {
		g.reply(d, f)
		return
	}
	g.answer(d, f)
}

const strangerInterval = time.Millisecond // between two answers to strangers

// answer replies to an address without a session, not more often than
// strangerInterval.
func (g *group) answer(d *datagram, f *framing.Frame) {
	now := g.server.config.Clock.Now()
	if now.Sub(g.lastReply) < strangerInterval {
		return
	}
	g.lastReply = now
	g.reply(d, f)
}

// reply sends a frame to an address without a session: no more datagrams than
// came from there, nor bytes, unless it is shown to be its sender's.
func (g *group) reply(d *datagram, f *framing.Frame) {
	f.Flags |= framing.FlagCRC
	if f.Size() > len(d.b) && !d.shown {
		f.Payload = nil
	}
	if d.answered || f.Size() > len(d.b) && !d.shown {
		return
	}
	d.answered = true
	if b, err := f.Append(nil); err == nil {
		g.socket.send(b, d) // lost as easily as any datagram
	}
}

// commit delivers what this peer has published so far, unless another
// goroutine does.
func (p *peer) commit() {
	if p.link.bare() {
		p.commitAll()
	}
}

// goodbye lets the client go after what it has emitted.
func (p *peer) goodbye() {
	if !p.link.bare() {
		p.intake.close(true)
		return
	}
	p.commit()
	p.leave()
}

func (p *peer) obey(f *framing.Frame) {
	if p.link.bare() && f.Kind == framing.KindFragment {
		if f = p.openFragment(f); f == nil {
			return
		}
	}
	if f.Kind == framing.KindEmit && p.link.bare() {
		p.emit(f)
		return
	}
	p.commit() // whatever is asked comes after what was emitted
	switch f.Kind {
	case framing.KindEmit:
		p.emitOutside(f)
	case framing.KindSubscribe:
		p.subscribe(f)
	case framing.KindUnsubscribe:
		p.session.Unsubscribe(f.Topic)
		p.session.Reply(&framing.Frame{Kind: framing.KindAck, Sequence: f.Sequence, Topic: f.Topic})
	case framing.KindAck:
		p.ack(f)
	case framing.KindNack:
		p.want(f)
	case framing.KindPing:
		if f.Origin != 0 && f.Origin != p.session.Origin() {
			p.disown(f)
			return
		}
		p.session.Reply(&framing.Frame{Kind: framing.KindPong, Sequence: f.Sequence, Time: f.Time})
	case framing.KindPong:
		p.path.answered(f.Sequence)
	case framing.KindError:
	default:
		p.invalid()
	}
}

// emit publishes an event, and sees to it that it is committed.
func (p *peer) emit(f *framing.Frame) {
	if p.publishEvent(f) {
		p.touch()
	}
}

// publishEvent publishes an event, and reports whether that is to be
// committed. A client speaks for its own origin only.
func (p *peer) publishEvent(f *framing.Frame) bool {
	if queue.AsksFates(f) {
		p.tellFates(f)
		return false
	}
	if f.Origin != p.session.Origin() {
		p.group.server.meter.DropForged(f)
		p.disown(f)
		return false
	}
	var err error
	if f.Flags&framing.FlagReply != 0 || p.gate.MayEmit(f.Topic) { // who was asked may reply
		err = p.session.Publish(f)
	} else {
		err = p.refuseEmit(f)
	}
	if err != nil {
		p.group.server.meter.Drop(queue.FateFrameInvalid, f)
		return false
	}
	return true
}

// disown tells a client that its address is another's, as far as known here:
// it may move.
func (p *peer) disown(f *framing.Frame) {
	p.session.Reply(&framing.Frame{
		Kind: framing.KindError, Code: framing.CodeUnauthorized, Origin: f.Origin, Sequence: f.Sequence, Topic: f.Topic, Payload: []byte(noSession),
	})
}

func (p *peer) ack(f *framing.Frame) {
	if f.Flags&framing.FlagOffset == 0 && f.Origin == p.session.Origin() {
		p.session.Forget(f.Sequence)
		return
	}
	if err := p.session.Ack(f.Topic, f.Offset); err != nil {
		p.group.server.log.Error("moving a cursor", "client", p.name, "topic", string(f.Topic), "err", err)
	}
}

func (p *peer) subscribe(f *framing.Frame) {
	resume, err := framing.ParseSubscribe(f.Payload)
	if err != nil {
		p.invalid()
		return
	}
	if err := p.listen(f, resume); err != nil {
		p.session.Reply(&framing.Frame{
			Kind: framing.KindError, Code: refusal(err), Sequence: f.Sequence, Topic: f.Topic, Payload: []byte(err.Error()),
		})
	}
}

// refusal is the code for a request that the queue refused.
func refusal(err error) framing.Code {
	if _, ok := errors.AsType[*queue.LimitError](err); ok {
		return framing.CodeLimit
	}
	switch {
	case access.IsDenied(err):
		return framing.CodeUnauthorized
	case errors.Is(err, framing.ErrInvalid):
		return framing.CodeInvalid
	}
	return framing.CodeInternal
}
