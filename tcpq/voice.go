package tcpq

import (
	"sync"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
)

// Broadcast is the topic whose events go to every client that is connected,
// whether it listens to anything or not.
const Broadcast = queue.Broadcast

// voice is what the server emits itself. The zero value is ready.
type voice struct {
	mu        sync.Mutex
	session   *queue.Session // made when first used
	numbering edge.Numbering
}

// Emit emits an event as the server's own, to who listens to the topic, or
// with [Broadcast] to every client of the queue. It is not acknowledged: what
// becomes of it, Stats and Trace tell.
func (s *Server) Emit(topic string, payload []byte) error {
	if s.queueErr != nil {
		return s.queueErr
	}
	if err := queue.CheckTopic(topic); err != nil {
		return err
	}
	v := &s.voice
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.session == nil {
		v.session = s.queue.Attach(&queue.SessionConfig{Origin: edge.DrawOrigin(), Meter: s.meter, Hidden: true})
	}
	f := framing.Frame{
		Kind: framing.KindEmit, Origin: v.session.Origin(), Sequence: v.numbering.Next(topic),
		Time: uint64(s.config.Clock.Now().UnixNano()), Topic: []byte(topic), Payload: payload,
	}
	if size := f.Size(); size > s.config.FrameLimit {
		return &framing.SizeError{Size: uint64(size), Limit: uint64(s.config.FrameLimit)}
	}
	if err := v.session.Publish(&f); err != nil {
		return err
	}
	v.session.Commit()
	return nil
}
