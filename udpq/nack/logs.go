package nack

import "time"

// maxLogs bounds the topics that are followed: as many as a session may
// listen to, and more.
const maxLogs = 1 << 15

// Logs follows the offsets of the topics that a subscriber gets events of:
// those of stored topics, each with a [Receiver] of its own, in the order of
// its log.
type Logs struct {
	config  Config
	stats   ReceiverStats
	held    int
	byTopic map[string]*log
	busy    []*log    // that may have something to say or to do, in the order they got so
	at      time.Time // when the first of them has; zero: none
}

type log struct {
	*Receiver
	topic string
	busy  bool
}

// NewLogs returns what follows no topic yet.
func NewLogs(c Config) *Logs { return &Logs{config: c, byTopic: make(map[string]*log)} }

// Stats returns what was seen so far.
func (l *Logs) Stats() ReceiverStats { return l.stats }

// Held returns the bytes that wait.
func (l *Logs) Held() int { return l.held }

// Accept takes the frame of an event, and returns what may go now, until the
// next call of a method.
func (l *Logs) Accept(now time.Time, topic []byte, offset uint64, frame []byte) []Ready {
	g := l.open(topic)
	if g == nil {
		return []Ready{{Frames: frame}}
	}
	ready := g.Accept(now, offset, frame)
	l.note(now, g)
	return ready
}

// Start says from which offset on a topic's events are to come, and returns
// what may go now, until the next call of a method.
func (l *Logs) Start(now time.Time, topic []byte, first uint64) []Ready {
	g := l.open(topic)
	if g == nil {
		return nil
	}
	ready := g.Start(now, first)
	l.note(now, g)
	return ready
}

// Heed takes a beat, or that events are gone, and returns what may go now,
// until the next call of a method.
func (l *Logs) Heed(now time.Time, m *Message) (ready []Ready) {
	g := l.open(m.Topic)
	switch {
	case g == nil:
	case m.Says == Beat:
		ready = g.Beat(now, m)
	case m.Says == Gone:
		ready = g.Gone(now, m)
	}
	l.note(now, g)
	return ready
}

// open returns what follows a topic; nil, when there are too many.
func (l *Logs) open(topic []byte) *log {
	g := l.byTopic[string(topic)]
	if g == nil && len(l.byTopic) < maxLogs {
		g = &log{Receiver: newLogReceiver(l.config, &l.stats, &l.held), topic: string(topic)}
		l.byTopic[g.topic] = g
	}
	return g
}

// note sees to it that a log is looked at when it is time.
func (l *Logs) note(now time.Time, g *log) {
	if g == nil {
		return
	}
	wake := g.Wake(now)
	l.at = earlier(l.at, wake)
	if !wake.IsZero() && !g.busy {
		g.busy = true
		l.busy = append(l.busy, g)
	}
}

// Message returns what to say now, if there is anything.
func (l *Logs) Message(now time.Time) (Message, bool) {
	if l.at.IsZero() || now.Before(l.at) {
		return Message{}, false
	}
	for _, g := range l.busy {
		if m, some := g.Message(now); some {
			m.Topic = []byte(g.topic)
			return m, true
		}
	}
	l.rest(now)
	return Message{}, false
}

// rest forgets those that have nothing to do, and finds when the first of the
// others has.
func (l *Logs) rest(now time.Time) {
	busy := l.busy[:0]
	l.at = time.Time{}
	for _, g := range l.busy {
		wake := g.Wake(now)
		if g.busy = !wake.IsZero(); g.busy {
			busy = append(busy, g)
			l.at = earlier(l.at, wake)
		}
	}
	clear(l.busy[len(busy):])
	l.busy = busy
}

// Tick acts on the time: ready is told what may go now of a topic, and is not
// to keep it.
func (l *Logs) Tick(now time.Time, ready func(topic string, of []Ready)) {
	if l.at.IsZero() || now.Before(l.at) {
		return
	}
	for _, g := range l.busy {
		if of := g.Tick(now); len(of) > 0 {
			ready(g.topic, of)
		}
	}
}

// Wake returns when to call Tick and Message again, the zero time if never.
func (l *Logs) Wake() time.Time { return l.at }
