package account_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
)

// asked is a capture beside which the kernel tells what it drops. Packets and
// drops are a microsecond apart.
type asked struct {
	*account.Dropped
	now time.Time
}

func newAsked() *asked { return &asked{account.NewDropped(true), time.Unix(1_700_000_000, 0)} }

func (a *asked) tick() time.Time {
	a.now = a.now.Add(time.Microsecond)
	return a.now
}

func (a *asked) capture(packets ...[]byte) {
	for _, p := range packets {
		a.Packet(0, dissect.LinkEthernet, a.tick(), p)
	}
}

// drop tells of a packet without its link header and what is behind 128
// bytes.
func (a *asked) drop(reason string, packet []byte) *account.DroppedPacket {
	d := &account.DroppedPacket{Time: a.tick(), Reason: reason, Packet: packet[14:min(len(packet), 14+128)], Length: len(packet) - 14}
	a.Drop(d)
	return d
}

func event(sequence uint64) account.ID { return account.ID{Origin: 1, Sequence: sequence} }

// TestDroppedLost: an event is lost here if all that came of it was dropped.
func TestDroppedLost(t *testing.T) {
	one, two := datagram(account.ToServer, 1), datagram(account.ToServer, 2)
	damaged := slices.Clone(one)
	damaged[40] = 1 // a UDP checksum, which was none
	again := slices.Clone(one)
	again[19] = 7 // another identification
	fragments := cutByIP(packet(account.ToServer, &framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Sequence: 1, Topic: []byte("t"), Payload: make([]byte, 400)}), 200)
	for name, c := range map[string]struct {
		happen func(a *asked)
		want   string // the reason; "" if it is not lost
	}{
		"nothing":                {func(a *asked) { a.capture(one) }, ""},
		"another is":             {func(a *asked) { a.capture(one, two); a.drop("X", two) }, ""},
		"told after the packet":  {func(a *asked) { a.capture(one); a.drop("X", one) }, "X"},
		"told before the packet": {func(a *asked) { a.drop("X", one); a.capture(one) }, "X"},
		"never captured":         {func(a *asked) { a.drop("X", one) }, "X"},
		"one of two copies":      {func(a *asked) { a.capture(one, again); a.drop("X", again) }, ""},
		"both copies":            {func(a *asked) { a.capture(one, again); a.drop("X", one); a.drop("Y", again) }, "Y"},
		"both, alike":            {func(a *asked) { a.capture(one, one); a.drop("X", one); a.drop("Y", one) }, "Y"},
		"one for two sockets":    {func(a *asked) { a.capture(one); a.drop("X", one); a.drop("X", one) }, "X"},
		"a wrong checksum":       {func(a *asked) { a.capture(damaged); a.drop("UDP_CSUM", damaged) }, "UDP_CSUM"},
		"damaged, then whole":    {func(a *asked) { a.capture(damaged); a.drop("UDP_CSUM", damaged); a.capture(one) }, ""},
		"put together again":     {func(a *asked) { a.capture(fragments...); a.drop("X", joined(fragments)) }, "X"},
		"only its headers":       {func(a *asked) { a.capture(one); a.drop("X", one[:42]) }, "X"},
		"headers, of one before": {func(a *asked) { a.capture(one, two); a.now = a.now.Add(time.Second); a.drop("X", one[:42]) }, ""},
		"one fragment of it":     {func(a *asked) { a.capture(fragments...); a.drop("X", fragments[1]) }, "X"},
		"on the way back": {func(a *asked) {
			a.capture(one)
			back := datagram(account.ToSubscriber, 1)
			a.capture(back)
			a.drop("X", back)
		}, ""},
		"the capture's own ring": {func(a *asked) { a.capture(one); a.drop("PACKET_SOCK_ERROR", one) }, ""},
		"of who knows what place": {func(a *asked) {
			a.Drop(&account.DroppedPacket{Time: a.tick(), Reason: "X", Packet: one[14:], Homeless: true})
		}, ""},
		"of one that was here": {func(a *asked) {
			a.capture(one)
			a.Drop(&account.DroppedPacket{Time: a.tick(), Reason: "X", Packet: one[14:], Homeless: true})
		}, "X"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAsked()
			c.happen(a)
			a.Settle(time.Time{})
			a.Finish()
			if got, lost := a.Lost(event(1), account.ToServer); got != c.want && lost || lost != (c.want != "") {
				t.Errorf("lost %t by %q, want %q", lost, got, c.want)
			}
		})
	}
}

