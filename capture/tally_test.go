package capture_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture"
	"rawlab/framing"
)

// TestTally accounts for packets whose every byte is known.
func TestTally(t *testing.T) {
	f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Sequence: 2, Topic: []byte("news"), Payload: make([]byte, 100)}
	frame, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	ack, err := (&framing.Frame{Kind: framing.KindAck, Flags: framing.FlagCRC}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	arp := append(append(make([]byte, 12), 8, 6, 0, 1, 8, 0, 6, 4, 0, 1), make([]byte, 38)...) // padded to 60
	packets := []capture.Packet{
		{Data: ipPacket(17, frame)}, {Data: ipPacket(17, append(bytes.Clone(frame), ack...))}, {Data: ipPacket(6, append(bytes.Clone(frame), 1, 2, 3))},
		{Data: ipPacket(17, []byte("hello"))}, {Data: append(ipPacket(1, make([]byte, 8)), 0, 0)}, {Data: arp}, {Data: make([]byte, 30)},
		{Data: ipPacket(17, make([]byte, 500))[:60], Length: 542},
	}
	tally, total := capture.NewTally(&script{}), 0
	for i := range packets {
		p := &packets[i]
		p.Length = max(p.Length, len(p.Data))
		total += p.Length
		if err := tally.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	const overhead = 32 + 4 + 4 // header, topic, CRC
	want := []capture.Row{
		{0, "link", capture.Layer{8, 8 * 14}},
		{1, "ARP", capture.Layer{1, 28}},
		{1, "IPv4", capture.Layer{6, 6 * 20}},
		{2, "UDP", capture.Layer{4, 4 * 8}},
		{3, "rawlab frame", capture.Layer{2, 2*overhead + 36}},
		{4, "event", capture.Layer{2, 200}},
		{3, "payload", capture.Layer{2, 5 + 500}},
		{2, "TCP", capture.Layer{1, 20}},
		{3, "rawlab frame", capture.Layer{1, overhead}},
		{4, "event", capture.Layer{1, 100}},
		{3, "payload", capture.Layer{1, 3}},
		{2, "ICMP", capture.Layer{1, 0}},
		{3, "payload", capture.Layer{1, 8}},
		{1, "not IP, or unreadable", capture.Layer{1, 16}},
		{1, "padding", capture.Layer{2, 18 + 2}},
	}
	if d := cmp.Diff(want, tally.Rows()); d != "" {
		t.Errorf("Rows (-want +got):\n%s", d)
	}
	if tally.Kinds[framing.KindEmit] != 3 || tally.Kinds[framing.KindAck] != 1 {
		t.Errorf("frames by kind: %v", tally.Kinds)
	}
	balances(t, tally, total)
}

func balances(t *testing.T, tally *capture.Tally, total int) {
	t.Helper()
	sum := uint64(0)
	for _, r := range tally.Rows() {
		sum += r.Bytes
	}
	if sum != uint64(total) || tally.Bytes != uint64(total) {
		t.Errorf("the layers have %d bytes, the tally %d, the packets %d", sum, tally.Bytes, total)
	}
}

// TestTallyBalances: whatever is in packets, no byte is counted twice or not
// at all.
func TestTallyBalances(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	tally, total := capture.NewTally(&script{}), 0
	for range 20_000 {
		data := ipPacket(byte([]int{1, 6, 17, 58, 47, 4, 41}[r.IntN(7)]), make([]byte, r.IntN(100)))
		for range r.IntN(6) {
			data[12+r.IntN(len(data)-12)] = byte(r.Uint32())
		}
		data = data[:r.IntN(len(data)+1)]
		p := capture.Packet{Data: data, Length: len(data) + r.IntN(3)}
		if err := tally.Write(&p); err != nil {
			t.Fatal(err)
		}
		total += p.Length
		if before := tally.Bytes; before != uint64(total) {
			t.Fatal("lost count")
		}
	}
	balances(t, tally, total)
}
