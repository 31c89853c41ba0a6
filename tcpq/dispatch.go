package tcpq

import (
	"errors"
	"fmt"
	"io"

	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/queue"
)

// read obeys frames until the client leaves, which is io.EOF, or something
// else ends the conversation. What waits here waits on a small stack: it is
// most of what a silent connection costs.
func (c *conn) read() error {
	f := new(framing.Frame) // one for all, since obey lets it escape
	for {
		if err := c.reader.Await(); err != nil {
			return err
		}
		if err := c.next(f); err != nil {
			return err
		}
		if !c.reader.Buffered() {
			c.session.Commit()
			c.pulse.chunks++
			*f = framing.Frame{} // or it would keep a buffer that is another's by then
		}
	}
}

// next obeys what stands next. Events that are nothing special go on in runs.
func (c *conn) next(f *framing.Frame) error {
	if run, ok := c.reader.Run(c.session.Origin()); ok {
		c.emitRun(&run)
		return nil
	}
	if err := c.reader.Read(f); err != nil {
		return err
	}
	return c.obey(f)
}

func (c *conn) obey(f *framing.Frame) error {
	if f.Kind == framing.KindEmit {
		return c.emit(f)
	}
	c.session.Commit() // whatever is asked comes after what was emitted
	switch f.Kind {
	case framing.KindSubscribe:
		return c.subscribe(f)
	case framing.KindUnsubscribe:
		c.session.Unsubscribe(f.Topic)
		c.session.Reply(&framing.Frame{Kind: framing.KindAck, Sequence: f.Sequence, Topic: f.Topic})
	case framing.KindAck:
		return c.acknowledged(f)
	case framing.KindPing:
		c.session.Reply(&framing.Frame{Kind: framing.KindPong, Sequence: f.Sequence, Time: f.Time})
	case framing.KindPong:
	case framing.KindBye:
		return io.EOF
	default:
		return fmt.Errorf("%w: a client sends no %v here", framing.ErrInvalid, f.Kind)
	}
	return nil
}

// acknowledged obeys an ack: of a stored event, or of a request whose reply
// is not waited for any more.
func (c *conn) acknowledged(f *framing.Frame) error {
	if f.Flags&framing.FlagOffset == 0 && f.Origin == c.session.Origin() {
		c.session.Forget(f.Sequence)
		return nil
	}
	return c.session.Ack(f.Topic, f.Offset)
}

// emitRun publishes events of one topic.
func (c *conn) emitRun(run *framing.Run) {
	if c.gate.MayEmit(run.Topic) {
		c.session.PublishRun(run, !c.reader.Buffered())
		return
	}
	c.session.RefuseRun(run, queue.FateUnauthorized, framing.CodeUnauthorized)
}

// emit publishes an event. A client speaks for its own origin only.
func (c *conn) emit(f *framing.Frame) error {
	if f.Sequence == 0 {
		return fmt.Errorf("%w: event without a sequence", framing.ErrInvalid) // no error could name it
	}
	if queue.AsksFates(f) {
		c.session.TellFates(f, c.gate.Owner(), min(pageBytes, c.server.config.FrameLimit/4))
		return nil
	}
	if f.Origin == c.session.Origin() {
		if f.Flags&framing.FlagRequest != 0 && string(f.Topic) == TopicsTopic {
			return c.tellTopics(f)
		}
		if f.Flags&framing.FlagReply == 0 && !c.gate.MayEmit(f.Topic) { // who was asked may reply
			return c.refuseEmit(f)
		}
		return c.session.Publish(f)
	}
	c.server.meter.DropForged(f)
	c.session.Reply(&framing.Frame{
		Kind: framing.KindError, Code: framing.CodeUnauthorized, Origin: f.Origin, Sequence: f.Sequence,
		Topic: f.Topic, Payload: []byte("the origin is not this client's"),
	})
	return nil
}

func (c *conn) subscribe(f *framing.Frame) error {
	if f.Sequence == 0 {
		return fmt.Errorf("%w: request without a number", framing.ErrInvalid)
	}
	resume, err := framing.ParseSubscribe(f.Payload)
	if err != nil {
		return err
	}
	if err := c.listen(f, resume); err != nil {
		c.session.Reply(&framing.Frame{
			Kind: framing.KindError, Code: refusal(err), Sequence: f.Sequence, Topic: f.Topic, Payload: []byte(err.Error()),
		})
	}
	return nil
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

// write is the goroutine that sends what waits, until nothing does. When the
// session has ended it is the last, and says so.
func (c *conn) write() {
	var chunk queue.Chunk
	for c.session.Take(&chunk) {
		if !c.send(&chunk) {
			close(c.written)
			return
		}
	}
	if chunk.Over {
		c.sayLast()
		close(c.written)
	}
}

// send writes a chunk. When the connection breaks, so does the session, and
// nobody takes from it any more.
func (c *conn) send(chunk *queue.Chunk) bool {
	written := 0
	for _, part := range chunk.Unsent() {
		if len(part) == 0 {
			continue
		}
		n, err := c.net.Write(part)
		written += n
		c.server.sent.Add(uint64(n))
		if err != nil {
			c.session.End(framing.CodeInternal, "connection broke")
			c.session.Lost(chunk, written)
			c.cut()
			return false
		}
	}
	c.session.Sent(chunk)
	return true
}

// sayLast sends the frame that ends the conversation. A client that has gone
// needs no more time.
func (c *conn) sayLast() {
	last := c.session.Last()
	w := framing.NewWriter(c.net)
	if w.Write(&last) == nil {
		w.Flush() // the client may be gone already
	}
	if last.Code == framing.CodeOK {
		c.net.Close()
	}
}