// cutByIP cuts a packet into fragments that carry so many bytes each.
func cutByIP(whole []byte, size int) (fragments [][]byte) {
	const header = 14 + 20
	for at := header; at < len(whole); at += size {
		f := slices.Concat(whole[:header], whole[at:min(at+size, len(whole))])
		binary.BigEndian.PutUint16(f[16:], uint16(len(f)-14))
		word := uint16((at - header) / 8)
		if at+size < len(whole) {
			word |= 0x2000 // more fragments
		}
		binary.BigEndian.PutUint16(f[20:], word)
		fragments = append(fragments, f)
	}
	return fragments
}

// joined is the datagram as a kernel puts it together.
func joined(fragments [][]byte) []byte {
	whole := slices.Clone(fragments[0])
	for _, f := range fragments[1:] {
		whole = append(whole, f[34:]...)
	}
	binary.BigEndian.PutUint16(whole[16:], uint16(len(whole)-14))
	binary.BigEndian.PutUint16(whole[20:], 0)
	return whole
}

// TestDroppedFragments: freeing the fragments of a dropped datagram is part of
// that drop, and a fragment that is dropped alone is none of it.
func TestDroppedFragments(t *testing.T) {
	whole := packet(account.ToServer, &framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Sequence: 1, Topic: []byte("t"), Payload: make([]byte, 400)})
	fragments := cutByIP(whole, 200)
	other := slices.Clone(fragments[2])
	other[19] = 9 // identification
	a := newAsked()
	a.capture(fragments...)
	a.capture(other)
	a.drop("SOCKET_RCVBUFF", joined(fragments))
	for _, f := range fragments[1:] {
		a.drop("NOT_SPECIFIED", f)
	}
	a.drop("NOT_SPECIFIED", other)
	a.Settle(time.Time{})
	got := map[string]int{}
	for _, total := range a.Totals() {
		got[total.Reason] = total.Packets
	}
	if d := cmp.Diff(map[string]int{"SOCKET_RCVBUFF": 1, "NOT_SPECIFIED": 1}, got); d != "" {
		t.Errorf("packets by reason (-want +got):\n%s", d)
	}
}

// TestDroppedSegment: a segment, of which a kernel tells the headers alone, is
// found by its numbers, and TCP loses no event by it.
func TestDroppedSegment(t *testing.T) {
	segment := func(seq uint32, sequence uint64) []byte {
		p := datagram(account.ToServer, sequence)
		const header = 14 + 20
		b := slices.Concat(p[:header+4], make([]byte, 16), p[header+8:])
		b[14+9] = 6
		binary.BigEndian.PutUint16(b[16:], uint16(len(b)-14))
		binary.BigEndian.PutUint32(b[header+4:], seq)
		b[header+12], b[header+13] = 5<<4, 0x10 // header of 20 bytes, ACK
		sum := uint32(6 + len(b) - header)      // the pseudo-header's (RFC 9293, section 3.1)
		for i := 14 + 12; i < len(b); i += 2 {
			word := [2]byte{}
			copy(word[:], b[i:])
			sum += uint32(binary.BigEndian.Uint16(word[:]))
		}
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		binary.BigEndian.PutUint16(b[header+16:], ^uint16(sum))
		return b
	}
	a := newAsked()
	one, two := segment(1, 1), segment(1+uint32(len(segment(1, 1)))-54, 2)
	a.capture(one, two)
	d := a.drop("NETFILTER_DROP", two[:54])
	a.Settle(time.Time{})
	a.Finish()
	if diff := cmp.Diff([]account.ID{event(2)}, d.Events); diff != "" || a.At(2) != d || a.At(1) != nil {
		t.Errorf("packet %d, events (-want +got):\n%s", d.Number, diff)
	}
	if reason, lost := a.Lost(event(2), account.ToServer); lost {
		t.Errorf("lost by %s", reason)
	}
}

