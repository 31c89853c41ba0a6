package queue_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rawlab/framing"
	"rawlab/internal/queue"
)

// modelled is a queue beside the reference, and the sessions of its clients.
type modelled struct {
	clock    *manualClock
	queue    *queue.Queue
	emitter  *queue.Session
	ref      *reference
	sessions []*visit // of the reference's clients, nil while away
	last     map[string]uint64
}

type visit struct {
	*queue.Session
	meter *queue.Meter
}

var modelTopics = []string{"a.x", "a.y", "b"}

func newModelled(t *rapid.T) *modelled {
	start := time.Unix(1_000_000, 0)
	retention := queue.Retention{Count: rapid.IntRange(2, 8).Draw(t, "retention"), Age: 20 * time.Second}
	m := &modelled{clock: &manualClock{now: start}, last: make(map[string]uint64), sessions: make([]*visit, 3)}
	policies := map[string]queue.Policy{"a.x": queue.PolicyStore, "b": queue.PolicyIgnore} // a.y is as it is used
	q, err := queue.New(&queue.Config{Clock: m.clock, Topics: policies, Retention: retention})
	if err != nil {
		t.Fatal(err)
	}
	m.queue, m.emitter = q, q.Attach(&queue.SessionConfig{Origin: 1})
	m.ref = &reference{now: start, retention: retention, topics: make(map[string]*refTopic), away: make(map[queue.Fate]uint64)}
	for _, name := range modelTopics {
		m.ref.topics[name] = &refTopic{
			name: name, fixed: name != "a.y", stored: name == "a.x", first: 1, next: 1,
			came: make(map[uint64]time.Time), numbers: make(map[uint64]uint64),
			cursors: make(map[string]uint64), tried: make(map[string][2]uint64),
		}
	}
	for _, name := range []string{"", "ada", "bob"} {
		m.ref.clients = append(m.ref.clients, &refClient{name: name, standing: make(map[string]bool)})
	}
	return m
}

// visitor draws a client, which comes if it is away.
func (m *modelled) visitor(t *rapid.T) (int, *refClient, *visit) {
	i := rapid.IntRange(0, len(m.sessions)-1).Draw(t, "client")
	c := m.ref.clients[i]
	if m.sessions[i] == nil {
		meter := queue.NewMeter(m.clock, nil)
		m.sessions[i] = &visit{m.queue.Attach(&queue.SessionConfig{Origin: uint64(i) + 2, Name: c.name, Meter: meter}), meter}
		c.s = &refSession{subs: make(map[string]*refSub), got: make(map[string][]string), wishes: make(map[string]framing.Subscribe)}
	}
	return i, c, m.sessions[i]
}

func (m *modelled) emit(t *rapid.T) {
	topic := rapid.SampledFrom(modelTopics).Draw(t, "topic")
	m.last[topic]++
	f := framing.Frame{
		Kind: framing.KindEmit, Origin: 1, Topic: []byte(topic),
		Sequence: framing.Sequence(uint16(slices.Index(modelTopics, topic)), m.last[topic]),
	}
	if err := m.emitter.Publish(&f); err != nil {
		t.Fatal(err)
	}
	m.emitter.Commit()
	m.ref.emit(m.ref.topics[topic])
}

func (m *modelled) subscribe(t *rapid.T) {
	_, c, s := m.visitor(t)
	name := rapid.SampledFrom([]string{"a.x", "a.y", "b", "a.*", ">"}).Draw(t, "name")
	wish := framing.Subscribe{}
	if !queue.IsPattern(name) {
		wish.Delivery = framing.Delivery(rapid.IntRange(0, 2).Draw(t, "delivery"))
	}
	if wish.Delivery == framing.AtLeastOnce {
		if name == "b" {
			wish.Delivery = framing.AtMostOnce // what is ignored cannot come at least once
		} else {
			wish.Window = uint16(rapid.IntRange(1, 3).Draw(t, "window"))
			wish.Redeliver, wish.MaxDeliveries = time.Second, uint16(rapid.IntRange(0, 3).Draw(t, "deliveries"))
		}
	}
	again := slices.Contains(c.s.names, name)
	if !again {
		if err := s.Subscribe([]byte(name), 1, wish); err != nil {
			t.Fatal(err)
		}
	}
	m.ref.subscribe(c, name, wish)
}

func (m *modelled) unsubscribe(t *rapid.T) {
	_, c, s := m.visitor(t)
	if len(c.s.names) == 0 {
		return
	}
	name := rapid.SampledFrom(c.s.names).Draw(t, "name")
	s.Unsubscribe([]byte(name))
	m.ref.unsubscribe(c, name)
}

func (m *modelled) ack(t *rapid.T) {
	_, c, s := m.visitor(t)
	topic := rapid.SampledFrom(modelTopics).Draw(t, "topic")
	offset := rapid.Uint64Range(1, m.ref.topics[topic].next+1).Draw(t, "offset")
	if err := s.Ack([]byte(topic), offset); err != nil {
		t.Fatal(err)
	}
	m.ref.ack(c, topic, offset)
}

func (m *modelled) leave(t *rapid.T) {
	i, c, s := m.visitor(t)
	s.Close()
	m.ref.leave(c, func(string) bool { return true })
	m.checkCounts(t, c, s)
	m.sessions[i], c.s = nil, nil
}

