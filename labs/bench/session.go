package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rawlab/framing"
)

// client is what both transports' clients are to a benchmark.
type client interface {
	EmitAt(t time.Time, topic string, payload []byte) (uint64, error)
	Subscribe(ctx context.Context, topic string) (framing.Receipt, error)
	Flush(ctx context.Context) error
	Close() error
}

// session is one transport at one rate: a server process and the pairs.
type session struct {
	config    *Config
	transport string
	rate      float64
	clock     anchored
	server    *child
	pairs     []*pair
	base      report // of the server when measuring began
	sum       sums
}

// pair is one emitter and the subscriber to it.
type pair struct {
	topic             string
	emitter, listener client
	recorder          *recorder
	emitted           uint64 // since the start
	measured, refused uint64 // of them, since measuring began
}

func topic(i int) string { return fmt.Sprintf("bench/%d", i) }

// openSession starts a server process, connects every pair to it and warms up.
func openSession(ctx context.Context, config *Config, transport string, rate float64) (*session, error) {
	cmd, err := config.Server(transport)
	if err != nil {
		return nil, err
	}
	s := &session{config: config, transport: transport, rate: rate, clock: anchored{time.Now()}, sum: newSums()}
	if s.server, err = startChild(cmd); err != nil {
		return nil, err
	}
	if err := s.connect(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := s.warmUp(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *session) connect(ctx context.Context) error {
	for i := range s.config.Parallel {
		p := &pair{topic: topic(i), recorder: newRecorder(s.clock)}
		var err error
		if p.listener, err = s.dial(ctx, p.recorder.deliver); err != nil {
			return err
		}
		s.pairs = append(s.pairs, p)
		if _, err = p.listener.Subscribe(ctx, p.topic); err != nil {
			return err
		}
		if p.emitter, err = s.dial(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// warmUp runs a round that is forgotten, and starts the count.
func (s *session) warmUp(ctx context.Context) error {
	if s.config.Omit > 0 {
		if _, err := s.run(ctx, plan{duration: s.config.Omit}); err != nil {
			return err
		}
	}
	s.sum = newSums()
	came := uint64(0)
	for _, p := range s.pairs {
		t, _ := p.recorder.state()
		came += t.delivered + t.duplicates
		p.recorder.restart(p.emitted + 1)
		p.measured, p.refused = 0, 0
	}
	return s.takeBase(came)
}

// takeBase takes the server's counts once all that has happened is among them:
// as many events were sent as have come, and nothing changes any more.
func (s *session) takeBase(came uint64) error {
	for n := range recounts {
		now, err := s.server.report()
		if err != nil {
			return err
		}
		still := n > 0 && now.Received == s.base.Received && now.Forwarded == s.base.Forwarded
		if s.base = now; still && now.Forwarded >= came {
			break
		}
		time.Sleep(recountTime)
	}
	return nil
}

// close says goodbye to the server and ends its process.
func (s *session) close() error {
	var errs []error
	for _, p := range s.pairs {
		if p.emitter != nil {
			errs = append(errs, p.emitter.Close())
		}
		errs = append(errs, p.listener.Close())
	}
	return errors.Join(append(errs, s.server.stop())...)
}
