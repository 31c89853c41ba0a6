package edge

import (
	"context"
	"fmt"
	"os"
	"time"

	"rawlab/internal/clock"
)

// WithTimeout is context.WithTimeoutCause on a clock of ours: once d has
// passed, the context is done and its cause says that what took too long.
// The cause is an [os.ErrDeadlineExceeded]. A d of zero or less does not limit.
func WithTimeout(ctx context.Context, c clock.Clock, d time.Duration, what string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if d <= 0 {
		return ctx, func() { cancel(nil) }
	}
	timer := c.AfterFunc(d, func() { cancel(fmt.Errorf("%s took longer than %v: %w", what, d, os.ErrDeadlineExceeded)) })
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}
