package labs_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/labs"
	"rawlab/labs/host"
	"rawlab/udpq"
)

// A firewall drops what it takes to be every eighth event.
func TestFateFiltered(t *testing.T) {
	needNft(t)
	t.Parallel()
	for name, size := range map[string]int{"datagrams": 128, "fragments": 4000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := calm(200)
			o.Size = size
			var counters string
			rules := "table inet t { chain c { type filter hook input priority 0; udp dport 9700 " + sequenceByte + " & 7 == 3 counter drop; }; }"
			got, _ := provoke(t, &labs.Provocation{Options: o, Script: between(o.Events,
				func(s *labs.Stage) error { return labs.Filter(s.Server(), rules) },
				func(s *labs.Stage) (err error) {
					counters, err = labs.Filtered(s.Server())
					return err
				})})
			got.want(t, byFate{account.Filtered: marked(o.Events, 3)})
			if n := fmt.Sprintf("counter packets %d ", len(marked(o.Events, 3))); !strings.Contains(counters, n) {
				t.Errorf("nft says %s, want %s", counters, n)
			}
		})
	}
}

// Several things take events at one host at once: the wire, its firewall, and
// a buffer too small for a slow reader.
func TestFatesAtOneHost(t *testing.T) {
	needNft(t)
	t.Parallel()
	o := calm(600)
	o.Impairment.Loss, o.ReceiveBuffer, o.ReaderDelay = 0.1, 4096, 1_000_000
	var overflowed int64
	rules := "table inet t { chain c { type filter hook prerouting priority 0; udp sport 9700 " + sequenceByte + " & 7 == 5 drop; }; }"
	got, in := provoke(t, &labs.Provocation{Options: o, Script: between(o.Events,
		func(s *labs.Stage) error { return labs.Filter(s.Client(), rules) },
		read(account.Client, "Udp.RcvbufErrors", &overflowed))})
	none, _ := bothLegs(in)
	filtered := slices.DeleteFunc(marked(o.Events, 5), func(s uint64) bool { return slices.Contains(none, s) })
	var overflow []uint64
	for s := uint64(1); s <= uint64(o.Events); s++ {
		if !slices.Contains(none, s) && !slices.Contains(filtered, s) && !slices.ContainsFunc(in.Deliveries, func(d account.Delivery) bool { return d.ID.Sequence == s }) {
			overflow = append(overflow, s)
		}
	}
	got.want(t, byFate{account.WireLoss: none, account.Filtered: filtered, account.ReceiveBuffer: overflow})
	if int64(len(overflow)) != overflowed {
		t.Errorf("%d events are left for a full buffer, the kernel counts %d", len(overflow), overflowed)
	}
}

// The server's socket is gone after half of the events, and its host's
// firewall takes some before they could miss it.
func TestFateNoSocket(t *testing.T) {
	needNft(t)
	t.Parallel()
	for _, v6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("IPv6 %v", v6), func(t *testing.T) {
			t.Parallel()
			o := calm(200)
			o.IPv6 = v6
			var counters host.Counters
			hurry := func(c *udpq.Config) { c.DrainTimeout = time.Millisecond }
			leave := func(c *udpq.ClientConfig) { c.RetryInterval = 20 * time.Millisecond } // nobody answers its bye
			got, in := provoke(t, &labs.Provocation{Options: o, ServerUDP: hurry, Dial: leave, Script: func(ctx context.Context, s *labs.Stage) error {
				if err := s.Emit(ctx, o.Events/2); err != nil {
					return err
				}
				if err := s.Settle(ctx); err != nil {
					return err
				}
				rules := "table inet t { chain c { type filter hook input priority 0; udp dport 9700 " + sequenceByte + " & 7 == 1 drop; }; }"
				if err := labs.Filter(s.Server(), rules); err != nil {
					return err
				}
				if err := s.CloseServerSocket(ctx); err != nil {
					return err
				}
				if err := s.Emit(ctx, o.Events/2); err != nil {
					return err
				}
				if err := s.Settle(ctx); err != nil {
					return err
				}
				var err error
				counters, err = s.Counters(account.Server)
				return err
			}})
			var refused, filtered, nobody []uint64
			for _, e := range in.Emissions[o.Events/2:] { // an ICMP message may refuse an event twice, for those before it
				switch s := e.ID.Sequence; {
				case e.Refused:
					refused = append(refused, s)
				case s&7 == 1:
					filtered = append(filtered, s)
				default:
					nobody = append(nobody, s)
				}
			}
			sets := byFate{account.NoSocket: nobody, account.Filtered: filtered}
			if len(refused) > 0 {
				sets[account.SendRefused] = refused
			}
			got.want(t, sets)
			if n := counters["Udp.NoPorts"] + counters["Udp6.NoPorts"]; n != int64(len(nobody)) {
				t.Errorf("the kernel counts %d datagrams without a socket, want %d", n, len(nobody))
			}
		})
	}
}

