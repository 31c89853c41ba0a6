package tcpq

import (
	"errors"
	"fmt"

	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/queue"
)

var errNotListen = errors.New("the token does not allow listening to this topic")

// permission is the last answer whether a topic may be emitted to, since
// events of one topic come in rows. It belongs to the reading goroutine.
type permission struct {
	grant *access.Grant
	topic []byte
	given bool
}

// allowsEmit reports whether the client may emit to a topic.
func (c *conn) allowsEmit(topic []byte) bool {
	g := c.grant.Load()
	if g == nil {
		return true
	}
	p := &c.mayEmit
	if p.grant != g || string(p.topic) != string(topic) {
		p.grant, p.topic, p.given = g, append(p.topic[:0], topic...), g.MayEmit(topic)
	}
	return p.given
}

func allowsListen(g *access.Grant, topic []byte) bool { return g == nil || g.MayListen(topic) }

// refuseEmit answers for an event that the client may not emit.
func (c *conn) refuseEmit(f *framing.Frame) error {
	if f.Flags&framing.FlagRequest != 0 {
		c.server.meter.Drop(queue.FateUnauthorized, f)
		c.session.Reply(&framing.Frame{
			Kind: framing.KindError, Code: framing.CodeUnauthorized, Origin: f.Origin, Sequence: f.Sequence,
			Topic: f.Topic, Payload: []byte("the token does not allow emitting to this topic"),
		})
		return nil
	}
	return c.session.Refuse(f, queue.FateUnauthorized, framing.CodeUnauthorized)
}

// renew asks what the client may do now, and ends the conversation if its
// token is gone or what it listens to is no longer allowed.
func (c *conn) renew() {
	c.mu.Lock()
	session := c.session
	c.mu.Unlock()
	old := c.grant.Load()
	if old == nil || session == nil {
		return // attach will ask
	}
	g, err := c.server.config.Keyring.Renew(old)
	if err != nil {
		session.End(framing.CodeUnauthorized, err.Error())
		return
	}
	c.grant.Store(g)
	for _, topic := range session.Topics() {
		if !g.MayListen([]byte(topic)) {
			session.End(framing.CodeUnauthorized, fmt.Sprintf("the token no longer allows listening to %q", topic))
			return
		}
	}
}
