package udpq

import "time"

// arm sets the timer, unless it passes before that anyway. The caller holds mu.
func (l *link) arm(now time.Time) {
	wake := l.pace.later(now, l.machine.wake(now), l.changed != nil)
	if l.err != nil || wake.IsZero() || !l.wake.IsZero() && !wake.Before(l.wake) {
		return
	}
	l.wake = wake
	if l.timer == nil {
		l.timer = l.clock.AfterFunc(wake.Sub(now), l.tick)
		return
	}
	l.timer.Reset(wake.Sub(now))
}

// tick is what the timer does.
func (l *link) tick() {
	if !l.begin() {
		return
	}
	err := l.pass()
	l.tellLarge()
	if err == nil && l.due() {
		err = l.take(l.clock.Now())
		l.answer()
	}
	if err != nil && l.onFail != nil {
		l.onFail(err)
	}
	l.ticks.Done()
}

// begin reports whether the link has not ended. If so, a tick has begun.
func (l *link) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.ticks.Add(1)
	}
	return l.err == nil
}

// wait waits until the timer of a link that has ended does nothing more.
func (l *link) wait() { l.ticks.Wait() }

// pass acts on the time. An error says that the link gives up now.
func (l *link) pass() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil
	}
	now := l.clock.Now()
	l.wake = time.Time{}
	if err := l.machine.tick(now); err != nil {
		l.end(err)
		return err
	}
	l.pump(now)
	l.tellIfReady(now)
	return nil
}
