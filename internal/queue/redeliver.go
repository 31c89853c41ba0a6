package queue

import (
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
)

// An event that has to be delivered at least once waits for its
// acknowledgement. Acks come in order, so only the oldest can be overdue: it
// is sent again when nothing was acknowledged for a while, and again, until it
// is acknowledged or has been delivered as often as it may be.

// overdue is what a subscription remembers of its oldest event. It is guarded
// by topic.mu.
type overdue struct {
	since      time.Time   // the last acknowledgement, or the first event on the way
	timer      clock.Timer // nil until one is needed
	armed      bool
	head       uint64 // the event that deliveries is of
	deliveries int
	id         identity // of head, once it was sent again
	held       bool     // it would lag, but its window is full
}

// tried is how often a named client has been sent the event that its cursor
// stands at.
type tried struct {
	head       uint64
	deliveries int
}

// sent notes that the events from offset before on are on their way.
func (u *subscription) sent(before uint64) {
	switch {
	case u.next == before:
	case u.delivery == framing.AtMostOnce && u.session.name != "":
		u.topic.setCursor(u.session.name, u.next) // one that cannot be kept makes events come again after a restart
	case u.delivery == framing.AtLeastOnce:
		if u.window >= before {
			u.since = u.topic.q.clock.Now()
		}
		u.arm(u.redeliver)
	}
}

func (u *subscription) arm(d time.Duration) {
	switch {
	case u.armed:
		return
	case u.timer == nil:
		u.timer = u.topic.q.clock.AfterFunc(d, u.check)
	default:
		u.timer.Reset(d)
	}
	u.armed = true
}

// progress notes that something was acknowledged.
func (u *subscription) progress() {
	if u.delivery != framing.AtLeastOnce {
		return
	}
	u.since = u.topic.q.clock.Now()
	if u.held {
		u.held = false
		u.session.out.lag(u)
	}
}

// free returns how many more events may be on the way, at most n.
func (u *subscription) free(n int) int {
	if u.terms.window == 0 {
		return n
	}
	return max(0, min(n, u.terms.window-int(u.next-u.window)))
}

// check sends the oldest event again if it is overdue.
func (u *subscription) check() {
	offset, due := u.due()
	if !due {
		return
	}
	var found framing.Frame
	err := u.topic.q.store.Read(u.topic.name, offset, func(at uint64, frame []byte) bool {
		if f, _, err := framing.Parse(frame, len(frame)); err == nil && at == offset {
			found = f.Clone()
		}
		return false
	})
	if err != nil {
		u.session.End(framing.CodeInternal, "the log cannot be read")
		return
	}
	u.again(offset, &found)
}

// due returns the oldest event if it is overdue and may be delivered again.
// One that may not is given up.
func (u *subscription) due() (offset uint64, due bool) {
	u.topic.mu.Lock()
	defer u.topic.mu.Unlock()
	u.armed = false
	if u.gone || u.window >= u.next {
		return 0, false
	}
	now := u.topic.q.clock.Now()
	if left := u.redeliver - now.Sub(u.since); left > 0 {
		u.arm(left)
		return 0, false
	}
	u.since = now
	u.arm(u.redeliver)
	if u.timesDelivered() == u.maxDeliveries {
		u.giveUpHead()
		return 0, false
	}
	return u.window, true
}

// timesDelivered returns how often the oldest event has been on its way.
func (u *subscription) timesDelivered() int {
	if u.head != u.window {
		u.head, u.deliveries, u.id = u.window, 1, identity{}
	}
	return u.deliveries
}

// again puts f, the event at an offset, on its way once more. If it is not in
// the log any more, it has expired. Who has a lot unread is spared.
func (u *subscription) again(offset uint64, f *framing.Frame) {
	u.topic.mu.Lock()
	defer u.topic.mu.Unlock()
	switch {
	case u.gone || u.window != offset:
	case f.Kind == 0:
		first, _ := u.topic.q.store.Bounds(u.topic.name)
		u.forget(min(first, u.next), framing.CodeLimit)
	default:
		f.Flags, f.Offset = u.flags(offset)|framing.FlagRedelivered, offset
		if room, err := u.session.out.putControl(f); room && err == nil {
			u.deliveries++
			u.id = identity{f.Origin, f.Sequence}
			u.session.meter.redeliver(f, u.session.origin)
		}
	}
}

// giveUpHead lets go of the oldest event, which has been delivered as often
// as it may be: the subscriber is told, and goes on behind it.
func (u *subscription) giveUpHead() {
	u.session.meter.giveUp(&framing.Frame{Origin: u.id.origin, Sequence: u.id.sequence}, u.session.origin)
	u.forget(u.window+1, framing.CodeTimeout)
}

// forget goes on at an offset, and tells the subscriber that what was to be
// acknowledged before it will not come again, nor be waited for.
func (u *subscription) forget(to uint64, why framing.Code) {
	if to <= u.window {
		return
	}
	u.session.tellLost(u.topic.name, u.window, to, why)
	u.window, u.acked = to, max(u.acked, to)
	u.next = max(u.next, to)
	if u.session.name != "" && to > u.topic.cursors[u.session.name] {
		u.topic.setCursor(u.session.name, to) // one that cannot be kept makes events come again after a restart
	}
	u.progress()
}

// tellLost tells a subscriber which offsets of a topic will not come, or not
// again: with CodeLimit they have expired, with CodeTimeout they were given up.
func (s *Session) tellLost(topic string, from, to uint64, why framing.Code) {
	s.Reply(&framing.Frame{
		Kind: framing.KindNack, Flags: framing.FlagOffset, Code: why, Offset: to - 1,
		Topic: []byte(topic), Payload: appendRange(nil, from, to),
	})
}

// rest ends the waiting of a subscription that is gone, and keeps for the
// client's return how often it was sent what it has not acknowledged.
func (u *subscription) rest() {
	if u.timer != nil {
		u.timer.Stop()
	}
	if u.delivery != framing.AtLeastOnce || u.session.name == "" || u.maxDeliveries == 0 {
		return
	}
	t := u.topic
	delete(t.tried, u.session.name)
	if u.window >= u.next {
		return
	}
	if n := u.timesDelivered(); n < u.maxDeliveries {
		if t.tried == nil {
			t.tried = make(map[string]tried)
		}
		t.tried[u.session.name] = tried{u.window, n}
		return
	}
	u.giveUpHead()
}

// retry goes on counting where a former session of the client has ended.
func (u *subscription) retry() {
	if before, ok := u.topic.tried[u.session.name]; ok && before.head == u.next {
		u.head, u.deliveries = before.head, before.deliveries+1
	}
}
