package account_test

import (
	"testing"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
)

// A place tells of each event the most that it saw.
func TestObserver(t *testing.T) {
	piece := func(n int) []byte {
		body := framing.Fragment{Total: 300, Position: uint32(100 * n), Piece: make([]byte, 100)}
		return packet(account.ToServer, &framing.Frame{Kind: framing.KindFragment, Flags: framing.FlagCRC, Origin: 1, Sequence: 1, Time: 5, Payload: body.Append(nil)})
	}
	damaged := datagram(account.ToServer, 1)
	damaged[40] = 1 // a UDP checksum, which was none
	for name, c := range map[string]struct {
		packets [][]byte
		want    account.Sight
	}{
		"nothing":            {nil, account.NeverSeen},
		"another event":      {[][]byte{datagram(account.ToServer, 2)}, account.NeverSeen},
		"on its way":         {[][]byte{datagram(account.ToServer, 1)}, account.Whole},
		"and back":           {[][]byte{datagram(account.ToServer, 1), datagram(account.ToSubscriber, 1)}, account.Forwarded},
		"refused":            {[][]byte{datagram(account.ToServer, 1), refusal(1).Data}, account.Refused},
		"damaged":            {[][]byte{damaged}, account.Damaged},
		"in pieces, not all": {[][]byte{piece(0), piece(2)}, account.Incomplete},
	} {
		t.Run(name, func(t *testing.T) {
			var o account.Observer
			p := o.Place("here", dissect.LinkEthernet)
			for i, data := range c.packets {
				p.Add(time.Unix(int64(i), 0), data)
			}
			id := account.ID{Origin: 1, Sequence: 1}
			together := o.Finish([]account.Emission{{ID: id}, {ID: account.ID{Origin: 9, Sequence: 1}}})
			if got := p.Of(id); got != c.want {
				t.Errorf("saw it %v, want %v", got, c.want)
			}
			if c.want != account.NeverSeen && (together[c.want] != 1 || together[account.NeverSeen] != 1 || p.Counts != together) {
				t.Errorf("counts %v, here %v", together, p.Counts)
			}
		})
	}
}
