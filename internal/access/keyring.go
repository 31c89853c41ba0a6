package access

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"rawlab/internal/clock"
)

// Why a client is not admitted.
var (
	ErrNoToken = errors.New("a token is needed: pass one with --token-file or " + TokenEnv)
	ErrUnknown = errors.New("the token is not known here")
	ErrExpired = errors.New("the token has expired")
)

// Grant is what the bearer of a token may do, until the keyring changes.
type Grant struct {
	Name string // of the token, empty for the anonymous
	*Rights
	digest *Digest // nil: there was no token
}

// Keyring is a token file in use. It is safe for concurrent use.
type Keyring struct {
	path  string
	clock clock.Clock

	mu       sync.Mutex
	content  []byte // of the file that holds
	table    *table
	watchers map[*func()]struct{}
	asked    time.Time // when change was noticed last: what has expired since is a change
}

// Open reads a token file. A nil clock is the machine's own. Errors tell
// the file and the line.
func Open(path string, c clock.Clock) (*Keyring, error) {
	k := &Keyring{path: path, clock: clock.Or(c), watchers: make(map[*func()]struct{})}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the tokens: %w", err)
	}
	if k.table, err = parse(b); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	k.content, k.asked = b, k.clock.Now()
	return k, nil
}

// Admit returns what the bearer of a token may do; an empty token is that of
// a client who has none. It takes as long for every token of a length. Errors
// are [ErrNoToken], [ErrUnknown] and [ErrExpired].
func (k *Keyring) Admit(token []byte) (*Grant, error) {
	if len(token) == 0 {
		return k.grant(nil)
	}
	d := DigestOf(token)
	return k.grant(&d)
}

// Renew returns what the bearer of a grant may do now.
func (k *Keyring) Renew(g *Grant) (*Grant, error) { return k.grant(g.digest) }

func (k *Keyring) grant(d *Digest) (*Grant, error) {
	k.mu.Lock()
	t := k.table
	k.mu.Unlock()
	if d == nil {
		if t.anonymous == nil {
			return nil, ErrNoToken
		}
		return &Grant{Rights: t.anonymous}, nil
	}
	e := t.find(d)
	switch {
	case e == nil:
		return nil, ErrUnknown
	case !e.Expires.IsZero() && !k.clock.Now().Before(e.Expires):
		return nil, ErrExpired
	}
	return &Grant{Name: e.Name, Rights: &e.Rights, digest: d}, nil
}

// find looks at every entry, so that time tells nothing of which one it was.
func (t *table) find(d *Digest) *Entry {
	found := -1
	for i := range t.entries {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(t.entries[i].Digest[:], d[:]), i, found)
	}
	if found < 0 {
		return nil
	}
	return &t.entries[found]
}

// OnChange calls changed, on the goroutine of Reload, whenever grants may
// have become others, until stop is called.
func (k *Keyring) OnChange(changed func()) (stop func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := &changed
	k.watchers[key] = struct{}{}
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.watchers, key)
	}
}

// Reload reads the file again and reports whether grants may have changed:
// the file has, or a token has expired. A broken file leaves everything as it
// was; its error tells the line.
func (k *Keyring) Reload() (changed bool, err error) {
	b, err := os.ReadFile(k.path)
	if err != nil {
		return k.notice(nil), fmt.Errorf("reading the tokens: %w; the rights of before hold", err)
	}
	t, err := parse(b)
	if err != nil {
		return k.notice(nil), fmt.Errorf("%s: %w; the rights of before hold", k.path, err)
	}
	k.mu.Lock()
	same := string(b) == string(k.content)
	k.content = b
	k.mu.Unlock()
	if same {
		return k.notice(nil), nil
	}
	return k.notice(t), nil
}

// Watch reloads the file whenever it changes, until ctx is done, and reports
// what came of it.
func (k *Keyring) Watch(ctx context.Context, report func(err error)) {
	k.mu.Lock()
	used := [][]byte{k.content}
	k.mu.Unlock()
	watch(ctx, k.clock, []string{k.path}, used, func(changed bool) {
		if !changed {
			k.notice(nil)
			return
		}
		_, err := k.Reload()
		report(err)
	})
}

// notice takes a new table, if there is one, and tells who watches.
func (k *Keyring) notice(t *table) bool {
	now := k.clock.Now()
	k.mu.Lock()
	changed := t != nil
	if t != nil {
		k.table = t
	}
	for _, e := range k.table.entries {
		changed = changed || e.Expires.After(k.asked) && !e.Expires.After(now)
	}
	k.asked = now
	var watchers []func()
	if changed {
		for w := range k.watchers {
			watchers = append(watchers, *w)
		}
	}
	k.mu.Unlock()
	for _, w := range watchers {
		w()
	}
	return changed
}

// Size returns how many tokens there are.
func (k *Keyring) Size() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.table.entries)
}
