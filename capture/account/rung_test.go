package account_test

import (
	"testing"

	"rawlab/capture/account"
)

// sendsAgain makes the run one on a rung, whose ends took and sent again what
// is given.
func (w *world) sendsAgain(toServer, toSubscriber, resent int64) {
	w.in.Rung = &account.Rung{Taken: [2]int64{toServer, toSubscriber}, Resent: resent}
}

func TestSettleOnARung(t *testing.T) {
	const lost, passed = account.PacketLost, account.PacketPassed
	for name, c := range map[string]struct {
		happen  func(w *world, id account.ID)
		want    account.Fate
		on      int
		resent  int
		carrier int // datagrams with events that the wire took
		doubts  int
	}{
		"lost once each way": {func(w *world, id account.ID) {
			w.cross(0, 1, lost, 0)
			w.cross(0, 1, passed, 1)
			w.serverReads(id, 1)
			w.cross(1, 1, lost, 0)
			w.cross(1, 1, passed, 1)
			w.deliver(id)
			w.sendsAgain(1, 1, 2)
		}, "", 0, 2, 2, 0},
		"sent again in vain": {func(w *world, id account.ID) {
			w.cross(0, 1, passed, 1)
			w.cross(0, 1, passed, 1)
			w.serverReads(id, 1)
			w.cross(1, 1, passed, 1)
			w.deliver(id)
			w.sendsAgain(2, 1, 1)
		}, "", 0, 1, 0, 0},
		"a copy dropped at a full socket": {func(w *world, id account.ID) {
			w.cross(0, 1, passed, 1)
			w.cross(0, 1, passed, 1)
			w.serverReads(id, 1)
			w.cross(1, 1, passed, 1)
			w.deliver(id)
			w.in.Kernels[account.Server].ReceiveBuffer = 2 // an ack was dropped as well
			w.sendsAgain(1, 1, 1)
		}, "", 0, 1, 0, 0},
		"a copy that nobody accounts for": {func(w *world, id account.ID) {
			w.cross(0, 1, passed, 1)
			w.cross(0, 1, passed, 1)
			w.serverReads(id, 1)
			w.cross(1, 1, passed, 1)
			w.deliver(id)
			w.sendsAgain(1, 1, 1)
		}, "", 0, 1, 0, 1},
		"the sender counts otherwise": {func(w *world, id account.ID) {
			w.cross(0, 1, lost, 0)
			w.cross(0, 1, passed, 1)
			w.serverReads(id, 1)
			w.cross(1, 1, passed, 1)
			w.deliver(id)
			w.sendsAgain(1, 1, 3)
		}, "", 0, 1, 1, 1},
		"given up": {func(w *world, id account.ID) {
			w.cross(0, 1, lost, 0)
			w.cross(0, 1, lost, 0)
			w.in.Broken = true
			w.sendsAgain(0, 0, 1)
		}, account.ConnectionLost, 0, 1, 2, 1}, // timing decided it
		"given up on the way back": {func(w *world, id account.ID) {
			w.cross(0, 1, passed, 1)
			w.serverReads(id, 1)
			w.cross(1, 1, lost, 0)
			w.in.Broken = true
			w.sendsAgain(1, 0, 0)
		}, account.ConnectionLost, 1, 0, 1, 1},
		"expired in the server": {func(w *world, id account.ID) {
			w.cross(0, 1, passed, 1)
			w.in.Server[id] = account.ServerRecord{Read: 1, Fate: account.Expired}
			w.sendsAgain(1, 0, 0)
		}, account.Expired, 1, 0, 0, 0},
		"lost for good, though the conversation holds": {func(w *world, id account.ID) {
			w.cross(0, 1, lost, 0)
			w.sendsAgain(0, 0, 0)
		}, account.WireLoss, 0, 0, 1, 0},
		"taken and not handed on": {func(w *world, id account.ID) {
			w.cross(0, 1, passed, 1)
			w.sendsAgain(1, 0, 0)
		}, account.Unexplained, 0, 0, 0, 1}, // timing decided it
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			c.happen(w, w.emit(1))
			l := account.Settle(&w.in)
			if e := l.Events[0]; e.Fate != c.want || e.Fate != "" && e.Lost != c.on {
				t.Errorf("fate %q on leg %d, want %q on leg %d", e.Fate, e.Lost, c.want, c.on)
			}
			if l.Retransmits != c.resent || l.LostCarriers != c.carrier || len(l.Doubts) != c.doubts {
				t.Errorf("%d sent again, %d lost, doubts %q, want %d, %d and %d", l.Retransmits, l.LostCarriers, l.Doubts, c.resent, c.carrier, c.doubts)
			}
		})
	}
}

// TestHitIsOfTheFirstTransmission: what a rung makes good is hit all the same,
// what is lost only when it was sent again is not, and without a rung the same
// events are lost.
func TestHitIsOfTheFirstTransmission(t *testing.T) {
	const lost, passed = account.PacketLost, account.PacketPassed
	rung, none := newWorld(), newWorld()
	for s, hit := range map[uint64][2]bool{1: {true, false}, 2: {false, true}, 3: {true, true}, 4: {}} {
		id := rung.emit(s)
		none.emit(s)
		for leg, hit := range hit {
			fates := []account.PacketFate{passed, lost, passed} // a copy in vain is lost
			if hit {
				fates = []account.PacketFate{lost, lost, passed}
			}
			for _, fate := range fates {
				copies := 1
				if fate == lost {
					copies = 0
				}
				rung.cross(leg, s, fate, copies)
			}
		}
		rung.serverReads(id, 1)
		rung.deliver(id)
		switch {
		case hit[0]:
			none.cross(0, s, lost, 0)
		default:
			none.cross(0, s, passed, 1)
			none.serverReads(id, 1)
			if hit[1] {
				none.cross(1, s, lost, 0)
			} else {
				none.cross(1, s, passed, 1)
				none.deliver(id)
			}
		}
	}
	rung.sendsAgain(0, 0, 0)
	with, without := account.Settle(&rung.in), account.Settle(&none.in)
	if with.Delivered != 4 || without.Delivered != 1 {
		t.Fatalf("%d and %d delivered, want 4 with the rung and 1 without", with.Delivered, without.Delivered)
	}
	if n := with.CountHit(); n != 3 || with.LostDigest() != without.LostDigest() {
		t.Errorf("%d hit, digest %s, want 3 and %s", n, with.LostDigest(), without.LostDigest())
	}
}
