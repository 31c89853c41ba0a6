package udpq

import (
	"errors"
	"net"

	"rawlab/framing"
)

// say sends frames that are no events. They do not wait for the pace.
func (p *peer) say(b []byte) error {
	p.pace.take(1, len(b))
	return p.group.socket.send(b, p.to.Load())
}

// sendAll is that of the socket, paid for.
func (p *peer) sendAll(b []byte, sizes []int, sent func(datagrams []byte, err error)) {
	p.pace.take(len(sizes), len(b))
	p.group.socket.sendAll(b, sizes, p.to.Load(), sent)
}

// transmitBare gives datagrams to the system, once, and says of their events
// whether it took them.
func (p *peer) transmitBare(t *train) (closed error) {
	p.group.socket.sendAll(t.b, t.sizes, p.to.Load(), func(b []byte, err error) {
		p.sent(b, err == nil)
		if errors.Is(err, net.ErrClosed) {
			closed = err
		}
	})
	return closed
}

// awaitPace waits until nothing waits for the pace, unless the client has gone
// or the socket is closed.
func (p *peer) awaitPace() {
	for p.pace != nil && p.session.Last().Code != framing.CodeOK {
		gone, changed, err := p.link.ready(p.link.gone)
		if gone || err != nil {
			return
		}
		<-changed
	}
}
