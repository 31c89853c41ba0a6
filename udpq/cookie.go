package udpq

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"net/netip"
	"sync"
	"time"

	"rawlab/framing"
)

// cookieTime is how long one key makes cookies. The one before holds too, so
// a cookie holds for one to two such times.
const cookieTime = 30 * time.Second

// seals makes what shows a server whom it speaks with, and remembers none of
// it: cookies, that an address is its sender's (RFC 9000 section 8.1), and the
// keys of sessions. It is safe for concurrent use.
type seals struct {
	secret []byte

	mu     sync.Mutex
	period int64        // that now was made for
	now    hash.Hash    // HMAC-SHA256 (RFC 2104) under the period's key
	before hash.Hash    // under that of the period before
	sum    [32]byte     // scratch
	place  [16 + 2]byte // scratch
}

// newSeals returns seals of a secret; a nil one is drawn.
func newSeals(secret []byte) *seals {
	if secret == nil {
		secret = make([]byte, 32)
		rand.Read(secret) // never fails (crypto/rand)
	}
	return &seals{secret: secret, period: -1}
}

// derive returns a key of that purpose and number.
func (s *seals) derive(purpose string, number uint64) []byte {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write(binary.BigEndian.AppendUint64([]byte(purpose), number))
	return mac.Sum(nil)
}

// sessionKey returns the key of the nth session.
func (s *seals) sessionKey(n uint64) uint64 {
	return binary.BigEndian.Uint64(s.derive("session", n))
}

// cookie returns what an address is asked to show.
func (s *seals) cookie(now time.Time, from netip.AddrPort) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now)
	return s.of(s.now, from)
}

// opens reports whether a cookie is this address's.
func (s *seals) opens(now time.Time, from netip.AddrPort, cookie uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now)
	return same(s.of(s.now, from), cookie) || same(s.of(s.before, from), cookie)
}

// turn takes the keys of the time. The caller holds mu.
func (s *seals) turn(now time.Time) {
	period := now.UnixNano() / int64(cookieTime)
	if period == s.period {
		return
	}
	s.period = period
	s.now = hmac.New(sha256.New, s.derive("cookie", uint64(period)))
	s.before = hmac.New(sha256.New, s.derive("cookie", uint64(period-1)))
}

// of returns the cookie of an address under a key; never 0, which is none.
// The caller holds mu.
func (s *seals) of(mac hash.Hash, from netip.AddrPort) uint64 {
	ip := from.Addr().As16()
	copy(s.place[:], ip[:])
	binary.BigEndian.PutUint16(s.place[16:], from.Port())
	mac.Reset()
	mac.Write(s.place[:])
	return max(1, binary.BigEndian.Uint64(mac.Sum(s.sum[:0])))
}

// same compares without telling by its time where the two differ.
func same(a, b uint64) bool { return subtle.ConstantTimeCompare(bytesOf(a), bytesOf(b)) == 1 }

func bytesOf(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// shown reports whether who asks receives what is sent to its address. If
// that is not shown yet, it is told how, in fewer bytes than it has sent, and
// nothing is remembered.
func (g *group) shown(d *datagram, asked *framing.Frame) bool {
	now, s := g.server.config.Clock.Now(), g.server
	switch {
	case asked.Flags&framing.FlagOffset == 0:
		g.refuse(d, asked, framing.CodeVersion, "a hello needs an offset, for a cookie: this client is older than the server")
		return false
	case s.seals.opens(now, d.from, asked.Offset):
		d.shown = true
		return true
	case asked.Offset != 0:
		s.forged.Add(1) // or held too long
	}
	s.retries.Add(1)
	g.reply(d, &framing.Frame{
		Kind: framing.KindError, Flags: framing.FlagOffset, Code: framing.CodeRetry, Sequence: asked.Sequence, Offset: s.seals.cookie(now, d.from),
	})
	return false
}
