package account_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
)

// fragments cuts a packet of IPv4 into fragments of so many bytes, a multiple
// of 8 (RFC 791, section 3.2).
func fragments(b []byte, size int) (cut []account.Packet) {
	const start = 14 + 20
	for at := start; at < len(b); at += size {
		end := min(len(b), at+size)
		f := append(bytes.Clone(b[:start]), b[at:end]...)
		offset := uint16((at - start) / 8)
		if end < len(b) {
			offset |= 0x2000
		}
		binary.BigEndian.PutUint16(f[14+2:], uint16(len(f)-14))
		binary.BigEndian.PutUint16(f[14+6:], offset)
		cut = append(cut, account.Packet{Data: f})
	}
	return cut
}

// TestSettleShortened: an account of fragments of which a tap kept only the
// beginnings is that of whole ones, and a door tells a datagram of them.
func TestSettleShortened(t *testing.T) {
	big := packet(account.ToServer, &framing.Frame{
		Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Sequence: 1, Topic: []byte("lab"), Payload: bytes.Repeat([]byte{7}, 3001),
	})
	for name, shorten := range map[string]bool{"whole": false, "shortened": true} {
		for what, change := range map[string]int{"as it was sent": -1, "changed in its first piece": 50, "changed in its last": len(big) - 14 - 20 - 3} {
			w := newWorld()
			id := w.emit(1)
			parser := dissect.NewParser(dissect.LinkEthernet)
			for i, p := range fragments(big, 1480) {
				p.Hash, p.Outgoing = uint64(i+1), true
				came := p
				came.Outgoing = false
				if shorten {
					for _, x := range []*account.Packet{&p, &came} {
						if x.Shorten(parser); x.Cut == 0 || len(x.Data)+x.Cut != len(fragments(big, 1480)[i].Data) {
							t.Fatalf("%d bytes left, %d cut", len(x.Data), x.Cut)
						}
					}
				}
				w.in.Taps[account.Client].Packets = append(w.in.Taps[account.Client].Packets, p)
				w.in.Taps[account.Server].Packets = append(w.in.Taps[account.Server].Packets, came)
				w.in.Wire[0].Passages = append(w.in.Wire[0].Passages, account.Passage{Protocol: dissect.UDP, Hash: p.Hash, OutHash: p.Hash, Copies: 1})
			}
			d := w.watch(0)
			w.in.Kernels[account.Server].ReceiveBuffer, w.in.Kernels[account.Server].Firewall = 1, true
			datagram := bytes.Clone(big[34:])
			want := account.ReceiveBuffer
			if change >= 0 { // so that another datagram came through the door than the one that was sent
				datagram[change] ^= 1
				want = account.Filtered
			}
			d.Admissions = append(d.Admissions, account.Admit(datagram, dissect.ChecksumGood))
			if l := account.Settle(&w.in); l.Events[0].ID != id || l.Events[0].Fate != want || l.Events[0].Packets != 3 {
				t.Errorf("%s, %s: %+v, want %s of 3 packets; %v", name, what, l.Events[0], want, l.Doubts)
			}
		}
	}
}

func TestShortenLeavesWholeDatagrams(t *testing.T) {
	p := account.Packet{Data: datagram(account.ToServer, 1)}
	if p.Shorten(dissect.NewParser(dissect.LinkEthernet)); p.Cut != 0 || len(p.Data) != len(datagram(account.ToServer, 1)) {
		t.Errorf("%d bytes cut of a datagram in one packet", p.Cut)
	}
}
