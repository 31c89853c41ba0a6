package ack_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rawlab/framing"
	"rawlab/udpq/ack"
)

// FuzzSplit holds that a datagram is taken apart only as it was put together.
func FuzzSplit(f *testing.F) {
	event := framing.Frame{Kind: framing.KindEvent, Flags: framing.FlagCRC, Sequence: 1, Topic: []byte("news"), Payload: []byte("hello")}
	b, err := event.Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, h := range []ack.Header{
		{Number: 1, Sent: 5}, {UpTo: 7, Echo: 9}, {Number: 3, Sent: 5, Limit: 1 << 40, UpTo: 7, Echo: 9, Beyond: framing.Ranges(nil).Append(9, 11)},
	} {
		f.Add(h.Append(nil))
		f.Add(h.Append(append([]byte(nil), b...)))
	}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		frames, h, found, invalid := ack.Split(datagram)
		if !found {
			return
		}
		again, h2, found, _ := ack.Split(h.Append(append([]byte(nil), frames...)))
		if invalid != 0 || !found || !cmp.Equal(frames, again) || !cmp.Equal(h, h2, cmpopts.EquateEmpty()) {
			t.Errorf("Split(%x) = %x, %+v; put together again: %x, %+v", datagram, frames, h, again, h2)
		}
		s := ack.NewSender(ack.SenderConfig{})
		s.OnAck(start, &h) // must not panic, whatever it says
		ack.NewReceiver(false, 0).Accept(start, &h, frames)
	})
}