// TestDroppedTrain: a large packet, which the capture cuts, is dropped as
// one, and is as many as it stands for; what is told is which packets those
// are, and how often a reason was given.
func TestDroppedTrain(t *testing.T) {
	a := newAsked()
	var large []byte
	var size int
	for s := uint64(1); s <= 3; s++ {
		p := datagram(account.ToServer, s)
		binary.BigEndian.PutUint16(p[18:], uint16(s)) // identification
		a.Packet(0, dissect.LinkEthernet, a.now, p)
		if s == 1 {
			large, size = slices.Clone(p), len(p)-42
		} else {
			large = append(large, p[42:]...)
		}
	}
	binary.BigEndian.PutUint16(large[16:], uint16(len(large)-14))
	binary.BigEndian.PutUint16(large[38:], uint16(len(large)-34))
	a.tick()
	a.capture(datagram(account.ToServer, 4))
	d := &account.DroppedPacket{Time: a.tick(), Reason: "SOCKET_RCVBUFF", Packet: large[14 : 14+128], Length: len(large) - 14, Segment: size}
	a.Drop(d)
	for n, want := range []*account.DroppedPacket{1: d, 2: d, 3: d, 4: nil} {
		if n > 0 && a.At(n) != want {
			t.Errorf("packet %d: drop %v, want %v", n, a.At(n), want)
		}
	}
	total := a.Totals()
	if len(total) != 1 || total[0].Packets != 3 {
		t.Fatalf("totals %+v, want 3 packets", total)
	}
	events := total[0].Events()
	slices.SortFunc(events, func(a, b account.ID) int { return int(a.Sequence) - int(b.Sequence) })
	if diff := cmp.Diff([]account.ID{event(1), event(2), event(3)}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if _, lost := a.Lost(event(4), account.ToServer); lost {
		t.Error("event 4 is lost too")
	}
}

// TestDroppedWaits: a drop waits for its packet, and is astray when that has
// not come in time.
func TestDroppedWaits(t *testing.T) {
	a := newAsked()
	d := a.drop("NETFILTER_DROP", datagram(account.ToServer, 1))
	if early := a.Settle(d.Time.Add(account.DropPatience - 1)); len(early) != 0 {
		t.Errorf("astray at once: %v", early)
	}
	if got := a.Settle(d.Time.Add(account.DropPatience)); len(got) != 1 || got[0] != d || d.Number != 0 {
		t.Errorf("astray %v, want the drop", got)
	}
	if diff := cmp.Diff([]account.ID{event(1)}, d.Events); diff != "" {
		t.Errorf("events, by its own bytes (-want +got):\n%s", diff)
	}
	a.capture(datagram(account.ToServer, 1)) // after all
	if again := a.Settle(d.Time.Add(2 * account.DropPatience)); len(again) != 0 || d.Number != 1 || a.At(1) != d {
		t.Errorf("the packet that came late is %d, told again %v; want it joined", d.Number, again)
	}
	if total := a.Totals(); len(total) != 1 || total[0].Packets != 1 {
		t.Errorf("totals %+v, want one packet", total)
	}
	if late := a.drop("X", datagram(account.ToServer, 2)); len(a.Settle(late.Time.Add(10*account.DropPatience))) != 1 {
		t.Error("the second drop is not astray")
	}
	a.Settle(a.now.Add(20 * account.DropPatience))
	if a.capture(datagram(account.ToServer, 2)); len(a.Settle(time.Time{})) != 0 || a.At(2) != nil {
		t.Error("a drop waits for ever")
	}
}

// TestObserverAsks: where taps know no more, the kernel does.
func TestObserverAsks(t *testing.T) {
	for name, c := range map[string]struct {
		packets [][]byte
		reason  string
		want    account.Sight
	}{
		"whole":             {[][]byte{datagram(account.ToServer, 1)}, "SOCKET_RCVBUFF", account.DroppedHere},
		"never seen":        {nil, "NETFILTER_DROP", account.DroppedHere},
		"refused":           {[][]byte{datagram(account.ToServer, 1), refusal(1).Data}, "NO_SOCKET", account.Refused},
		"refused otherwise": {[][]byte{datagram(account.ToServer, 1), refusal(1).Data}, "NETFILTER_DROP", account.DroppedHere},
		"forwarded":         {[][]byte{datagram(account.ToServer, 1), datagram(account.ToSubscriber, 1)}, "SOCKET_RCVBUFF", account.Forwarded},
		"not dropped":       {[][]byte{datagram(account.ToServer, 1)}, "", account.Whole},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAsked()
			o := account.Observer{Asked: a.Dropped}
			p := o.Place("here", dissect.LinkEthernet)
			a.capture(c.packets...)
			for _, data := range c.packets {
				p.Add(a.now, data)
			}
			if c.reason != "" {
				a.drop(c.reason, datagram(account.ToServer, 1))
			}
			a.Settle(time.Time{})
			a.Finish()
			if together := o.Finish([]account.Emission{{ID: event(1)}}); together[c.want] != 1 {
				t.Errorf("together %v, want it %v", together, c.want)
			}
		})
	}
}
