package labs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/host"
)

// state is what both hosts say of a connection at a time; empty: nothing.
type state struct {
	at    time.Duration // since the watch began
	sides [2]string     // by side, in the words of RFC 9293
}

// watchEvery is how often a connection's states are looked at.
const watchEvery = 4 * time.Millisecond

// watch looks at the one connection that is opened while it lasts.
type watch struct {
	b      *bench
	start  time.Time
	before map[uint16]bool // client ports of earlier connections
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	states []state
	err    error
}

func (b *bench) watch(ctx context.Context) (*watch, error) {
	w := &watch{b: b, start: b.clock.Now(), before: map[uint16]bool{}}
	for side := range b.hosts {
		list, err := b.hosts[side].Sockets()
		if err != nil {
			return nil, err
		}
		for i := range list {
			w.before[clientPort(side, &list[i])] = true
		}
	}
	ctx, w.cancel = context.WithCancel(ctx)
	w.wg.Go(func() {
		for w.look() && b.wait(ctx, watchEvery) == nil {
		}
	})
	return w, nil
}

// clientPort is the client's port of a connection that a host lists.
func clientPort(side int, s *host.Socket) uint16 {
	if side == account.Client {
		return s.Local.Port()
	}
	return s.Remote.Port() // 0 of a listener
}

// look notes what has changed.
func (w *watch) look() bool {
	now := state{at: w.b.clock.Now().Sub(w.start)}
	for side := range w.b.hosts {
		list, err := w.b.hosts[side].Sockets()
		if err != nil {
			w.mu.Lock()
			w.err = err
			w.mu.Unlock()
			return false
		}
		for i := range list {
			if p := clientPort(side, &list[i]); p != 0 && !w.before[p] {
				now.sides[side] = list[i].State
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.states); n == 0 || w.states[n-1].sides != now.sides {
		w.states = append(w.states, now)
	}
	return true
}

// until waits until a side's socket is in a state; "" is gone.
func (w *watch) until(ctx context.Context, side int, want string) error {
	for began := w.b.clock.Now(); ; {
		w.mu.Lock()
		now, err := "", w.err
		if n := len(w.states); n > 0 {
			now = w.states[n-1].sides[side]
		}
		w.mu.Unlock()
		switch {
		case err != nil || now == want:
			return err
		case w.b.clock.Now().Sub(began) > patience:
			return fmt.Errorf("the %s's socket is %q, and did not become %q in %v", [2]string{"client", "server"}[side], now, want, patience)
		}
		if err := w.b.wait(ctx, watchEvery); err != nil {
			return err
		}
	}
}

// stop ends the watch with a last look.
func (w *watch) stop() {
	w.cancel()
	w.wg.Wait()
}

// life ends the watch and returns what it saw.
func (w *watch) life() life {
	w.stop()
	w.look()
	l := life{states: w.states}
	for side, s := range w.states[len(w.states)-1].sides {
		l.remembers[side] = s == "TIME-WAIT"
	}
	return l
}
