package queue_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// reference is what the queue is held against: the same promises, kept by
// plain lists, for clients that read everything at once.
type reference struct {
	now       time.Time
	retention queue.Retention
	topics    map[string]*refTopic
	clients   []*refClient
	away      map[queue.Fate]uint64
}

type refTopic struct {
	name          string
	fixed, stored bool
	first, next   uint64 // of the log
	came          map[uint64]time.Time
	numbers       map[uint64]uint64 // offset → number of the event
	last          uint64            // number emitted last
	cursors       map[string]uint64
	tried         map[string][2]uint64 // head, deliveries
}

type refClient struct {
	name     string
	standing map[string]bool // patterns, of a named client
	s        *refSession     // nil while it is away
}

// refSession is a client's visit, and what it is owed for the last step.
type refSession struct {
	names                    []string                     // it listens to, topics and patterns
	wishes                   map[string]framing.Subscribe // of topics
	subs                     map[string]*refSub
	got                      map[string][]string // by topic
	receipts                 []string
	forwarded, expired, lost uint64
	redelivered, givenUp     uint64
}

// refSub is a place in a stored topic.
type refSub struct {
	wish          framing.Subscribe
	next, window  uint64
	replayTo      uint64
	held, lagging bool
	since         time.Time
	head, tries   uint64
	receipt       string
}

func (r *reference) trim(t *refTopic) {
	first := t.first
	for first < t.next && (t.next-first > uint64(r.retention.Count) || t.came[first].Before(r.now.Add(-r.retention.Age))) {
		first++
	}
	for _, c := range r.clients {
		sub := c.sub(t.name)
		cursor, known := t.cursors[c.name]
		switch {
		case sub != nil:
			c.s.expired += count(max(t.first, sub.next), first)
		case known && c.name != "":
			r.away[queue.FateExpired] += count(max(t.first, cursor), first)
		}
	}
	t.first = first
}

func count(from, to uint64) uint64 { return max(from, to) - from }

func (c *refClient) sub(topic string) *refSub {
	if c.s == nil {
		return nil
	}
	return c.s.subs[topic]
}

func (c *refClient) hears(topic string) bool {
	return c.s != nil && slices.ContainsFunc(c.s.names, func(name string) bool { return queue.Match(name, topic) })
}

// emit is one event for a topic, read by everybody at once.
func (r *reference) emit(t *refTopic) {
	if !t.stored && !t.fixed && r.namedPattern(t.name) {
		r.makeStored(t)
	}
	t.last++
	if !t.stored {
		for _, c := range r.clients {
			if c.hears(t.name) {
				c.s.got[t.name] = append(c.s.got[t.name], fmt.Sprint(t.last))
				c.s.forwarded++
			}
		}
		return
	}
	t.numbers[t.next], t.came[t.next] = t.last, r.now
	t.next++
	for _, c := range r.clients {
		if sub := c.sub(t.name); sub != nil && !sub.lagging {
			if sub.free() > 0 {
				r.send(t, c, sub)
			} else {
				sub.lagging, sub.held = true, true
			}
		}
	}
	r.trim(t)
}

func (r *reference) namedPattern(topic string) bool {
	return slices.ContainsFunc(r.clients, func(c *refClient) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(c.standing)), func(p string) bool { return queue.Match(p, topic) })
	})
}

func (s *refSub) atLeastOnce() bool { return s.wish.Delivery == framing.AtLeastOnce }

func (s *refSub) free() uint64 {
	if !s.atLeastOnce() {
		return 1 << 60
	}
	return count(s.next-s.window, uint64(s.wish.Window))
}

// send is the next event of a log, on its way.
func (r *reference) send(t *refTopic, c *refClient, sub *refSub) {
	mark := ""
	if sub.next < sub.replayTo {
		mark = " replayed"
	}
	c.s.got[t.name] = append(c.s.got[t.name], fmt.Sprint(t.numbers[sub.next], mark))
	c.s.forwarded++
	if sub.window >= sub.next {
		sub.since = r.now
	}
	sub.next++
	if sub.wish.Delivery == framing.AtMostOnce && c.name != "" {
		t.cursors[c.name] = sub.next
	}
}

