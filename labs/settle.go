package labs

import (
	"context"
	"fmt"
	"time"

	"rawlab/udpq"
)

// look is how often a run that should be over is looked at.
const look = 20 * time.Millisecond

// standing is what moves while a run is not over.
type standing struct {
	read, delivered int
	packets, held   [2]int
	waiting         [2]int // bytes in the sockets of the server and of the subscribers
	open            int    // datagrams that a rung may send again
}

// settledLooks is how many looks in a row find that nothing moves before
// nothing will.
const settledLooks = 3

// quiet reports whether nothing is under way on the wire, nothing waits in a
// socket or to be sent again, and nobody has read anything for some looks.
func (s *standing) quiet(still int) bool {
	return still >= settledLooks && s.held == [2]int{} && s.waiting == [2]int{} && s.open == 0
}

// settle waits until every event is where it will stay. Where everything is
// delivered that is when so many are; else when all is quiet.
func (x *transfer) settle(ctx context.Context, delivered int) error {
	return x.until(ctx, func(now standing, still int) bool {
		if !x.transport.complete {
			return now.quiet(still)
		}
		return now.delivered >= delivered || x.broken() && still > 10
	})
}

// broken reports whether a conversation ended before its time: which end is
// the first to give it up depends on who waits for an acknowledgement.
func (x *transfer) broken() bool {
	if !x.transport.rung || x.input.Broken {
		return x.input.Broken
	}
	x.input.Broken = x.server != nil && x.server.stats().Sessions < len(x.clients())
	for _, c := range x.clients() {
		u, ok := (*c).(*udpq.Client)
		x.input.Broken = x.input.Broken || ok && u.Stats().Over
	}
	return x.input.Broken
}

// rest waits until a rung has nothing left to send again, so that what each
// end counts is what there was on the wire.
func (x *transfer) rest(ctx context.Context) error {
	if !x.transport.rung || x.input.Broken || x.stalled != "" {
		return nil
	}
	return x.until(ctx, func(now standing, still int) bool { return now.quiet(still) || x.broken() })
}

// until waits for a condition, which is told how many looks found that
// nothing had moved. A run in which nothing moves for long has stalled.
func (x *transfer) until(ctx context.Context, over func(now standing, still int) bool) error {
	last, still, moved := standing{}, 0, x.clock.Now()
	for {
		now, err := x.stand()
		if err != nil {
			return err
		}
		x.options.progress(x.title(), now.delivered)
		if now != last {
			last, still, moved = now, 0, x.clock.Now()
		} else {
			still++
		}
		if over(now, still) {
			return nil
		}
		if x.clock.Now().Sub(moved) > settleWithin {
			x.stalled = fmt.Sprintf("%d of %d events were delivered, then nothing moved for %v", now.delivered, x.options.Events, settleWithin)
			x.input.Broken = true
			return nil
		}
		if err := x.wait(ctx, max(look, 2*x.options.ReaderDelay)); err != nil {
			return err
		}
	}
}

func (x *transfer) stand() (standing, error) {
	x.looked = x.clock.Now()
	s := standing{read: x.trace.read(), delivered: x.delivered()}
	w, err := x.network.Wire()
	if err != nil {
		return s, err
	}
	for i := range w {
		s.packets[i], s.held[i] = w[i].Packets, w[i].Held
	}
	if x.transport.stream || x.server == nil {
		return s, nil
	}
	if u, ok := x.emitter.(*udpq.Client); ok {
		s.open = u.Stats().Unacknowledged
	}
	s.open += x.server.stats().Links.Unacknowledged
	sockets := []any{x.server.socket}
	if x.socket != nil {
		sockets = append(sockets, x.socket)
	}
	if x.clientele != nil {
		s.open += x.clientele.open()
		sockets = append(sockets, x.clientele.sockets()...)
	}
	for i, socket := range sockets {
		m, err := x.network.Memory(socket)
		if err != nil {
			return s, err
		}
		s.waiting[min(i, 1)] += m.Waiting
	}
	return s, nil
}

// drainWire waits until the wire holds no packet and none has come for some
// looks, so that the recording has the ends of the connections too.
func (x *transfer) drainWire(ctx context.Context) error {
	err := x.until(ctx, func(now standing, still int) bool {
		return still >= settledLooks && now.held == [2]int{}
	})
	x.input.End = x.looked // all that came before had left when the wire was asked
	return err
}
