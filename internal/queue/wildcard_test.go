package queue_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/memory"
)

// listen attaches a session that listens to these topics and patterns, and
// returns it with its receipts.
func listen(t *testing.T, q *queue.Queue, c *queue.SessionConfig, names ...string) (*queue.Session, []framing.Frame) {
	t.Helper()
	s := q.Attach(c)
	t.Cleanup(s.Close)
	for i, name := range names {
		if err := s.Subscribe([]byte(name), uint64(i+1), framing.Subscribe{}); err != nil {
			t.Fatalf("Subscribe(%q) = %v", name, err)
		}
	}
	var c1 queue.Chunk
	s.Take(&c1)
	var receipts []framing.Frame
	for b := c1.Control; len(b) > 0; {
		f, n, err := framing.Parse(b, len(b))
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, f.Clone())
		b = b[n:]
	}
	for b := c1.Kept; len(b) > 0; {
		f, n, _ := framing.Parse(b, len(b))
		receipts = append(receipts, f.Clone())
		b = b[n:]
	}
	return s, receipts
}

// emitter publishes to many topics; each is a stream of its own.
type emitter struct {
	t       *testing.T
	session *queue.Session
	streams map[string]uint16
	last    map[string]uint64
}

func newEmitter(t *testing.T, q *queue.Queue, origin uint64) *emitter {
	s := q.Attach(&queue.SessionConfig{Origin: origin})
	t.Cleanup(s.Close)
	return &emitter{t, s, make(map[string]uint16), make(map[string]uint64)}
}

func (e *emitter) emit(topics ...string) {
	e.t.Helper()
	for _, topic := range topics {
		if _, known := e.streams[topic]; !known {
			e.streams[topic] = uint16(len(e.streams))
		}
		e.last[topic]++
		f := framing.Frame{
			Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: e.session.Origin(),
			Sequence: framing.Sequence(e.streams[topic], e.last[topic]), Topic: []byte(topic), Payload: fmt.Appendf(nil, "%s %d", topic, e.last[topic]),
		}
		if err := e.session.Publish(&f); err != nil {
			e.t.Fatal(err)
		}
	}
	e.session.Commit()
}

// payloads returns what events say, "topic number" each.
func payloads(frames []framing.Frame) []string {
	var p []string
	for _, f := range frames {
		p = append(p, string(f.Payload))
	}
	return p
}

func receiptsOf(t *testing.T, frames []framing.Frame) map[string]framing.Receipt {
	t.Helper()
	all := make(map[string]framing.Receipt)
	for _, f := range frames {
		if f.Kind != framing.KindReceipt {
			continue
		}
		r, err := framing.ParseReceipt(f.Payload)
		if err != nil {
			t.Fatal(err)
		}
		all[string(f.Topic)] = r
	}
	return all
}

func TestPatternGetsAllThatMatches(t *testing.T) {
	q := newQueue(t, nil)
	e := newEmitter(t, q, 1)
	e.emit("orders.old") // before anybody listens
	one, _ := listen(t, q, nil, "orders.*")
	rest, _ := listen(t, q, nil, "orders.>")
	exact, _ := listen(t, q, nil, "orders.new")
	e.emit("orders.new", "orders.new.eu", "orders", "news", "orders.old", "orders.new")
	for name, test := range map[string]struct {
		s    *queue.Session
		want []string
	}{
		"orders.*":   {one, []string{"orders.new 1", "orders.old 2", "orders.new 2"}},
		"orders.>":   {rest, []string{"orders.new 1", "orders.new.eu 1", "orders.old 2", "orders.new 2"}},
		"orders.new": {exact, []string{"orders.new 1", "orders.new 2"}},
	} {
		if got := payloads(take(t, test.s)[framing.KindEvent]); !cmp.Equal(got, test.want) {
			t.Errorf("%s got %q, want %q", name, got, test.want)
		}
	}
	one.Unsubscribe([]byte("orders.*"))
	e.emit("orders.new")
	if got := payloads(take(t, one)[framing.KindEvent]); len(got) > 0 {
		t.Errorf("after unsubscribing, orders.* got %q", got)
	}
	if got := payloads(take(t, rest)[framing.KindEvent]); !cmp.Equal(got, []string{"orders.new 3"}) {
		t.Errorf("orders.> got %q, want orders.new 3", got)
	}
}

