package account_test

import (
	"encoding/binary"
	"testing"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
)

// watch gives a leg's end a door that nothing has come through yet.
func (w *world) watch(leg int) *account.Door {
	d := &account.Door{}
	w.in.Doors[1-leg] = d // leg 0 ends at side 1
	return d
}

// admit lets an event's datagram through a door.
func (w *world) admit(d *account.Door, leg int, sequence uint64, c dissect.Checksum) {
	d.Admissions = append(d.Admissions, account.Admit(datagram(leg, sequence)[34:], c))
}

// refusal is the packet by which the server host says that nobody listens for
// an event's datagram.
func refusal(sequence uint64) account.Packet {
	quote := datagram(account.ToServer, sequence)[14:]
	b := make([]byte, 14+20+8, 14+20+8+len(quote))
	binary.BigEndian.PutUint16(b[12:], 0x0800)
	ip := b[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, 1
	binary.BigEndian.PutUint16(ip[2:], uint16(28+len(quote)))
	copy(ip[12:], []byte{10, 77, 0, 2, 10, 77, 0, 1})
	ip[20], ip[21] = 3, 3
	return account.Packet{Data: append(b, quote...), Outgoing: true}
}

func TestSettleInsideAHost(t *testing.T) {
	const good, bad = dissect.ChecksumGood, dissect.ChecksumBad
	for name, c := range map[string]struct {
		happen func(w *world, d *account.Door, server *account.Kernel)
		want   account.Fate
	}{
		"past a firewall": {func(w *world, d *account.Door, k *account.Kernel) { k.Firewall = true }, account.Filtered},
		"where there is no firewall": {func(w *world, d *account.Door, k *account.Kernel) {
		}, account.Unexplained},
		"past a firewall, unseen": {func(w *world, d *account.Door, k *account.Kernel) {
			k.Firewall, d.Missed = true, 1
		}, account.Unexplained},
		"a wrong checksum": {func(w *world, d *account.Door, k *account.Kernel) {
			w.admit(d, 0, 1, bad)
			k.Checksum = 1
		}, account.Checksum},
		"a wrong checksum that the kernel did not see": {func(w *world, d *account.Door, k *account.Kernel) { w.admit(d, 0, 1, bad) }, account.Unexplained},
		"changed behind the tap": {func(w *world, d *account.Door, k *account.Kernel) {
			changed := datagram(0, 1)[34:]
			changed[len(changed)-1] ^= 1
			d.Admissions = append(d.Admissions, account.Admit(changed, bad))
			k.Checksum = 1
		}, account.Checksum},
		"nobody listening": {func(w *world, d *account.Door, k *account.Kernel) {
			w.admit(d, 0, 1, good)
			w.in.Taps[account.Server].Packets = append(w.in.Taps[account.Server].Packets, refusal(1))
			k.NoSocket, k.ReceiveBuffer = 1, 1 // the buffer was another datagram's
		}, account.NoSocket},
		"somebody else's refusal": {func(w *world, d *account.Door, k *account.Kernel) {
			w.admit(d, 0, 1, good)
			w.in.Taps[account.Server].Packets = append(w.in.Taps[account.Server].Packets, refusal(2))
			k.NoSocket, k.ReceiveBuffer = 1, 1
		}, account.ReceiveBuffer},
		"a full buffer": {func(w *world, d *account.Door, k *account.Kernel) {
			w.admit(d, 0, 1, good)
			k.ReceiveBuffer = 1
		}, account.ReceiveBuffer},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.emit(1)
			w.cross(0, 1, account.PacketPassed, 1)
			c.happen(w, w.watch(0), &w.in.Kernels[account.Server])
			if e := account.Settle(&w.in).Events[0]; e.Fate != c.want {
				t.Errorf("fate %q, want %q", e.Fate, c.want)
			}
		})
	}
}

// noise is the packet of a datagram without a frame.
func noise() []byte {
	b := datagram(account.ToServer, 1)
	for i := range b[42:] {
		b[42+i] = byte(i*i + 91)
	}
	return b
}

// Datagrams that say nothing are told by their place, as long as they are as
// many as the events that they might carry.
func TestSettleUnreadable(t *testing.T) {
	for name, c := range map[string]struct {
		way  string // of each event: g good, n noise, l noise that is lost, 0 nothing left
		want []account.Fate
	}{
		"between":                  {"gnng", []account.Fate{"", account.FrameInvalid, account.FrameInvalid, ""}},
		"at an end":                {"ngn", []account.Fate{account.FrameInvalid, "", account.FrameInvalid}},
		"lost":                     {"gnlg", []account.Fate{"", account.FrameInvalid, account.WireLoss, ""}},
		"one of two did not leave": {"gn0gn", []account.Fate{"", account.Unexplained, account.Unexplained, "", account.FrameInvalid}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			for i, what := range c.way {
				s := uint64(i) + 1
				id := w.emit(s)
				switch what {
				case 'g':
					w.cross(0, s, account.PacketPassed, 1)
					w.serverReads(id, 1)
					w.cross(1, s, account.PacketPassed, 1)
					w.deliver(id)
				case 'n':
					w.crossAs(0, noise(), account.PacketPassed, 1)
					w.in.Invalid++
				case 'l':
					w.crossAs(0, noise(), account.PacketLost, 0)
				}
			}
			l := account.Settle(&w.in)
			for i := range l.Events {
				if got := l.Events[i].Fate; got != c.want[i] {
					t.Errorf("event %d: %q, want %q", i+1, got, c.want[i])
				}
			}
		})
	}
}

// A count that is short of the events it speaks of says of none that it is
// the one.
func TestSettleGuessesNothing(t *testing.T) {
	w := newWorld()
	for s := uint64(1); s <= 3; s++ {
		w.emit(s)
		w.cross(0, s, account.PacketPassed, 1)
	}
	w.in.Kernels[account.Server].ReceiveBuffer = 2
	for s := uint64(4); s <= 6; s++ {
		w.emit(s) // and it never leaves
	}
	w.in.Kernels[account.Client].Queue = 2
	if l := account.Settle(&w.in); l.Unexplained() != 6 || len(l.Doubts) < 2 {
		t.Errorf("fates %v, doubts %q", l.Fates, l.Doubts)
	}
}
