package udpq

import (
	"bytes"
	"maps"
	"slices"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// sendReplies sends what is no event of a topic.
func (p *peer) sendReplies() {
	var replies queue.Chunk
	if p.session.TakeReplies(&replies) {
		p.sendControl(replies.Control)
	}
}

// repaired reports whether a reply is to be sent until it has come: what the
// queue says of events, on a rung that does so.
func (p *peer) repaired(f *framing.Frame) bool {
	if p.rung.reliability != ReliabilityAck {
		return false
	}
	return f.Kind == framing.KindNack || f.Origin == p.session.Origin() && f.Sequence != 0 && (f.Kind == framing.KindError || f.Kind == framing.KindAck)
}

// sendControl sends replies, each once unless they are of events. Events that
// are redelivered stand among them: one that finds no room will come again.
func (p *peer) sendControl(b []byte) {
	for len(b) > 0 {
		n := frameSize(b)
		f, _, err := framing.Parse(b[:n], n)
		if err == nil && f.Kind == framing.KindEvent {
			if room, _, _ := p.link.ready(p.link.roomy); room {
				p.postEvent(b[:n])
			}
		} else if err == nil && p.repaired(&f) {
			p.postReply(&f, b[:n])
		} else if err := p.say(b[:n]); err != nil {
			p.group.server.log.Debug("sending", "peer", p.to.Load().from, "err", err)
		}
		b = b[n:]
	}
}

// postReply posts what is said of events. An ack that finds no room waits, and
// a later one of its stream takes its place.
func (p *peer) postReply(f *framing.Frame, b []byte) {
	room, _, _ := p.link.ready(p.link.roomy)
	if room || f.Kind != framing.KindAck {
		p.link.post(b)
		return
	}
	if p.lateAcks == nil {
		p.lateAcks = make(map[uint16][]byte)
	}
	stream, _ := framing.SplitSequence(f.Sequence)
	p.lateAcks[stream] = bytes.Clone(b)
}

// postLateAcks posts the acks that wait for room.
func (p *peer) postLateAcks() {
	for len(p.lateAcks) > 0 && p.awaitRoom() {
		stream := slices.Min(slices.Collect(maps.Keys(p.lateAcks)))
		p.link.post(p.lateAcks[stream])
		delete(p.lateAcks, stream)
	}
}
