package udpq_test

import (
	"context"
	"net"
	"testing"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
)

const lastWord = 999 // origin of a stranger's event: once it is refused, all before it has been obeyed

// FuzzDatagrams sends any frame, twice, to a server with a session: it obeys
// or counts it, and ends in good order.
func FuzzDatagrams(f *testing.F) {
	hello, err := (&framing.Hello{MinVersion: 1, MaxVersion: 1, Name: []byte("ada")}).Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	subscribe := (&framing.Subscribe{}).Append(nil)
	for kind := range byte(framing.MaxKind + 1) {
		f.Add(kind, byte(0), uint64(7), uint64(1), uint64(0), []byte("t"), []byte(nil))
	}
	f.Add(byte(framing.KindHello), byte(0), uint64(8), uint64(2), uint64(0), []byte(nil), hello)
	f.Add(byte(framing.KindSubscribe), byte(0), uint64(0), uint64(2), uint64(0), []byte("t"), subscribe)
	f.Add(byte(framing.KindAck), byte(framing.FlagOffset), uint64(0), uint64(0), uint64(1), []byte("t"), []byte(nil))
	f.Fuzz(func(t *testing.T, kind, flags byte, origin, sequence, offset uint64, topic, payload []byte) {
		sent := framing.Frame{
			Kind: framing.Kind(kind), Flags: framing.Flags(flags), Origin: origin, Sequence: sequence, Offset: offset, Topic: topic, Payload: payload,
		}
		b, err := sent.Append(nil)
		if err != nil || flags&byte(framing.FlagCRC) == 0 {
			sent.Flags |= framing.FlagCRC
			if b, err = sent.Append(nil); err != nil {
				b = payload // no frame at all
			}
		}
		over := make(chan struct{})
		l, s := newLink(), udpq.NewServer(&udpq.Config{Trace: func(e queue.TraceEvent) {
			if e.Fate == queue.FateUnauthorized && e.Origin == lastWord && e.Sequence == lastWord {
				close(over)
			}
		}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, serverConn{l, l.server}) }()
		l.carry(l.server, frame(t, framing.Frame{
			Kind: framing.KindHello, Flags: framing.FlagOffset, Origin: 7, Sequence: 1, Offset: s.CookieFor(firstClient), Payload: hello,
		}), firstClient)
		l.carry(l.server, frame(t, framing.Frame{Kind: framing.KindSubscribe, Sequence: 1, Topic: []byte("t"), Payload: subscribe}), firstClient)
		l.carry(l.server, b, firstClient)
		l.carry(l.server, b, firstClient)
		stranger := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 3), Port: 1}
		l.carry(l.server, frame(t, framing.Frame{Kind: framing.KindEmit, Origin: lastWord, Sequence: lastWord, Topic: []byte("t")}), stranger)
		<-over
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v", err)
		}
	})
}
