package edge

import (
	"context"

	"rawlab/internal/queue/fates"
)

// Report tells what became of each event emitted so far, as far as both ends
// know: see package fates. What a server has received that has begun to note
// it only since is unknown, unless it is emitted once more.
func (r *Reconnecting) Report(ctx context.Context) (*fates.Report, error) {
	if r.fates == nil {
		return nil, fates.ErrNotAsked
	}
	c, err := r.connected(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	sent := r.numbering.Sent()
	var waits []fates.Span
	for _, e := range r.pending.events {
		waits = append(waits, fates.Span{From: e.sequence, To: e.sequence + 1})
	}
	r.mu.Unlock()
	return r.fates.Report(ctx, c.AskFates, sent, waits)
}

// beginReport has the server of a new connection begin or go on.
func (r *Reconnecting) beginReport(ctx context.Context, c Connection) error {
	if r.fates == nil {
		return nil
	}
	return r.fates.Start(ctx, c.AskFates, func() []fates.SentTopic {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.numbering.Sent()
	})
}
