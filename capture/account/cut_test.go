package account_test

import (
	"slices"
	"testing"

	"rawlab/capture/account"
	"rawlab/framing"
)

// piece lets one of an event's three pieces of 100 bytes cross a leg.
func (w *world) piece(leg, n int, time uint64, fate account.PacketFate, copies int) {
	body := framing.Fragment{Total: 300, Position: uint32(100 * n), Piece: make([]byte, 100)}
	w.crossAs(leg, packet(leg, &framing.Frame{
		Kind: framing.KindFragment, Flags: framing.FlagCRC, Origin: 1, Sequence: 1, Time: time, Payload: body.Append(nil),
	}), fate, copies)
}

// all lets all three cross.
func (w *world) all(leg int) {
	for n := range 3 {
		w.piece(leg, n, 5, account.PacketPassed, 1)
	}
}

func TestSettleEventsInPieces(t *testing.T) {
	passed, lost := account.PacketPassed, account.PacketLost
	for name, c := range map[string]struct {
		happen func(w *world, id account.ID)
		want   account.Fate
		doubts int
	}{
		"delivered": {func(w *world, id account.ID) {
			w.all(0)
			w.serverReads(id, 1)
			w.all(1)
			w.deliver(id)
		}, "", 0},
		"one lost": {func(w *world, id account.ID) {
			w.piece(0, 0, 5, passed, 1)
			w.piece(0, 1, 5, lost, 0)
			w.piece(0, 2, 5, passed, 1)
			w.in.Server[id] = account.ServerRecord{Fate: account.FragmentLost}
		}, account.FragmentLost, 0},
		"all lost": {func(w *world, id account.ID) {
			w.piece(0, 0, 5, lost, 0)
			w.piece(0, 1, 5, lost, 0)
			w.piece(0, 2, 5, lost, 0)
		}, account.WireLoss, 0},
		"one never left": {func(w *world, id account.ID) { w.piece(0, 0, 5, passed, 1); w.piece(0, 2, 5, passed, 1) }, account.FragmentLost, 0},
		"one lost and sent again": {func(w *world, id account.ID) {
			w.piece(0, 0, 5, lost, 0)
			w.all(0)
			w.serverReads(id, 1)
			w.all(1)
			w.deliver(id)
		}, "", 0},
		"doubled": {func(w *world, id account.ID) {
			w.all(0)
			w.serverReads(id, 1)
			for n := range 3 {
				w.piece(1, n, 5, passed, 2)
			}
			w.deliver(id)
		}, "", 0},
		"one dropped at the socket": {func(w *world, id account.ID) {
			w.all(0)
			w.in.Server[id] = account.ServerRecord{Fate: account.FragmentLost}
			w.in.Kernels[account.Server].ReceiveBuffer = 1
		}, account.ReceiveBuffer, 1},
		"all dropped at the socket":     {func(w *world, id account.ID) { w.all(0); w.in.Kernels[account.Server].ReceiveBuffer = 3 }, account.ReceiveBuffer, 1},
		"more dropped than there were":  {func(w *world, id account.ID) { w.all(0); w.in.Kernels[account.Server].ReceiveBuffer = 4 }, account.ReceiveBuffer, 2},
		"dropped though nobody says so": {func(w *world, id account.ID) { w.all(0) }, account.Unexplained, 2},
		"no room at the server": {func(w *world, id account.ID) {
			w.all(0)
			w.in.Server[id] = account.ServerRecord{Fate: account.ServerQueue}
		}, account.ServerQueue, 1},
		"pieces of two cuts": {func(w *world, id account.ID) {
			w.piece(0, 0, 5, passed, 1)
			w.piece(0, 1, 6, passed, 1)
			w.piece(0, 2, 5, passed, 1)
		}, account.FragmentLost, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			id := w.emit(1)
			c.happen(w, id)
			l := account.Settle(&w.in)
			if e := l.Events[0]; e.Fate != c.want || e.Duplicates != 0 {
				t.Errorf("fate = %q, %d duplicates, want %q", e.Fate, e.Duplicates, c.want)
			}
			if len(l.Doubts) != c.doubts {
				t.Errorf("doubts: %q, want %d", l.Doubts, c.doubts)
			}
		})
	}
}

func TestPiecesAreNamed(t *testing.T) {
	w := newWorld()
	w.emit(1)
	w.all(0)
	l := account.Settle(&w.in)
	if want := "fragment 2 of 3 of event 1:1; passed"; !slices.Contains(l.Notes[account.Client], want) {
		t.Errorf("notes = %q, want one to be %q", l.Notes[account.Client], want)
	}
}
