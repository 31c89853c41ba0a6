package udpq

import (
	"rawlab/framing"
	"rawlab/internal/queue"
)

const stretch = 512 // datagrams measured out before they are sent

// send sends a chunk, one frame to a datagram or packed.
func (p *peer) send(c *queue.Chunk) {
	if p.link != nil {
		p.post(c)
		return
	}
	for _, part := range [...][]byte{c.Control, c.Kept, c.Live} {
		for len(part) > 0 {
			if p.isOver(part) {
				n := frameSize(part)
				p.sendCut(part[:n])
				part = part[n:]
				continue
			}
			var room [stretch]int
			sizes, n := p.measure(part, room[:0])
			p.group.socket.sendAll(part[:n], sizes, p.to.Load(), p.account)
			part = part[n:]
		}
	}
}

// post is send over a link, which numbers its datagrams.
func (p *peer) post(c *queue.Chunk) {
	p.sendControl(c.Control)
	budget := p.packBudget(len(c.Kept) + len(c.Live))
	for _, part := range [...][]byte{c.Kept, c.Live} {
		for len(part) > 0 {
			n := fill(part, budget)
			if p.isOver(part) {
				p.postCut(part[:n], true)
			} else {
				p.postFrames(part[:n])
			}
			part = part[n:]
		}
	}
	p.postLateAcks()
}

// measure appends the sizes of the datagrams that frames are to leave in, as
// far as there is room or up to one that must be cut, and returns their sum.
func (p *peer) measure(frames []byte, sizes []int) (measured []int, bytes int) {
	budget := p.packBudget(len(frames))
	for bytes < len(frames) && len(sizes) < cap(sizes) && !p.isOver(frames[bytes:]) {
		n := fill(frames[bytes:], budget)
		sizes = append(sizes, n)
		bytes += n
	}
	return sizes, bytes
}

// fill returns the bytes of frames that share the next datagram.
func fill(frames []byte, budget int) int {
	n := frameSize(frames)
	for n < len(frames) {
		next := n + frameSize(frames[n:])
		if next > budget {
			break
		}
		n = next
	}
	return n
}

// frameSize returns the size of the frame that b, out of the queue, starts with.
func frameSize(b []byte) int {
	n, err := framing.Peek(b, len(b))
	if err != nil {
		panic("udpq: frame out of the queue unreadable: " + err.Error())
	}
	return n
}

// account says of the events in datagrams whether the system took them.
func (p *peer) account(datagrams []byte, err error) {
	p.session.SentFrames(datagrams, err == nil)
	if err != nil {
		p.group.server.log.Debug("sending", "peer", p.to.Load().from, "err", err)
	}
}
