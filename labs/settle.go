package labs

import (
	"context"
	"fmt"
	"time"
)

// look is how often a run that should be over is looked at.
const look = 20 * time.Millisecond

// standing is what moves while a run is not over.
type standing struct {
	read, delivered int
	packets, held   [2]int
	waiting         [2]int // bytes in the sockets of the server and of the subscriber
}

// settle waits until every event is where it will stay. With TCP that is when
// so many are delivered; with UDP when nothing is under way on the wire,
// nothing waits in a socket, and nobody has read anything for some looks.
func (x *transfer) settle(ctx context.Context, delivered int) error {
	return x.until(ctx, func(now standing, still int) bool {
		if x.transport.stream {
			return now.delivered >= delivered || x.input.Broken && still > 10
		}
		const looks = 3
		return still >= looks && now.held == [2]int{} && now.waiting == [2]int{}
	})
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
	sockets := []any{x.server.socket}
	if x.socket != nil {
		sockets = append(sockets, x.socket)
	}
	for i, socket := range sockets {
		m, err := x.network.Memory(socket)
		if err != nil {
			return s, err
		}
		s.waiting[i] = m.Waiting
	}
	return s, nil
}

// drainWire waits until the wire holds no packet and none has come for some
// looks, so that the recording has the ends of the connections too.
func (x *transfer) drainWire(ctx context.Context) error {
	err := x.until(ctx, func(now standing, still int) bool {
		const looks = 3
		return still >= looks && now.held == [2]int{}
	})
	x.input.End = x.looked // all that came before had left when the wire was asked
	return err
}
