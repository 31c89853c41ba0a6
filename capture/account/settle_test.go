package account_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
)

const port = 9700

// datagram builds the packet of one event on one leg.
func datagram(leg int, sequence uint64) []byte {
	f := framing.Frame{Kind: framing.KindEmit, Origin: 1, Sequence: sequence, Flags: framing.FlagCRC, Topic: []byte("t")}
	if leg == account.ToSubscriber {
		f.Kind = framing.KindEvent
	}
	return packet(leg, &f)
}

// packet builds the packet that carries a frame on one leg.
func packet(leg int, f *framing.Frame) []byte {
	src, dst := uint16(40000), uint16(port)
	ips := []byte{10, 77, 0, 1, 10, 77, 0, 2}
	if leg == account.ToSubscriber {
		src, dst = dst, src
		ips = []byte{10, 77, 0, 2, 10, 77, 0, 1}
	}
	payload, err := f.Append(nil)
	if err != nil {
		panic(err)
	}
	b := make([]byte, 14+20+8, 14+20+8+len(payload))
	binary.BigEndian.PutUint16(b[12:], 0x0800)
	ip := b[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], uint16(28+len(payload)))
	copy(ip[12:], ips)
	binary.BigEndian.PutUint16(ip[20:], src)
	binary.BigEndian.PutUint16(ip[22:], dst)
	binary.BigEndian.PutUint16(ip[24:], uint16(8+len(payload)))
	return append(b, payload...)
}

// world makes up what the witnesses of a run say.
type world struct {
	in  account.Input
	now time.Time
}

func newWorld() *world {
	w := &world{now: time.Unix(1000, 0)}
	w.in.Transport, w.in.Port = dissect.UDP, port
	w.in.Server = map[account.ID]account.ServerRecord{}
	return w
}

func (w *world) emit(sequence uint64) account.ID {
	id := account.ID{Origin: 1, Sequence: sequence}
	w.in.Emissions = append(w.in.Emissions, account.Emission{ID: id, Time: w.now})
	return id
}

// cross lets an event's datagram cross a leg with a fate and so many copies.
func (w *world) cross(leg int, sequence uint64, fate account.PacketFate, copies int) {
	w.crossAs(leg, datagram(leg, sequence), fate, copies)
}

// crossAs is cross for a packet.
func (w *world) crossAs(leg int, data []byte, fate account.PacketFate, copies int) {
	from, to := account.Client, account.Server
	if leg == account.ToSubscriber {
		from, to = to, from
	}
	hash := xxhash.Sum64(data)
	w.in.Taps[from].Packets = append(w.in.Taps[from].Packets, account.Packet{Data: data, Hash: hash, Outgoing: true})
	p := account.Passage{Hash: hash, OutHash: hash, Length: len(data), SrcPort: 40000, DstPort: port, Protocol: dissect.UDP, Fate: fate, Copies: copies}
	arrived := data
	if fate == account.PacketCorrupted {
		arrived = append([]byte(nil), data...)
		arrived[len(arrived)-1] ^= 1
		p.OutHash = xxhash.Sum64(arrived)
	}
	w.in.Wire[leg].Passages = append(w.in.Wire[leg].Passages, p)
	for range copies {
		w.in.Taps[to].Packets = append(w.in.Taps[to].Packets, account.Packet{Data: arrived, Hash: p.OutHash})
	}
}

func (w *world) serverReads(id account.ID, times int) {
	w.in.Server[id] = account.ServerRecord{Read: times}
}

func (w *world) deliver(id account.ID) {
	w.in.Deliveries = append(w.in.Deliveries, account.Delivery{ID: id, Time: w.now.Add(time.Millisecond)})
}

