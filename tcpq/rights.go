package tcpq

import (
	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/queue"
)

// refuseEmit answers for an event that the client may not emit.
func (c *conn) refuseEmit(f *framing.Frame) error {
	if f.Flags&framing.FlagRequest == 0 {
		return c.session.Refuse(f, queue.FateUnauthorized, framing.CodeUnauthorized)
	}
	c.server.meter.Drop(queue.FateUnauthorized, f)
	c.session.Reply(&framing.Frame{
		Kind: framing.KindError, Code: framing.CodeUnauthorized, Origin: f.Origin, Sequence: f.Sequence,
		Topic: f.Topic, Payload: []byte(access.ErrEmit.Error()),
	})
	return nil
}

// listen starts a subscription that the client may have.
func (c *conn) listen(f *framing.Frame, wish framing.Subscribe) error {
	before := c.gate.Grant()
	if !c.gate.MayListen(f.Topic) {
		return access.ErrListen
	}
	err := c.session.Subscribe(f.Topic, f.Sequence, wish)
	if c.gate.Grant() != before {
		c.renew() // it changed before the subscription was there to be looked at
	}
	return err
}

// renew ends the conversation if the client may no longer have it.
func (c *conn) renew() {
	c.mu.Lock()
	session := c.session
	c.mu.Unlock()
	if session == nil {
		return // attach will ask
	}
	if err := c.gate.Renew(session.Topics); err != nil {
		session.End(framing.CodeUnauthorized, err.Error())
	}
}
