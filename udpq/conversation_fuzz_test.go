package udpq_test

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"testing"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
)

// conversation is a server that a fuzz target speaks to from some addresses,
// and what went to each.
type conversation struct {
	*link
	t      *testing.T
	server *udpq.Server
	over   chan struct{}
	sent   [][]byte // by the clients, for replays

	mu     sync.Mutex
	in     map[string]int  // bytes from each address
	out    map[string]int  // and to it
	proven map[string]bool // addresses that have shown a cookie
	keys   map[string]uint64
}

func (c *conversation) addr(n byte) *net.UDPAddr {
	return &net.UDPAddr{IP: firstClient.IP, Port: firstClient.Port + int(n%4)}
}

func (c *conversation) say(b []byte, from *net.UDPAddr) {
	c.mu.Lock()
	c.in[from.String()] += len(b)
	c.mu.Unlock()
	c.sent = append(c.sent, b)
	c.carry(c.link.server, b, from)
}

// watchedConn notes what the server sends.
type watchedConn struct {
	serverConn
	*conversation
}

func (w watchedConn) WriteTo(b []byte, to net.Addr) (int, error) {
	w.conversation.mu.Lock()
	defer w.conversation.mu.Unlock()
	name := to.String()
	w.out[name] += len(b)
	if !w.proven[name] && w.out[name] > w.in[name] {
		w.t.Errorf("%d bytes went to %s, which has sent %d and shown nothing", w.out[name], name, w.in[name])
	}
	if f, _, err := framing.Parse(b, len(b)); err == nil && f.Kind == framing.KindWelcome {
		w.keys[name] = f.Offset
	}
	return len(b), nil
}

// act does what five bytes say: who speaks, what of, and with which numbers.
func (c *conversation) act(b []byte) {
	from, what, x, y, z := c.addr(b[0]), b[1], uint64(b[2]%4), uint64(b[3]), b[4]
	f := framing.Frame{Kind: framing.Kind(what % uint8(framing.MaxKind+1)), Flags: framing.FlagCRC, Origin: x, Sequence: y, Topic: []byte("t")}
	cookie := uint64(z)
	if z%2 == 0 {
		cookie = c.server.CookieFor(from)
	}
	switch {
	case what >= 0xf0 && len(c.sent) > 0: // a replay, maybe from another address, maybe damaged
		replay := append([]byte(nil), c.sent[int(y)%len(c.sent)]...)
		if z > 200 {
			replay[int(z)%len(replay)] ^= 1
		}
		c.say(replay, from)
		return
	case f.Kind == framing.KindHello:
		rung := rungsAsked[int(y)%len(rungsAsked)]
		f.Flags, f.Offset, f.Time, f.Topic = f.Flags|framing.FlagOffset, cookie, y/uint64(len(rungsAsked)), []byte(rung)
		f.Payload, _ = (&framing.Hello{MinVersion: 1, MaxVersion: 1, Name: []byte{'a' + z%3}}).Append(nil)
	case f.Kind == framing.KindMove:
		c.mu.Lock()
		key := c.keys[c.addr(byte(y)).String()]
		c.mu.Unlock()
		f.Flags, f.Offset, f.Time, f.Payload = f.Flags|framing.FlagOffset, cookie, y/4, udpq.ProofOf(key, cookie)
	case f.Kind == framing.KindBye:
		f.Flags, f.Offset = f.Flags|framing.FlagOffset, y
	case f.Kind == framing.KindSubscribe:
		f.Payload = (&framing.Subscribe{Offset: uint64(z)}).Append(nil)
	case f.Kind == framing.KindAck:
		f.Flags, f.Offset = f.Flags|framing.FlagOffset, uint64(z)
	}
	if z%2 == 0 && (f.Kind == framing.KindHello || f.Kind == framing.KindMove) {
		c.mu.Lock()
		c.proven[from.String()] = true
		c.mu.Unlock()
	}
	if !f.Kind.Valid() {
		f.Kind = framing.KindEmit
	}
	b, err := f.Append(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.say(b, from)
}

// rungsAsked is what hellos ask for.
var rungsAsked = [...]string{"", "ack", "ack,unordered", "nonsense", "fec:8+2", "fec:2+1x4,unordered", "fec:200+3", "nack", "nack,unordered,pieces"}

// FuzzServerConversation lets four addresses say hello with and without
// cookies, emit, subscribe, move onto each other, replay and damage what was
// said. Whatever comes, nobody who has shown nothing gets more than was sent
// from there, there are no more sessions than addresses that have, each event
// has its fates, and the server ends in good order.
func FuzzServerConversation(f *testing.F) {
	hello, subscribe, emit, move, bye := byte(framing.KindHello), byte(framing.KindSubscribe), byte(framing.KindEmit), byte(framing.KindMove), byte(framing.KindBye)
	f.Add([]byte{0, hello, 1, 0, 0, 0, subscribe, 1, 1, 0, 0, emit, 1, 1, 0, 1, move, 1, 0, 0, 1, emit, 1, 2, 0, 0, 0xf0, 0, 2, 0})
	f.Add([]byte{0, hello, 1, 1, 0, 1, hello, 2, 0, 2, 1, subscribe, 0, 1, 0, 0, emit, 1, 1, 0, 1, move, 1, 0, 0, 1, emit, 2, 1, 0})
	f.Add([]byte{0, hello, 1, 0, 1, 0, emit, 1, 1, 0, 3, 0xff, 0, 0, 0, 0, bye, 1, 7, 0, 0, hello, 1, 0, 0, 2, 0xff, 0, 3, 255})
	f.Add([]byte{0, hello, 1, 4, 0, 0, emit, 1, 1, 0, 0, subscribe, 1, 1, 0, 1, hello, 2, 5, 0, 1, emit, 2, 1, 0, 2, hello, 1, 6, 0, 0, 0xf0, 0, 2, 0, 3, hello, 3, 7, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		c := &conversation{
			link: newLink(), t: t, over: make(chan struct{}),
			in: make(map[string]int), out: make(map[string]int), proven: make(map[string]bool), keys: make(map[string]uint64),
		}
		c.server = udpq.NewServer(&udpq.Config{Trace: func(e queue.TraceEvent) {
			if e.Fate == queue.FateUnauthorized && e.Sequence == lastWord {
				close(c.over)
			}
		}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.server.Serve(ctx, watchedConn{serverConn{c.link, c.link.server}, c}) }()
		for ; len(script) >= 5 && len(c.sent) < 200; script = script[5:] {
			c.act(script)
		}
		last := binary.BigEndian.AppendUint64(nil, lastWord)
		stranger := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 3), Port: 1}
		c.say(frame(t, framing.Frame{Kind: framing.KindEmit, Origin: lastWord, Sequence: lastWord, Topic: []byte("t"), Payload: last}), stranger)
		<-c.over
		if st := c.server.Stats(); st.Sessions > len(c.proven) {
			t.Errorf("Stats() = %+v: sessions without a cookie, %d had one", st, len(c.proven))
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v", err)
		}
		balanced(t, c.server)
	})
}