// fill sends what the log has, as far as the window allows.
func (r *reference) fill(t *refTopic, c *refClient, sub *refSub) {
	if !sub.lagging || sub.held {
		return
	}
	if sub.next < t.first {
		c.s.tell(t.name, sub.next, t.first, framing.CodeLimit)
		sub.next, sub.window = t.first, max(sub.window, t.first)
	}
	for sub.next < t.next && sub.free() > 0 {
		r.send(t, c, sub)
	}
	sub.lagging = sub.next < t.next
	sub.held = sub.lagging
}

func (s *refSession) tell(topic string, from, to uint64, why framing.Code) {
	s.receipts = append(s.receipts, fmt.Sprintf("%s lost [%d, %d) %v", topic, from, to, why))
}

func (r *reference) makeStored(t *refTopic) {
	if t.stored || t.fixed {
		return
	}
	t.stored = true
	for _, c := range r.clients {
		patterns := slices.Collect(maps.Keys(c.standing))
		switch {
		case c.hears(t.name):
			c.s.subs[t.name] = &refSub{wish: c.s.wishes[t.name], next: t.next, window: t.next, receipt: "missed 0: 0 replayed, []"}
			if c.name != "" && slices.ContainsFunc(patterns, func(p string) bool { return queue.Match(p, t.name) }) {
				t.cursors[c.name] = t.next
			}
		case slices.ContainsFunc(patterns, func(p string) bool { return queue.Match(p, t.name) }):
			t.cursors[c.name] = t.next
		}
	}
}

// join is a session's place in a stored topic, if it has none yet.
func (r *reference) join(t *refTopic, c *refClient, wish framing.Subscribe) *refSub {
	if sub := c.s.subs[t.name]; sub != nil {
		return sub
	}
	r.trim(t)
	from := t.next
	if cursor, known := t.cursors[c.name]; known {
		from = min(cursor, t.next)
	} else if c.name != "" {
		t.cursors[c.name] = t.next
	}
	sub := &refSub{wish: wish, next: max(from, t.first), replayTo: t.next}
	sub.window = sub.next
	expired := "[]"
	if from < t.first {
		expired = fmt.Sprintf("[%d %d]", from, t.first)
	}
	sub.receipt = fmt.Sprintf("missed %d: %d replayed, %s", t.next-from, t.next-sub.next, expired)
	if tried, ok := t.tried[c.name]; ok && tried[0] == sub.next {
		sub.head, sub.tries = tried[0], tried[1]+1
	}
	sub.lagging = sub.next < t.next
	c.s.subs[t.name] = sub
	return sub
}

func (r *reference) subscribe(c *refClient, name string, wish framing.Subscribe) {
	if slices.Contains(c.s.names, name) {
		return
	}
	if queue.IsPattern(name) {
		r.subscribePattern(c, name)
		return
	}
	t := r.topics[name]
	if c.name != "" || wish.Delivery == framing.AtLeastOnce {
		r.makeStored(t)
	}
	c.s.names = append(c.s.names, name)
	c.s.wishes[name] = wish
	receipt := "missed 0: 0 replayed, []"
	if t.stored {
		r.trim(t)
		receipt = r.join(t, c, wish).receipt
	}
	c.s.receipts = append(c.s.receipts, name+" "+receipt)
}

func (r *reference) subscribePattern(c *refClient, pattern string) {
	var missed, replayed, expired uint64
	if c.name != "" {
		c.standing[pattern] = true
	}
	for _, name := range slices.Sorted(maps.Keys(r.topics)) {
		t := r.topics[name]
		if !queue.Match(pattern, name) {
			continue
		}
		if c.name != "" {
			r.makeStored(t)
		}
		if !t.stored || c.s.subs[name] != nil {
			continue
		}
		sub := r.join(t, c, framing.Subscribe{})
		var m, p uint64
		fmt.Sscanf(sub.receipt, "missed %d: %d replayed", &m, &p)
		if m > 0 {
			c.s.receipts = append(c.s.receipts, name+" "+sub.receipt)
		}
		missed, replayed, expired = missed+m, replayed+p, expired+m-p
	}
	c.s.names = append(c.s.names, pattern)
	ranges := "[]"
	if expired > 0 {
		ranges = fmt.Sprintf("[0 %d]", expired)
	}
	c.s.receipts = append(c.s.receipts, fmt.Sprintf("%s missed %d: %d replayed, %s", pattern, missed, replayed, ranges))
}

