package dtls_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// A client without a connection ID is a stranger once its address changes:
// what it says is dropped, and told of, until it has shaken hands over another
// socket; with its rung nothing is lost. One with an ID shows it to everybody.
func TestUnnamedClientShakesHandsAnew(t *testing.T) {
	for name, unnamed := range map[string]bool{"unnamed": true, "named": false} {
		t.Run(name, func(t *testing.T) {
			var strange, ids atomic.Int64
			d := open(t, dtls.Config{OnStranger: func(b []byte, from net.Addr) {
				strange.Add(1)
				if _, ok := dtls.IDOf(b); ok {
					ids.Add(1)
				}
			}}, udpq.Config{})
			n := newNAT(t, d.addr)
			c := d.pinned(t)
			c.Unnamed = unnamed
			client, err := udpq.Dial(t.Context(), n.LocalAddr().String(), &udpq.ClientConfig{
				Dial: c.Dial, Datagram: dtls.Budget, Reliability: udpq.ReliabilityAck, KeepAlive: 400 * time.Millisecond, RetryInterval: 50 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for range 2 {
				if _, err := client.Emit("news", []byte("x")); err != nil {
					t.Fatal(err)
				}
				if err := client.Flush(ctx); err != nil {
					t.Fatalf("%v; %+v", err, d.socket.Stats())
				}
				n.rebind(t)
			}
			st := d.socket.Stats()
			if unnamed && (st.Established != 2 || st.Moved != 0 || strange.Load() == 0 || uint64(strange.Load()) != st.Dropped) {
				t.Errorf("Stats() = %+v, told of %d strangers, want another handshake, no move, and every drop told", st, strange.Load())
			}
			if !unnamed && (st.Established != 1 || st.Moved != 1 || strange.Load() != 0) {
				t.Errorf("Stats() = %+v, told of %d strangers, want one handshake, one move and no stranger", st, strange.Load())
			}
			if ids.Load() != 0 || d.Stats().Moved != 1 || d.Stats().Accepted != 1 {
				t.Errorf("%d strangers with IDs, %d sessions, %d moved, want 0, 1 and 1", ids.Load(), d.Stats().Accepted, d.Stats().Moved)
			}
		})
	}
}