// A session gets each event once, however many of its subscriptions match, and
// as long as one of them does.
func TestOverlapIsOneDelivery(t *testing.T) {
	for _, policy := range []queue.Policy{queue.PolicyIgnore, queue.PolicyStore} {
		t.Run(policy.String(), func(t *testing.T) {
			q := newQueue(t, &queue.Config{Topics: map[string]queue.Policy{"a.b": policy}})
			e := newEmitter(t, q, 1)
			names := []string{"a.*", "a.b", "a.>", "*.b"}
			s, _ := listen(t, q, nil, names...)
			for n := range uint64(len(names)) {
				e.emit("a.b")
				if got, want := payloads(take(t, s)[framing.KindEvent]), []string{fmt.Sprint("a.b ", n+1)}; !cmp.Equal(got, want) {
					t.Errorf("listening to %q: got %q, want %q", names[n:], got, want)
				}
				s.Unsubscribe([]byte(names[n]))
			}
			e.emit("a.b")
			if got := payloads(take(t, s)[framing.KindEvent]); len(got) > 0 {
				t.Errorf("listening to nothing: got %q", got)
			}
		})
	}
}

func TestExactAfterPattern(t *testing.T) {
	q := newQueue(t, &queue.Config{Topics: map[string]queue.Policy{"a.b": queue.PolicyStore}})
	e := newEmitter(t, q, 1)
	s, _ := listen(t, q, nil, "a.*", "a.b")
	s.Unsubscribe([]byte("a.*"))
	e.emit("a.b")
	if got := payloads(take(t, s)[framing.KindEvent]); !cmp.Equal(got, []string{"a.b 1"}) {
		t.Errorf("got %q, want a.b 1", got)
	}
}

// A named client's pattern stores what matches, also topics that are born
// while it is away; on return there is a receipt for each and one in all.
func TestNamedPatternComesBack(t *testing.T) {
	store := memory.New(0)
	q := newQueue(t, &queue.Config{Store: store, Retention: queue.Retention{Count: 3}})
	e := newEmitter(t, q, 1)
	e.emit("orders.before") // nobody has asked to have this stored
	ada := &queue.SessionConfig{Name: "ada"}
	s, frames := listen(t, q, ada, "orders.>")
	if r := receiptsOf(t, frames)["orders.>"]; r.Epoch != q.Epoch() || r.To != 0 || r.Replayed != 0 {
		t.Errorf("first receipt = %+v, want nothing missed", r)
	}
	e.emit("orders.a", "orders.a", "other")
	events := take(t, s)[framing.KindEvent]
	if got := payloads(events); !cmp.Equal(got, []string{"orders.a 1", "orders.a 2"}) {
		t.Fatalf("got %q, want two of orders.a", got)
	}
	if err := s.Ack([]byte("orders.a"), events[0].Offset); err != nil {
		t.Fatal(err)
	}
	s.Close()
	e.emit("orders.b", "orders.c.d", "orders.c.d", "orders.c.d", "orders.c.d", "orders.before")

	// The server stops and starts again with the same store.
	e.session.Close()
	q = newQueue(t, &queue.Config{Store: store, Retention: queue.Retention{Count: 3}})
	e = newEmitter(t, q, 2)
	e.emit("orders.e")

	s, frames = listen(t, q, ada, "orders.>")
	got := receiptsOf(t, frames)
	want := map[string][3]uint64{ // missed, replayed, expired
		"orders.>": {8, 7, 1}, "orders.a": {1, 1, 0}, "orders.b": {1, 1, 0}, "orders.c.d": {4, 3, 1}, "orders.before": {1, 1, 0}, "orders.e": {1, 1, 0},
	}
	for topic, want := range want {
		r, ok := got[topic]
		if got := [3]uint64{r.To - r.From, r.Replayed, r.Expired.Total()}; !ok || got != want {
			t.Errorf("receipt for %s = %v (there: %v), want %v", topic, got, ok, want)
		}
	}
	var replayed []framing.Frame
	for _, f := range frames {
		if f.Kind == framing.KindEvent {
			replayed = append(replayed, f)
		}
	}
	replayed = append(replayed, take(t, s)[framing.KindEvent]...)
	all := payloads(replayed)
	slices.Sort(all)
	if want := []string{"orders.a 2", "orders.b 1", "orders.before 2", "orders.c.d 2", "orders.c.d 3", "orders.c.d 4", "orders.e 1"}; !cmp.Equal(all, want) {
		t.Errorf("replayed %q, want %q", all, want)
	}
}