// A full buffer at the server, whose events were never read by anybody.
func TestFateReceiveBuffer(t *testing.T) {
	t.Parallel()
	o := calm(400)
	o.ReceiveBuffer, o.ReaderDelay = 4096, 1_000_000
	got, in := provoke(t, &labs.Provocation{Options: o})
	_, _, came := crossed(&in.Taps[account.Server], &in.Taps[account.Client], framing.KindEvent)
	read := map[uint64]bool{}
	for _, d := range in.Deliveries {
		read[d.ID.Sequence] = true
	}
	lost := slices.DeleteFunc(came, func(s uint64) bool { return read[s] })
	got.want(t, byFate{account.ReceiveBuffer: lost})
	for leg, want := range []int{account.ToServer: 0, account.ToSubscriber: len(lost)} {
		if own := in.Sockets[leg]; own == nil {
			t.Errorf("leg %d: its socket was not asked", leg)
		} else if *own != int64(want) {
			t.Errorf("leg %d: its socket counts %d packets dropped, want %d", leg, *own, want)
		}
	}
}

// The firewall drops on the way out, which the kernel tells the emitter.
func TestFateSendRefused(t *testing.T) {
	needNft(t)
	t.Parallel()
	o := calm(200)
	got, in := provoke(t, &labs.Provocation{Options: o, Script: func(ctx context.Context, s *labs.Stage) error {
		rules := "table inet t { chain c { type filter hook output priority 0; udp dport 9700 " + sequenceByte + " & 7 == 4 drop; }; }"
		if err := labs.Filter(s.Client(), rules); err != nil {
			return err
		}
		if err := s.Emit(ctx, o.Events); err != nil {
			return err
		}
		return s.Settle(ctx)
	}})
	got.want(t, byFate{account.SendRefused: marked(o.Events, 4)})
	if left := packets(&in.Taps[account.Client], true, framing.KindEmit); len(left) != o.Events-len(marked(o.Events, 4)) {
		t.Errorf("%d events left the host", len(left))
	}
}

// The client's queue is a token bucket that overflows: the kernel says
// nothing to who sends, and counts.
func TestFateHostQueue(t *testing.T) {
	t.Parallel()
	o := calm(300)
	var dropped int64
	got, in := provoke(t, &labs.Provocation{Options: o, Script: between(o.Events,
		func(s *labs.Stage) error { return s.Throttle(s.Client(), 1_000_000, 3000) },
		read(account.Client, "Udp.SndbufErrors", &dropped))}) // what its queue drops, UDP notes there, if it tells nobody
	left := packets(&in.Taps[account.Client], true, framing.KindEmit)
	var never []uint64
	for s := uint64(1); s <= uint64(o.Events); s++ {
		if left[s] == nil {
			never = append(never, s)
		}
	}
	got.want(t, byFate{account.HostQueue: never})
	if dropped != int64(len(never)) {
		t.Errorf("%d events never left their host, its kernel counts %d", len(never), dropped)
	}
}

// forger sends every eighth event with a wrong UDP checksum, by a raw socket.
type forger struct {
	net.Conn
	raw net.PacketConn
}

func (f *forger) Write(b []byte) (int, error) {
	if !isMarked(b, 2) {
		return f.Conn.Write(b)
	}
	from, to := f.LocalAddr().(*net.UDPAddr), f.RemoteAddr().(*net.UDPAddr)
	d := make([]byte, 8, 8+len(b))
	binary.BigEndian.PutUint16(d, uint16(from.Port))
	binary.BigEndian.PutUint16(d[2:], uint16(to.Port))
	binary.BigEndian.PutUint16(d[4:], uint16(8+len(b)))
	d = append(d, b...)
	for sum := uint16(1); ; sum++ {
		binary.BigEndian.PutUint16(d[6:], sum)
		if dissect.VerifyUDP(from.AddrPort().Addr(), to.AddrPort().Addr(), d) == dissect.ChecksumBad {
			break
		}
	}
	_, err := f.raw.WriteTo(d, &net.IPAddr{IP: to.IP})
	return len(b), err
}

// isMarked tells whether a datagram is an event whose number ends in bits.
func isMarked(b []byte, bits byte) bool {
	return len(b) >= 32 && framing.Kind(b[4]&31) == framing.KindEmit && b[23]&7 == bits
}

// The sender's checksum is wrong, or a firewall changes a byte behind the tap.
func TestFateChecksum(t *testing.T) {
	needNft(t)
	t.Parallel()
	for name, c := range map[string]struct{ forge, mangle bool }{"sent so": {forge: true}, "changed by the host": {mangle: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := calm(200)
			var counted int64
			f := &forger{}
			p := &labs.Provocation{Options: o, Script: between(o.Events, func(s *labs.Stage) error {
				if c.forge {
					raw, err := s.Client().ListenPacket(t.Context(), "ip4:17", s.Client().IPv4.String())
					if err != nil {
						return err
					}
					t.Cleanup(func() { raw.Close() })
					f.raw = raw
				}
				if c.mangle { // the first byte of the payload; nft mends no checksum of what it does not know
					rules := "table ip t { chain c { type filter hook prerouting priority 0; udp dport 9700 " + sequenceByte + " & 7 == 2 @th,520,8 set 0xff; }; }"
					return labs.Filter(s.Server(), rules)
				}
				return nil
			}, read(account.Server, "Udp.InCsumErrors", &counted))}
			if c.forge {
				p.Socket = func(conn net.Conn) net.Conn { f.Conn = conn; return f }
			}
			got, _ := provoke(t, p)
			got.want(t, byFate{account.Checksum: marked(o.Events, 2)})
			if n := len(marked(o.Events, 2)); counted != int64(n) {
				t.Errorf("the kernel counts %d wrong checksums, want %d", counted, n)
			}
		})
	}
}
