package tcpq_test

import (
	"context"
	"io"
	"net"
	"testing"

	"rawlab/framing"
	"rawlab/tcpq"
)

// FuzzConversation lets a client say anything after its hello: the server
// answers, or cuts it off, and always ends in good order.
func FuzzConversation(f *testing.F) {
	add := func(frames ...framing.Frame) {
		var b []byte
		for _, fr := range frames {
			b, _ = fr.Append(b)
		}
		f.Add(b)
	}
	topic := []byte("t")
	add(framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: 7, Sequence: 1, Topic: topic})
	add(framing.Frame{Kind: framing.KindSubscribe, Sequence: 1, Topic: topic, Payload: (&framing.Subscribe{}).Append(nil)},
		framing.Frame{Kind: framing.KindEmit, Origin: 7, Sequence: 1, Topic: topic},
		framing.Frame{Kind: framing.KindAck, Flags: framing.FlagOffset, Offset: 1, Topic: topic},
		framing.Frame{Kind: framing.KindUnsubscribe, Sequence: 2, Topic: topic})
	add(framing.Frame{Kind: framing.KindPing}, framing.Frame{Kind: framing.KindBye})
	f.Fuzz(func(t *testing.T, said []byte) {
		client, server := net.Pipe()
		p := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- tcpq.NewServer(nil).Serve(ctx, p) }()
		p.conns <- server
		h := hello(7)
		h.Payload, _ = (&framing.Hello{MinVersion: 1, MaxVersion: 1, Name: []byte("ada")}).Append(nil)
		b, err := h.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		heard := make(chan struct{})
		go func() {
			defer close(heard)
			io.Copy(io.Discard, client)
		}()
		client.Write(append(b, said...)) // cut off in the middle, perhaps
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v", err)
		}
		client.Close()
		<-heard
	})
}
