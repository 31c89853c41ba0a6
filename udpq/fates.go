package udpq

import (
	"context"
	"errors"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/fates"
)

// fatesBytes bounds an answer about fates, so that it fits a datagram that no
// Ethernet has to fragment.
const fatesBytes = 1200

// Errors of Report.
var (
	ErrNoReport    = errors.New("the client was not made for reports: set Report in its configuration")
	ErrNoReporting = errors.New("the server is too old to report fates")
)

// Report tells what became of each event emitted so far, as far as both ends
// know: see package fates. On a rung that resends it first waits until nothing
// of what was emitted is open, or ctx is done: what is open then is told as on
// the way. What is lost between the ends is told as such, whether the wire or
// the server's receive buffer lost it.
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

// openEvents returns the frames that are sent until they are acknowledged, and
// are not.
func (c *Client) openEvents() [][]byte {
	if c.link == nil {
		return nil
	}
	return c.link.open_()
}

// beginReport has the server begin, if a report is wanted.
func (c *Client) beginReport(ctx context.Context) error {
	if !c.config.Report {
		return nil
	}
	c.fates = fates.NewEmitter(c.origin)
	return c.fates.Start(ctx, c.askFates, func() []fates.SentTopic { return nil })
}

func (c *Client) askFates(ctx context.Context, query []byte) ([]byte, error) {
	question := queue.NewFatesQuestion(query)
	answer, err := c.ask(ctx, &question)
	return answer.Payload, err
}

// tellFates answers a question about fates. Those of a rung are asked behind
// what was taken in before them.
func (p *peer) tellFates(f *framing.Frame) {
	p.session.TellFates(f, p.gate.Owner(), fatesBytes)
}