func TestSameNameTakesOverAPattern(t *testing.T) {
	q := newQueue(t, nil)
	e := newEmitter(t, q, 1)
	first, _ := listen(t, q, &queue.SessionConfig{Name: "ada"}, "a.*")
	second, _ := listen(t, q, &queue.SessionConfig{Name: "ada"}, "a.*")
	<-first.Ended()
	first.Close()
	e.emit("a.b")
	if got := payloads(take(t, second)[framing.KindEvent]); !cmp.Equal(got, []string{"a.b 1"}) {
		t.Errorf("the second session got %q, want a.b 1", got)
	}
}

func TestEmitToAPatternIsRefused(t *testing.T) {
	q := newQueue(t, nil)
	meter := queue.NewMeter(nil, nil)
	s := q.Attach(&queue.SessionConfig{Origin: 1, Meter: meter})
	defer s.Close()
	publish(t, s, "orders.*", 1, 4)
	got := take(t, s)
	if nacks := got[framing.KindNack]; len(nacks) != 1 || nacks[0].Code != framing.CodeInvalid {
		t.Fatalf("nacks = %+v, want one, invalid", nacks)
	}
	if acks := got[framing.KindAck]; len(acks) != 1 || acks[0].Sequence != 3 {
		t.Errorf("acks = %+v, want one that answers for 3", acks)
	}
	if got := meter.Dropped()[queue.FateFrameInvalid]; got != 3 {
		t.Errorf("Dropped()[frame-invalid] = %d, want 3", got)
	}
}

func TestBadPatternIsRefused(t *testing.T) {
	q := newQueue(t, nil)
	s := q.Attach(nil)
	defer s.Close()
	err := s.Subscribe([]byte("orders.>.eu"), 1, framing.Subscribe{})
	if bad, ok := errors.AsType[*queue.PatternError](err); !ok || bad.Column != 8 {
		t.Errorf("Subscribe(orders.>.eu) = %v, want a pattern error at column 8", err)
	}
}

// Topics that nobody uses go away, and those that only patterns listen to are
// bounded without anything being missed.
func TestRoomsComeAndGo(t *testing.T) {
	q := newQueue(t, &queue.Config{MaxTopics: 10})
	const remembered, rooms = 100, 1050
	q.LimitPassing(remembered)
	e := newEmitter(t, q, 1)
	for n := range 1000 { // ten at a time
		s, _ := listen(t, q, nil, fmt.Sprint("room.", n))
		s.Close()
	}
	watcher, _ := listen(t, q, nil, "room.*")
	heard := 0
	for n := range rooms {
		e.emit(fmt.Sprint("room.", n))
		if n%50 == 49 {
			heard += len(take(t, watcher)[framing.KindEvent])
		}
	}
	if heard != rooms {
		t.Errorf("heard %d events of %d rooms", heard, rooms)
	}
	if topics := q.Topics(); topics > remembered+1 { // and the server's own
		t.Errorf("%d topics are remembered", topics)
	}
	watcher.Close()
}
