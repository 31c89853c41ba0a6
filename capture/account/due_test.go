package account_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"rawlab/capture/account"
)

// subscribers of the tests: their numbers, which are their ports less 40000.
var several = []uint64{5, 6, 7}

// newCrowdedWorld has several subscribers at one host.
func newCrowdedWorld() *world {
	w := newWorld()
	w.in.Subscribers = map[netip.AddrPort]uint64{}
	for _, n := range several {
		w.in.Subscribers[netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, 0, 1}), 40000+uint16(n))] = n
	}
	return w
}

// crossTo lets the copy of an event for one subscriber cross the way back.
func (w *world) crossTo(to, sequence uint64, fate account.PacketFate, copies int) {
	data := datagram(account.ToSubscriber, sequence)
	binary.BigEndian.PutUint16(data[36:], 40000+uint16(to))
	w.crossAs(account.ToSubscriber, data, fate, copies)
}

func (w *world) deliverTo(to uint64, id account.ID) {
	w.in.Deliveries = append(w.in.Deliveries, account.Delivery{ID: id, To: to, Time: w.now.Add(1000)})
}

// TestSettleSeveral: every event has a line for each subscriber that it is due
// to, with a fate of its own.
func TestSettleSeveral(t *testing.T) {
	w := newCrowdedWorld()
	for sequence := uint64(1); sequence <= 3; sequence++ {
		w.emit(sequence)
		w.in.Emissions[sequence-1].To = several
	}
	first, second, third := w.in.Emissions[0].ID, w.in.Emissions[1].ID, w.in.Emissions[2].ID
	w.cross(account.ToServer, 1, account.PacketPassed, 1)
	w.cross(account.ToServer, 2, account.PacketLost, 0)
	w.cross(account.ToServer, 3, account.PacketPassed, 1) // and the server's socket has no room for it
	w.in.Kernels[account.Server].ReceiveBuffer = 1
	w.in.Server[first] = account.ServerRecord{Read: 1, Dropped: map[uint64]account.Fate{7: account.ServerQueue}}
	w.crossTo(5, 1, account.PacketPassed, 1)
	w.deliverTo(5, first)
	w.crossTo(6, 1, account.PacketLost, 0)
	l := account.Settle(&w.in)
	want := map[account.ID][3]account.Fate{
		first:  {"", account.WireLoss, account.ServerQueue},
		second: {account.WireLoss, account.WireLoss, account.WireLoss},
		third:  {account.ReceiveBuffer, account.ReceiveBuffer, account.ReceiveBuffer},
	}
	if l.Sent != 3 || l.Emitted != 9 || l.Delivered != 1 || len(l.Events) != 9 {
		t.Fatalf("sent %d, due %d, delivered %d, want 3, 9, 1", l.Sent, l.Emitted, l.Delivered)
	}
	for i, e := range l.Events {
		if e.To != several[i%3] || e.Fate != want[e.ID][i%3] {
			t.Errorf("event %v to %d: %q, want %q", e.ID, e.To, e.Fate, want[e.ID][i%3])
		}
	}
	w.in.Kernels[account.Server].ReceiveBuffer = 0 // nothing bears it out: nobody knows where it is, for any of them
	l = account.Settle(&w.in)
	if l.Fates[account.Unexplained] != 3 || l.Fates[account.ReceiveBuffer] != 0 {
		t.Errorf("fates %v, want 3 unexplained", l.Fates)
	}
}
