package tcpq

import (
	"context"
	"errors"
	"slices"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/fates"
)

// Errors of Report.
var (
	ErrNoReport    = fates.ErrNotAsked
	ErrNoReporting = fates.ErrTooOld
)

// Report tells what became of each event emitted so far, as far as both ends
// know: see package fates. It waits until the server has answered for all of
// them; those that wait at the server when it is asked may still change their
// fate.
func (c *Client) Report(ctx context.Context) (*fates.Report, error) {
	if c.fates == nil {
		return nil, ErrNoReport
	}
	c.mu.Lock()
	sent, last := c.numbering.Sent(), slices.Clone(c.numbering.Last())
	err := c.awaitAcks(ctx, last)
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return c.fates.Report(ctx, c.askFates, sent, nil)
}

// beginReport has the server begin, if a report is wanted.
func (c *Client) beginReport(ctx context.Context) error {
	if !c.config.Report {
		return nil
	}
	c.fates = c.config.fates
	if c.fates != nil {
		return nil // who made this client begins
	}
	c.fates = fates.NewEmitter(c.origin)
	return c.fates.Start(ctx, c.askFates, func() []fates.SentTopic { return nil })
}

func (c *Client) askFates(ctx context.Context, query []byte) ([]byte, error) {
	question := queue.NewFatesQuestion(query)
	answer, err := c.ask(ctx, &question)
	if refused, ok := errors.AsType[*RefusedError](err); ok && refused.Code == framing.CodeUnauthorized && refused.Words != fates.ErrOwner.Error() {
		return nil, ErrNoReporting // it took the question for an event of another origin
	}
	return answer.Payload, err
}
