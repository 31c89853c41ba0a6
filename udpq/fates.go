package udpq

import (
	"context"
	"errors"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/fates"
)

// fatesBytes bounds an answer about fates, so that it fits a datagram that no
// Ethernet has to fragment.
const fatesBytes = 1200

// Errors of Report.
var (
	ErrNoReport    = fates.ErrNotAsked
	ErrNoReporting = fates.ErrTooOld
)

// Report tells what became of each event emitted so far, as far as both ends
// know: see package fates. On a rung, what may still come is told as on the way:
// what is not acknowledged, what is kept to be sent again if it is asked for, or
// what parity may still repair. Flush waits until nothing is, or with
// ReliabilityFEC has all leave: then it is settled in less than 0.2 s. What is lost between
// the ends is told as such, be it by the wire or at the server's receive
// buffer; those that wait at the server may still change their fate.
func (c *Client) Report(ctx context.Context) (*fates.Report, error) {
	if c.fates == nil {
		return nil, ErrNoReport
	}
	if err := c.flushNow(); err != nil && c.isOver() {
		return nil, err
	} // else those events are told as refused
	c.mu.Lock()
	sent := c.numbering.Sent()
	open := fates.Spans(c.openEvents())
	c.mu.Unlock()
	return c.fates.Report(ctx, c.askFates, sent, open)
}

// openEvents returns the frames of which it is not known whether they come.
func (c *Client) openEvents() [][]byte {
	if c.link == nil {
		return nil
	}
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if m, is := c.link.machine.(reporting); is {
		return m.underway(c.config.Clock.Now())
	}
	return nil
}

// notSent notes events that the kernel did not take.
func (c *Client) notSent(frames []byte) {
	if c.fates != nil {
		c.fates.Refuse(frames)
	}
}

// beginReport has the server begin, if a report is wanted.
func (c *Client) beginReport(ctx context.Context) error {
	if c.config.hooks != nil {
		c.fates = c.config.hooks.Fates
		return nil // who made this client begins
	}
	if !c.config.Report {
		return nil
	}
	c.fates = fates.NewEmitter(c.origin)
	return c.fates.Start(ctx, c.askFates, func() []fates.SentTopic { return nil })
}

// reports reports whether what became of events will be asked for.
func (c *ClientConfig) reports() bool { return c.Report || c.hooks != nil && c.hooks.Fates != nil }

func (c *Client) askFates(ctx context.Context, query []byte) ([]byte, error) {
	question := queue.NewFatesQuestion(query)
	answer, err := c.ask(ctx, &question)
	if refused, ok := errors.AsType[*RefusedError](err); ok && refused.Code == framing.CodeUnauthorized && refused.Words != fates.ErrOwner.Error() {
		return nil, ErrNoReporting // it took the question for an event of another origin
	}
	return answer.Payload, err
}

// invalid counts a frame from the peer's address that was none.
func (p *peer) invalid() {
	p.group.invalid()
	if book := p.group.server.queue.Fates(); book.Active() {
		now := p.group.server.config.Clock.Now()
		book.Place(p.session.Origin(), queue.FateFrameInvalid, 1, now, now)
	}
}

// buffer is what is known of a socket's receive buffer. The times are kept
// while somebody wants reports.
type buffer struct {
	overflowed uint64    // as far as the server has been told
	taken      time.Time // when the last batch was
	empty      time.Time // no datagram of the last batch was in the buffer before
}

// overflow notes what the kernel has told with a batch: how many datagrams met
// a full receive buffer between two that came. The first of those two may have
// waited long, but not since before the buffer was seen to be empty.
func (g *group) overflow() {
	s, b, now := g.server, &g.buffer, time.Time{}
	book := s.queue.Fates()
	if book.Active() {
		now = s.config.Clock.Now()
	}
	if n := g.socket.overflowed(); n != b.overflowed {
		s.overflowed.Add(n - b.overflowed)
		book.Place(0, fates.ReceiveBuffer, n-b.overflowed, b.empty, now)
		b.overflowed = n
	}
	if g.socket.waited() {
		b.empty = b.taken
	}
	b.taken = now
}

// emitOutside obeys an emit that is in no datagram of the peer's rung: a
// question about fates, which is answered behind what was taken in before it.
func (p *peer) emitOutside(f *framing.Frame) {
	if !queue.AsksFates(f) {
		p.invalid()
		return
	}
	if b, err := f.Append(nil); err == nil {
		p.intake.ask(b) // refused, it is asked again
	}
}

func (p *peer) tellFates(f *framing.Frame) {
	p.session.TellFates(f, p.gate.Owner(), fatesBytes)
}
