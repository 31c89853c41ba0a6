package edge

import (
	"context"
	"fmt"

	"rawlab/framing"
)

// AwaitReply waits for the reply to a request of that number, for which
// BeginAs has returned answer. Forget is called when the wait was in vain.
func (r *Requests) AwaitReply(ctx context.Context, number uint64, answer <-chan Answer, topic string, forget func()) (Event, error) {
	defer r.End(number)
	select {
	case a := <-answer:
		if a.Err != nil {
			return Event{}, a.Err
		}
		return NewEvent(&a.Frame), nil
	case <-ctx.Done():
		forget()
		return Event{}, fmt.Errorf("no reply from who listens to %s: %w", topic, context.Cause(ctx))
	}
}

// TakeReply hands a reply to who waits for it, as a client of that origin.
func (r *Requests) TakeReply(origin uint64, f *framing.Frame) error {
	body, err := framing.ParseReply(f.Payload)
	if err != nil {
		return fmt.Errorf("reply from the server: %w", err)
	}
	reply := f.Clone()
	reply.Payload = reply.Payload[len(f.Payload)-len(body.Payload):]
	if body.Origin == origin {
		r.Answer(body.Sequence, Answer{Frame: reply})
	}
	return nil
}