func TestSettleFates(t *testing.T) {
	for name, c := range map[string]struct {
		happen func(w *world, id account.ID)
		want   account.Fate
		lost   int
	}{
		"delivered": {func(w *world, id account.ID) {
			w.cross(0, 1, account.PacketPassed, 1)
			w.serverReads(id, 1)
			w.cross(1, 1, account.PacketPassed, 1)
			w.deliver(id)
		}, "", 0},
		"lost on the way to the server": {func(w *world, id account.ID) { w.cross(0, 1, account.PacketLost, 0) }, account.WireLoss, 0},
		"lost on the way back": {func(w *world, id account.ID) {
			w.cross(0, 1, account.PacketPassed, 1)
			w.serverReads(id, 1)
			w.cross(1, 1, account.PacketLost, 0)
		}, account.WireLoss, 1},
		"queue full": {func(w *world, id account.ID) { w.cross(0, 1, account.PacketOverflow, 0) }, account.WireQueue, 0},
		"corrupted":  {func(w *world, id account.ID) { w.cross(0, 1, account.PacketCorrupted, 1) }, account.WireCorrupt, 0},
		"server's buffer": {func(w *world, id account.ID) {
			w.cross(0, 1, account.PacketPassed, 1)
			w.in.Kernels[account.Server].ReceiveBuffer = 1
		}, account.ReceiveBuffer, 0},
		"subscriber's buffer": {func(w *world, id account.ID) {
			w.cross(0, 1, account.PacketPassed, 1)
			w.serverReads(id, 1)
			w.cross(1, 1, account.PacketPassed, 1)
			w.in.Kernels[account.Client].ReceiveBuffer = 1
		}, account.ReceiveBuffer, 1},
		"subscriber's buffer, by its socket": {func(w *world, id account.ID) {
			w.cross(0, 1, account.PacketPassed, 1)
			w.serverReads(id, 1)
			w.cross(1, 1, account.PacketPassed, 1)
			w.in.Kernels[account.Client].ReceiveBuffer, w.in.Sockets[account.ToSubscriber] = 3, new(int64(1))
		}, account.ReceiveBuffer, 1},
		"another socket's buffer": {func(w *world, id account.ID) {
			w.cross(0, 1, account.PacketPassed, 1)
			w.serverReads(id, 1)
			w.cross(1, 1, account.PacketPassed, 1)
			w.in.Kernels[account.Client].ReceiveBuffer, w.in.Sockets[account.ToSubscriber] = 3, new(int64)
		}, account.Unexplained, 1},
		"buffer that the kernel does not confirm": {func(w *world, id account.ID) { w.cross(0, 1, account.PacketPassed, 1) }, account.Unexplained, 0},
		"no socket": {func(w *world, id account.ID) {
			w.cross(0, 1, account.PacketPassed, 1)
			w.in.Kernels[account.Server].NoSocket = 1
		}, account.NoSocket, 0},
		"offline": {func(w *world, id account.ID) {
			w.cross(0, 1, account.PacketPassed, 1)
			w.in.Server[id] = account.ServerRecord{Read: 1, Fate: account.Offline}
		}, account.Offline, 1},
		"refused":          {func(w *world, id account.ID) { w.in.Emissions[0].Refused = true }, account.SendRefused, 0},
		"the host's queue": {func(w *world, id account.ID) { w.in.Kernels[account.Client].Queue = 1 }, account.HostQueue, 0},
		"the server host's queue": {func(w *world, id account.ID) {
			w.cross(0, 1, account.PacketPassed, 1)
			w.serverReads(id, 1)
			w.in.Kernels[account.Server].Queue = 1
		}, account.HostQueue, 1},
		"nowhere":     {func(w *world, id account.ID) {}, account.Unexplained, 0},
		"server mute": {func(w *world, id account.ID) { w.cross(0, 1, account.PacketPassed, 1); w.serverReads(id, 1) }, account.Unexplained, 1},
		"duplicate makes up for the loss": {func(w *world, id account.ID) {
			w.cross(0, 1, account.PacketPassed, 2)
			w.serverReads(id, 2)
			w.cross(1, 1, account.PacketLost, 0)
			w.cross(1, 1, account.PacketPassed, 1)
			w.deliver(id)
		}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			c.happen(w, w.emit(1))
			l := account.Settle(&w.in)
			if e := l.Events[0]; e.Fate != c.want || e.Fate != "" && e.Lost != c.lost {
				t.Errorf("fate %q on leg %d, want %q on leg %d", e.Fate, e.Lost, c.want, c.lost)
			}
		})
	}
}

// TestSettleBalances draws random ways of events and holds the sums.
func TestSettleBalances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		want := map[account.Fate]int{}
		n := rapid.IntRange(1, 60).Draw(t, "events")
		for s := range uint64(n) {
			id := w.emit(s + 1)
			switch rapid.IntRange(0, 3).Draw(t, fmt.Sprint("way ", s)) {
			case 0:
				w.cross(0, s+1, account.PacketLost, 0)
				want[account.WireLoss]++
			case 1:
				w.cross(0, s+1, account.PacketPassed, 1)
				w.serverReads(id, 1)
				w.cross(1, s+1, account.PacketCorrupted, 1)
				want[account.WireCorrupt]++
			case 2:
				w.cross(0, s+1, account.PacketPassed, 1)
				w.in.Kernels[account.Server].ReceiveBuffer++
				want[account.ReceiveBuffer]++
			default:
				w.cross(0, s+1, account.PacketPassed, 1)
				w.serverReads(id, 1)
				w.cross(1, s+1, account.PacketPassed, 1)
				w.deliver(id)
				want[""]++
			}
		}
		l := account.Settle(&w.in)
		sum := l.Delivered
		for f, got := range l.Fates {
			sum += got
			if got != want[f] {
				t.Errorf("%s: %d, want %d", f, got, want[f])
			}
		}
		if sum != n || l.Delivered != want[""] || l.Unexplained() != 0 {
			t.Errorf("emitted %d = delivered %d (want %d) + %v", n, l.Delivered, want[""], l.Fates)
		}
	})
}

func TestLostDigestIsOfRelativeSequences(t *testing.T) {
	digest := func(first uint64, lost ...uint64) string {
		w := newWorld()
		for s := first; s < first+10; s++ {
			w.emit(s)
		}
		for _, s := range lost {
			w.cross(0, s, account.PacketLost, 0)
		}
		return account.Settle(&w.in).LostDigest()
	}
	if digest(1, 3, 5) != digest(101, 105, 103) {
		t.Error("the same events relative to the first have another digest")
	}
	if digest(1, 3, 5) == digest(1, 3, 6) {
		t.Error("other events have the same digest")
	}
}
