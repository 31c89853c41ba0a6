package labs

import (
	"context"
	"fmt"
	"sync"

	"rawlab/capture/account"
	"rawlab/labs/report"
)

// maxSamples bounds what a run remembers of its TCP connections (about 120
// bytes each).
const maxSamples = 1 << 20

// sampler looks at a run's TCP connections, at both hosts, again and again.
type sampler struct {
	x       *transfer
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	samples []report.TCPSample
	excess  int // beyond maxSamples
	err     error
}

// sample begins, if the user asked for it.
func (x *transfer) sample(ctx context.Context) *sampler {
	s := &sampler{x: x}
	ctx, s.cancel = context.WithCancel(ctx)
	if x.options.TCPInfo > 0 && x.transport.stream {
		s.wg.Go(func() { s.err = s.run(ctx) })
	}
	return s
}

// stop ends it with a last look. It may be called again.
func (s *sampler) stop() error {
	s.cancel()
	s.wg.Wait()
	return s.err
}

// run looks at multiples of the interval; those that it is too late for it
// leaves out.
func (s *sampler) run(ctx context.Context) error {
	interval, next := s.x.options.TCPInfo, s.x.clock.Now()
	for {
		if err := s.look(); err != nil {
			return fmt.Errorf("--tcp-info: %w", err)
		}
		now := s.x.clock.Now()
		next = next.Add(max(interval, (now.Sub(next)+interval-1)/interval*interval))
		if s.x.wait(ctx, next.Sub(now)) != nil {
			return s.look() // the connections are still there, and have their last numbers
		}
	}
}

func (s *sampler) look() error {
	names := [2]string{account.Client: "client", account.Server: "server"}
	for side, h := range s.x.hosts {
		connections, err := h.Connections()
		if err != nil {
			return err
		}
		now := s.x.clock.Now()
		for i := range connections {
			if len(s.samples) == maxSamples {
				s.excess++
				continue
			}
			s.samples = append(s.samples, report.TCPSample{Time: now, Host: names[side], Connection: connections[i]})
		}
	}
	return nil
}