func (r *reference) unsubscribe(c *refClient, name string) {
	c.s.names = slices.DeleteFunc(c.s.names, func(n string) bool { return n == name })
	r.leave(c, func(topic string) bool { return !c.hears(topic) })
}

// leave ends the places in topics that which names.
func (r *reference) leave(c *refClient, which func(topic string) bool) {
	for name, sub := range c.s.subs {
		if !which(name) {
			continue
		}
		t := r.topics[name]
		if c.name == "" {
			c.s.lost += count(max(sub.next, t.first), t.next)
		} else if sub.atLeastOnce() && sub.wish.MaxDeliveries > 0 {
			r.keepTries(t, c, sub)
		}
		delete(c.s.subs, name)
	}
}

func (r *reference) keepTries(t *refTopic, c *refClient, sub *refSub) {
	delete(t.tried, c.name)
	switch {
	case sub.window >= sub.next:
	case sub.times() < uint64(sub.wish.MaxDeliveries):
		t.tried[c.name] = [2]uint64{sub.window, sub.tries}
	default:
		r.giveUp(t, c, sub)
	}
}

func (s *refSub) times() uint64 {
	if s.head != s.window {
		s.head, s.tries = s.window, 1
	}
	return s.tries
}

func (r *reference) giveUp(t *refTopic, c *refClient, sub *refSub) {
	c.s.givenUp++
	r.forget(t, c, sub, sub.window+1, framing.CodeTimeout)
}

func (r *reference) forget(t *refTopic, c *refClient, sub *refSub, to uint64, why framing.Code) {
	if to <= sub.window {
		return
	}
	c.s.tell(t.name, sub.window, to, why)
	sub.window = to
	if c.name != "" {
		t.cursors[c.name] = max(t.cursors[c.name], to)
	}
	sub.since, sub.held = r.now, false
}

func (r *reference) ack(c *refClient, topic string, offset uint64) {
	t, sub := r.topics[topic], c.sub(topic)
	if sub == nil {
		return
	}
	next := min(offset+1, sub.next)
	if next > sub.window {
		sub.window = next
		if sub.atLeastOnce() {
			sub.since, sub.held = r.now, false
		}
	}
	if c.name != "" {
		t.cursors[c.name] = max(t.cursors[c.name], next)
	}
}

// advance lets time pass and sends what is overdue, oldest first.
func (r *reference) advance(d time.Duration) {
	end := r.now.Add(d)
	for {
		var c *refClient
		var topic string
		due := end
		for _, x := range r.clients {
			if x.s == nil {
				continue
			}
			for _, name := range slices.Sorted(maps.Keys(x.s.subs)) {
				sub := x.s.subs[name]
				if at := sub.since.Add(sub.wish.Redeliver); sub.atLeastOnce() && sub.window < sub.next && !at.After(due) && (c == nil || at.Before(due)) {
					c, topic, due = x, name, at
				}
			}
		}
		if c == nil {
			break
		}
		r.now = due
		r.overdue(r.topics[topic], c, c.s.subs[topic])
	}
	r.now = end
}

func (r *reference) overdue(t *refTopic, c *refClient, sub *refSub) {
	sub.since = r.now
	switch times := sub.times(); {
	case times == uint64(sub.wish.MaxDeliveries):
		r.giveUp(t, c, sub)
	case sub.window < t.first:
		r.forget(t, c, sub, min(t.first, sub.next), framing.CodeLimit)
	default:
		sub.tries++
		c.s.redelivered++
		mark := " redelivered"
		if sub.window < sub.replayTo {
			mark = " replayed redelivered"
		}
		c.s.got[t.name] = append(c.s.got[t.name], fmt.Sprint(t.numbers[sub.window], mark))
	}
}
