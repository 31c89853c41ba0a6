package tcpq_test

import (
	"errors"
	"strings"
	"testing"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/tcpq"
)

func TestPatternOverTCP(t *testing.T) {
	s := serve(t, nil)
	emitter, listener := dial(t, s, nil), dial(t, s, nil)
	subscribe(t, listener, "orders.*")
	emit(t, emitter, "orders.eu", 1, 3)
	emit(t, emitter, "other", 1, 3)
	emit(t, emitter, "orders.us", 3, 5)
	expect(t, listener, 1, 5)
	_, err := listener.Subscribe(t.Context(), "orders.>.eu")
	if refused, ok := errors.AsType[*tcpq.RefusedError](err); !ok || refused.Code != framing.CodeInvalid || !strings.Contains(err.Error(), "column 8") {
		t.Errorf("Subscribe(orders.>.eu) = %v, want invalid at column 8", err)
	}
	emit(t, emitter, "orders.us", 5, 6)
	expect(t, listener, 5, 6)
}

// An event for a pattern costs itself, not the connection.
func TestEmitToAPattern(t *testing.T) {
	s := serve(t, nil)
	r := greeted(t, s, 7)
	r.say(t, framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: 7, Sequence: 1, Topic: []byte("orders.*")})
	r.hear(t, framing.KindNack, framing.CodeInvalid)
	r.hear(t, framing.KindAck, framing.CodeOK)
	if _, err := dial(t, s, nil).Emit("orders.*", nil); !errors.Is(err, framing.ErrInvalid) {
		t.Errorf("Emit(orders.*) = %v, want ErrInvalid", err)
	}
}

// What is emitted to all reaches every client once, also one that listens to
// nothing and one that listens to everything.
func TestBroadcast(t *testing.T) {
	s := serve(t, nil)
	idle, all := dial(t, s, nil), dial(t, s, nil)
	subscribe(t, all, ">")
	if err := s.Emit(tcpq.Broadcast, []byte("1")); err != nil {
		t.Fatal(err)
	}
	emit(t, idle, tcpq.Broadcast, 2, 3)
	if err := s.Emit("news", []byte("3")); err != nil {
		t.Fatal(err)
	}
	expect(t, idle, 1, 3)
	expect(t, all, 1, 4)
	late := dial(t, s, nil)
	emit(t, late, tcpq.Broadcast, 4, 5)
	for _, c := range []*tcpq.Client{idle, all, late} {
		expect(t, c, 4, 5)
	}
	if _, err := idle.Subscribe(t.Context(), tcpq.Broadcast); err == nil {
		t.Error("Subscribe($all) = nil, want a refusal: everybody gets it")
	}
	if err := s.Emit("a.*", nil); err == nil {
		t.Error("Emit(a.*) of the server = nil")
	}
	s.stop()
	if st := s.Stats(); st.Received != 4 || st.Forwarded != 8 || st.Dropped[queue.FateOffline] != 0 {
		t.Errorf("Stats() = %+v, want 4 received, 8 forwarded", st)
	}
}
