package udpq

import (
	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/queue"
)

// refuseEmit answers for an event that the client may not emit.
func (p *peer) refuseEmit(f *framing.Frame) error {
	return p.session.Refuse(f, queue.FateUnauthorized, framing.CodeUnauthorized)
}

// listen starts a subscription that the client may have.
func (p *peer) listen(f *framing.Frame, wish framing.Subscribe) error {
	before := p.gate.Grant()
	if !p.gate.MayListen(f.Topic) {
		return access.ErrListen
	}
	err := p.session.Subscribe(f.Topic, f.Sequence, wish)
	if p.gate.Grant() != before {
		p.renew() // it changed before the subscription was there to be looked at
	}
	return err
}

// renew ends the session if the client may no longer have it. It keeps its
// address until it has been told why, or it would be told as a stranger.
func (p *peer) renew() {
	if err := p.gate.Renew(p.session.Topics); err != nil {
		p.session.End(framing.CodeUnauthorized, err.Error())
	}
}

// renew asks the keyring about everybody.
func (g *group) renew() {
	for _, p := range g.snapshot() {
		p.renew()
	}
}