func (m *modelled) advance(t *rapid.T) {
	d := time.Duration(rapid.IntRange(1, 60).Draw(t, "tenths")) * 100 * time.Millisecond
	m.clock.advance(d)
	m.ref.advance(d)
}

// checkCounts holds a session's meter against what the reference says: each
// event meant for it was forwarded, or has one fate.
func (m *modelled) checkCounts(t *rapid.T, c *refClient, s *visit) {
	got := map[string]uint64{
		"forwarded": s.meter.Forwarded(), "redelivered": s.meter.Redelivered(), "given up": s.meter.GivenUp(),
		"expired": s.meter.Dropped()[queue.FateExpired], "lost": s.meter.Dropped()[queue.FateConnectionLost],
	}
	want := map[string]uint64{
		"forwarded": c.s.forwarded, "redelivered": c.s.redelivered, "given up": c.s.givenUp,
		"expired": c.s.expired, "lost": c.s.lost,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("counts of %q (-want +got):\n%s", c.name, diff)
	}
}

// Check lets every session read everything, and holds it against the
// reference: the same events in the same order within each topic, the same
// receipts, the same told as lost.
func (m *modelled) Check(t *rapid.T) {
	for i, s := range m.sessions {
		if s == nil {
			continue
		}
		c := m.ref.clients[i]
		got, receipts := s.read(t)
		for _, name := range modelTopics {
			if sub := c.sub(name); sub != nil {
				m.ref.fill(m.ref.topics[name], c, sub)
			}
		}
		for _, topic := range modelTopics {
			if !slices.Equal(got[topic], c.s.got[topic]) {
				t.Fatalf("%q got of %s %q, want %q", c.name, topic, got[topic], c.s.got[topic])
			}
		}
		slices.Sort(receipts)
		slices.Sort(c.s.receipts)
		if !slices.Equal(receipts, c.s.receipts) {
			t.Fatalf("%q was told %q, want %q", c.name, receipts, c.s.receipts)
		}
		clear(c.s.got)
		c.s.receipts = nil
		m.checkCounts(t, c, s)
	}
	if got, want := m.queue.Dropped()[queue.FateExpired], m.ref.away[queue.FateExpired]; got != want {
		t.Fatalf("%d events expired for clients that are away, want %d", got, want)
	}
}

// read takes everything that waits for the session, in words.
func (v *visit) read(t *rapid.T) (events map[string][]string, told []string) {
	events = make(map[string][]string)
	var c queue.Chunk
	for v.Take(&c) {
		for _, part := range [][]byte{c.Control, c.Kept, c.Live} {
			for len(part) > 0 {
				f, n, err := framing.Parse(part, len(part))
				if err != nil {
					t.Fatal(err)
				}
				part = part[n:]
				topic := string(f.Topic)
				if f.Kind == framing.KindEvent {
					events[topic] = append(events[topic], inWords(&f))
				} else {
					told = append(told, topic+" "+toldInWords(t, &f))
				}
			}
		}
		v.Sent(&c)
	}
	return events, told
}

func inWords(f *framing.Frame) string {
	_, number := framing.SplitSequence(f.Sequence)
	words := []string{fmt.Sprint(number)}
	for _, flag := range []struct {
		flag framing.Flags
		word string
	}{{framing.FlagReplayed, "replayed"}, {framing.FlagRedelivered, "redelivered"}} {
		if f.Flags&flag.flag != 0 {
			words = append(words, flag.word)
		}
	}
	return strings.Join(words, " ")
}

func toldInWords(t *rapid.T, f *framing.Frame) string {
	switch f.Kind {
	case framing.KindReceipt:
		r, err := framing.ParseReceipt(f.Payload)
		if err != nil {
			t.Fatal(err)
		}
		expired := "[]"
		for from, to := range r.Expired.All() {
			expired = fmt.Sprintf("[%d %d]", from, to)
		}
		return fmt.Sprintf("missed %d: %d replayed, %s", r.To-r.From, r.Replayed, expired)
	case framing.KindNack:
		r, err := framing.ParseRanges(f.Payload)
		if err != nil || r.Len() != 1 {
			t.Fatalf("nack of %d ranges, %v", r.Len(), err)
		}
		for from, to := range r.All() {
			return fmt.Sprintf("lost [%d, %d) %v", from, to, f.Code)
		}
	}
	t.Fatalf("the session was told %v", f.Kind)
	return ""
}

// However clients come, listen by topic and by pattern, acknowledge, are slow
// to, and go, while events come and expire: the queue does what the reference
// says.
func TestQueueKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModelled(t)
		t.Repeat(map[string]func(*rapid.T){
			"":            m.Check,
			"emit":        m.emit,
			"emit again":  m.emit,
			"emit more":   m.emit,
			"subscribe":   m.subscribe,
			"listen too":  m.subscribe,
			"unsubscribe": m.unsubscribe,
			"acknowledge": m.ack,
			"ack again":   m.ack,
			"leave":       m.leave,
			"wait":        m.advance,
		})
		for _, s := range m.sessions {
			if s != nil {
				s.Close()
			}
		}
		m.emitter.Close()
	})
}
