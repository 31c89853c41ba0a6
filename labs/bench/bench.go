package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Measure measures what config says. When ctx ends, it stops emitting and returns
// what was measured until then. A wrong option is a [*ConfigError].
func Measure(ctx context.Context, config *Config) (*Result, error) {
	c := config.orDefault()
	if err := c.validate(); err != nil {
		return nil, err
	}
	r := &Result{Machine: thisMachine(), Size: c.Size, Parallel: c.Parallel}
	for _, rate := range c.Rates {
		runs, err := c.compare(ctx, rate)
		if err != nil {
			return nil, err
		}
		r.Runs = append(r.Runs, runs...)
	}
	r.Interrupted = ctx.Err() != nil
	return r, nil
}

// compare measures all transports at one rate, their rounds taking turns.
func (c *Config) compare(ctx context.Context, rate float64) (runs []Run, err error) {
	var sessions []*session
	defer func() {
		for _, s := range sessions {
			err = errors.Join(err, s.close())
		}
	}()
	for _, transport := range c.Transports {
		if ctx.Err() != nil {
			return nil, nil // there is nothing of this rate to tell
		}
		c.Progress(Progress{Transport: transport, Rate: rate, Rounds: c.Rounds})
		s, err := openSession(ctx, c, transport, rate)
		if err != nil && ctx.Err() != nil {
			return nil, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", transport, err)
		}
		sessions = append(sessions, s)
	}
	if err := c.takeTurns(ctx, sessions); err != nil {
		return nil, err
	}
	for _, s := range sessions {
		run, err := s.result()
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// takeTurns runs the rounds; who begins takes turns too.
func (c *Config) takeTurns(ctx context.Context, sessions []*session) error {
	for i := range c.Rounds {
		for j := range sessions {
			s := sessions[(i+j)%len(sessions)]
			if ctx.Err() != nil {
				return nil
			}
			c.Progress(Progress{Transport: s.transport, Rate: s.rate, Round: i + 1, Rounds: c.Rounds})
			r, err := s.run(ctx, c.share(i))
			if err != nil {
				return err
			}
			s.sum.rounds = append(s.sum.rounds, r)
		}
	}
	return nil
}

// share is what is emitted in a round; rounds differ by one event at most.
func (c *Config) share(i int) plan {
	if c.Events == 0 {
		return plan{duration: c.Duration / time.Duration(c.Rounds)}
	}
	upTo := func(i int) int { return c.Events * i / c.Rounds }
	return plan{events: upTo(i+1) - upTo(i)}
}
