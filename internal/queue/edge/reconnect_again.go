package edge

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"rawlab/framing"
)

// again connects again after err, nil when there is no use in it any more.
func (r *Reconnecting) again(err error) Connection {
	clock := r.config.Clock
	since := clock.Now()
	jitter := rand.New(rand.NewPCG(r.origin, uint64(since.UnixNano())))
	for wait := r.config.MinBackoff; ; wait = min(2*wait, r.config.MaxBackoff) {
		if r.isOver(err, clock.Now().Sub(since)) {
			r.end(err)
			return nil
		}
		pause := wait/2 + time.Duration(jitter.Int64N(int64(wait/2)+1)) // so that not all clients of a server come at once
		if r.config.OnDisconnect != nil {
			r.config.OnDisconnect(err, pause)
		}
		if !r.sleep(pause) {
			r.end(ErrClosed)
			return nil
		}
		var client Connection
		if client, err = r.resume(); err == nil {
			r.use(client)
			if r.config.OnReconnect != nil {
				r.config.OnReconnect(clock.Now().Sub(since))
			}
			return client
		}
	}
}

// isOver reports whether it is no use to connect again: the server would say
// the same again, or enough has been tried.
func (r *Reconnecting) isOver(err error, outage time.Duration) bool {
	var code framing.Code
	closed, wasClosed := errors.AsType[*ClosedError](err)
	refused, wasRefused := errors.AsType[*RefusedError](err)
	switch {
	case r.ctx.Err() != nil || errors.Is(err, ErrClosed):
		return true
	case r.config.GiveUpAfter > 0 && outage >= r.config.GiveUpAfter:
		return true
	case wasClosed:
		code = closed.Code
		if code == framing.CodeLimit {
			return true // its name was taken over, or it does what is limited
		}
	case wasRefused:
		code = refused.Code
	}
	return code == framing.CodeVersion || code == framing.CodeInvalid || code == framing.CodeTooLarge || code == framing.CodeUnauthorized
}

func (r *Reconnecting) sleep(d time.Duration) bool {
	t := r.config.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return true
	case <-r.ctx.Done():
		return false
	}
}

// resume makes a connection on which all is as it was on the last.
func (r *Reconnecting) resume() (Connection, error) {
	ctx, cancel := WithTimeout(r.ctx, r.config.Clock, r.config.ResumeTimeout, "subscribing again")
	defer cancel()
	client, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	epoch := r.epoch
	if r.epoch = client.Epoch(); r.epoch != epoch {
		clear(r.next) // the offsets of another log
		r.forgetFinished()
	}
	for _, s := range r.wanted() {
		if err = r.subscribeAgain(ctx, client, s, epoch); err != nil {
			client.Fail(err)
			client.Wait()
			return nil, err
		}
	}
	r.ackAgain(client)
	return client, nil
}

func (r *Reconnecting) wanted() []wanted {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]wanted(nil), r.subs...)
}

// subscribeAgain subscribes from behind the last event received.
func (r *Reconnecting) subscribeAgain(ctx context.Context, client Connection, s wanted, epoch uint64) error {
	s.wish.Epoch, s.wish.Offset = epoch, 0
	if epoch == r.epoch {
		s.wish.Offset = max(r.next[s.topic], s.from)
	}
	receipt, err := client.SubscribeFrom(ctx, s.topic, s.wish)
	if err == nil && r.config.OnReceipt != nil {
		r.config.OnReceipt(s.topic, receipt)
	}
	return err
}
