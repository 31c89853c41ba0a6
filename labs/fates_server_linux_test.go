package labs_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rawlab/capture/account"
	"rawlab/internal/access"
	"rawlab/internal/queue"
	"rawlab/labs"
	"rawlab/tcpq"
	"rawlab/udpq"
)

// garbler sends every eighth event as bytes that are no frame.
type garbler struct {
	net.Conn
	spoil func([]byte)
}

func (g *garbler) Write(b []byte) (int, error) {
	if isMarked(b, 6) {
		b = slices.Clone(b)
		g.spoil(b)
	}
	return g.Conn.Write(b)
}

// A datagram of which no frame can be read does not say which event it was.
func TestFateFrameInvalid(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func([]byte){
		"a checksum that does not match": func(b []byte) { b[len(b)-1] ^= 1 },
		"nothing but noise": func(b []byte) {
			for i := range b {
				b[i] = byte(i*i + 91)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := calm(200)
			o.Impairment.Loss = 0.1 // takes some of those too
			got, in := provoke(t, &labs.Provocation{Options: o, Socket: func(c net.Conn) net.Conn { return &garbler{c, spoil} }})
			if in.Invalid != int64(len(got[account.FrameInvalid])) || in.Invalid == 0 {
				t.Errorf("the server could not read %d frames, the ledger has %d", in.Invalid, len(got[account.FrameInvalid]))
			}
			for _, s := range got[account.FrameInvalid] {
				if s&7 != 6 {
					t.Errorf("%d was a good frame", s)
				}
			}
			for _, s := range marked(o.Events, 6) {
				if !slices.Contains(got[account.FrameInvalid], s) && !slices.Contains(got[account.WireLoss], s) {
					t.Errorf("%d was garbled, and neither told so nor lost", s)
				}
			}
			if len(got) != 3 {
				t.Errorf("fates %v", got)
			}
		})
	}
}

// The emitter may emit to one topic of two.
func TestFateUnauthorized(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	rules := "tokens:\n  - sha256: " + access.DigestOf([]byte("secret")).String() + "\n    emit: [lab]\n    listen: [lab]\n"
	if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	keyring, err := access.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	var forbidden []uint64
	got, in := provoke(t, &labs.Provocation{
		Options:   calm(60),
		ServerUDP: func(c *udpq.Config) { c.Keyring = keyring },
		Dial:      func(c *udpq.ClientConfig) { c.Token = []byte("secret") },
		Script: func(ctx context.Context, s *labs.Stage) error {
			for i := range 60 {
				topic := "lab"
				if i%3 == 1 {
					topic = "vault"
				}
				if err := s.EmitTo(topic); err != nil {
					return err
				}
			}
			return s.Settle(ctx)
		},
	})
	for i := 1; i < len(in.Emissions); i += 3 {
		forbidden = append(forbidden, in.Emissions[i].ID.Sequence)
	}
	got.want(t, byFate{account.Unauthorized: forbidden})
}

// A queue in the server overflows before a subscriber that is too slow.
func TestFateServerQueue(t *testing.T) {
	t.Parallel()
	o := calm(2000)
	o.Size, o.ReaderDelay, o.ReceiveBuffer, o.Pace = 2000, 2*time.Millisecond, 4096, 20_000
	dropped := map[uint64]bool{}
	got, in := provoke(t, &labs.Provocation{
		Options: o, TCP: true,
		ServerTCP: func(c *tcpq.Config) {
			c.Policy, c.OutboxBytes = queue.DropOldest, 64<<10
			note := c.Trace
			c.Trace = func(e queue.TraceEvent) {
				if e.Stage == queue.Dropped && e.Fate == queue.FateServerQueue {
					dropped[e.Sequence] = true
				}
				note(e)
			}
		},
	})
	var missing []uint64
	read := map[uint64]bool{}
	for _, d := range in.Deliveries {
		read[d.ID.Sequence] = true
	}
	for s := uint64(1); s <= uint64(o.Events); s++ {
		if !read[s] {
			missing = append(missing, s)
		}
	}
	got.want(t, byFate{account.ServerQueue: missing})
	if len(dropped) != len(missing) {
		t.Errorf("the server dropped %d events, %d are missing", len(dropped), len(missing))
	}
}

// While the subscriber is away a topic lets its events go, or keeps so many.
func TestFatesOfAnAbsence(t *testing.T) {
	t.Parallel()
	const events, before, away, kept = 60, 20, 20, 8
	for _, tcp := range []bool{false, true} {
		for _, policy := range []queue.Policy{queue.PolicyIgnore, queue.PolicyStore} {
			t.Run(fmt.Sprintf("%v, TCP %v", policy, tcp), func(t *testing.T) {
				t.Parallel()
				p := &labs.Provocation{
					Options: calm(events), TCP: tcp, Name: "bob", Retention: queue.Retention{Count: kept},
					Topics: map[string]queue.Policy{"lab": policy},
				}
				fate, gone := account.Offline, away
				if policy == queue.PolicyStore {
					fate, gone = account.Expired, away-kept
				}
				p.Script = func(ctx context.Context, s *labs.Stage) error {
					for _, step := range []func() error{
						func() error { return s.Emit(ctx, before) },
						func() error { return s.SettleAt(ctx, before) },
						func() error { return s.Leave(ctx) },
						func() error { return s.Emit(ctx, away) },
						func() error { return s.Read(ctx, before+away) },
						func() error { return s.Return(ctx) },
						func() error { return s.Emit(ctx, events-before-away) },
						func() error { return s.SettleAt(ctx, events-gone) },
					} {
						if err := step(); err != nil {
							return err
						}
					}
					return nil
				}
				got, _ := provoke(t, p)
				var set []uint64
				for s := uint64(before + 1); s <= uint64(before+gone); s++ {
					set = append(set, s)
				}
				got.want(t, byFate{fate: set})
			})
		}
	}
}

// The connection breaks while events are under way.
func TestFateConnectionLost(t *testing.T) {
	t.Parallel()
	const events, before = 100, 60
	p := &labs.Provocation{Options: calm(events), TCP: true}
	var conn net.Conn
	p.Socket = func(c net.Conn) net.Conn { conn = c; return c }
	p.Script = func(ctx context.Context, s *labs.Stage) error {
		if err := s.Emit(ctx, before); err != nil {
			return err
		}
		if err := s.SettleAt(ctx, before); err != nil {
			return err
		}
		if err := s.CutWire(); err != nil {
			return err
		}
		if err := s.Emit(ctx, events-before); err != nil {
			return err
		}
		if err := conn.(*net.TCPConn).SetLinger(0); err != nil { // RFC 9293, section 3.10.5: abort
			return err
		}
		s.Break(conn.Close)
		return s.MendWire()
	}
	got, _ := provoke(t, p)
	var set []uint64
	for s := uint64(before + 1); s <= events; s++ {
		set = append(set, s)
	}
	got.want(t, byFate{account.ConnectionLost: set})
}
