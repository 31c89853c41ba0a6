package access

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// Why a session may not do something.
var (
	ErrEmit   = errors.New("the token does not allow emitting to this topic")
	ErrListen = errors.New("the token does not allow listening to this topic")
)

// IsDenied reports whether it was a keyring, or the lack of a right, that
// refused.
func IsDenied(err error) bool {
	for _, denial := range []error{ErrNoToken, ErrUnknown, ErrExpired, ErrEmit, ErrListen} {
		if errors.Is(err, denial) {
			return true
		}
	}
	return false
}

// Gate is what one session may do now. The zero value allows everything. It
// is safe for concurrent use, but for MayEmit.
type Gate struct {
	keyring *Keyring
	grant   atomic.Pointer[Grant] // nil: everything is allowed, or nothing is yet
	asked   struct {              // by MayEmit last, since events of one topic come in rows
		grant *Grant
		topic []byte
		given bool
	}
}

// Enter learns what the bearer of a token may do. A nil keyring allows
// everything.
func (g *Gate) Enter(k *Keyring, token []byte) error {
	if k == nil {
		return nil
	}
	grant, err := k.Admit(token)
	if err != nil {
		return err
	}
	g.keyring = k
	g.grant.Store(grant)
	return nil
}

// Grant returns what holds now, nil if everything is allowed. Another one
// than before says that the keyring changed.
func (g *Gate) Grant() *Grant { return g.grant.Load() }

// Owner returns the digest of the session's token, to which what it leaves
// behind belongs; empty if it has none.
func (g *Gate) Owner() string {
	if grant := g.grant.Load(); grant != nil && grant.digest != nil {
		return grant.digest.String()
	}
	return ""
}

// MayEmit reports whether events may be emitted to a topic. It belongs to
// the goroutine that reads.
func (g *Gate) MayEmit(topic []byte) bool {
	grant := g.grant.Load()
	if grant == nil {
		return true
	}
	a := &g.asked
	if a.grant != grant || string(a.topic) != string(topic) {
		a.grant, a.topic, a.given = grant, append(a.topic[:0], topic...), grant.MayEmit(topic)
	}
	return a.given
}

// MayListen reports whether a topic or a pattern may be listened to.
func (g *Gate) MayListen(topic []byte) bool {
	grant := g.grant.Load()
	return grant == nil || grant.MayListen(topic)
}

// Renew asks the keyring again. It fails when the token is gone, or what the
// session listens to is no longer allowed: then it is to end.
func (g *Gate) Renew(listening func() []string) error {
	old := g.grant.Load()
	if old == nil {
		return nil
	}
	grant, err := g.keyring.Renew(old)
	if err != nil {
		return err
	}
	g.grant.Store(grant)
	for _, topic := range listening() {
		if !grant.MayListen([]byte(topic)) {
			return fmt.Errorf("%w any more: %q", ErrListen, topic)
		}
	}
	return nil
}
