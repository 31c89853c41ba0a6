package access

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"sync"
)

// Bounds of a file of pre-shared keys.
const (
	MinKey  = 16 // bytes: 128 bits
	MaxKey  = 64
	MaxKeys = 10_000

	maxIdentity = 128 // bytes (RFC 4279 section 5.3 asks for so much)
)

// Keys is a file of pre-shared keys in use (RFC 4279): who knows one is let in
// by a server that knows it too. Each line is an identity and a key in
// hexadecimal, as openssl rand -hex 32 makes; one that begins with # says
// nothing. It is safe for concurrent use.
type Keys struct {
	path string

	mu      sync.Mutex
	content []byte // of the file, when it was read last
	keys    map[string][]byte
}

// OpenKeys reads a file of pre-shared keys. Its errors tell the file and the
// line, and never a key.
func OpenKeys(path string) (*Keys, error) {
	k := &Keys{path: path}
	return k, k.Reload()
}

// Reload reads the file again. One that cannot be used leaves the keys of
// before in use.
func (k *Keys) Reload() error {
	b, err := os.ReadFile(k.path)
	if err != nil {
		return fmt.Errorf("reading the keys: %w", err)
	}
	keys, err := parseKeys(b)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.content = b
	if err != nil {
		return fmt.Errorf("%s: %w", k.path, err)
	}
	k.keys = keys
	return nil
}

// Watch reloads the file whenever it changes, until ctx is done, and reports
// what came of it.
func (k *Keys) Watch(ctx context.Context, report func(err error)) {
	k.mu.Lock()
	used := [][]byte{k.content}
	k.mu.Unlock()
	watch(ctx, nil, []string{k.path}, used, func(changed bool) {
		if changed {
			report(k.Reload())
		}
	})
}

// Key returns the key of an identity.
func (k *Keys) Key(identity string) (key []byte, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, known = k.keys[identity]
	return key, known
}

// Size returns how many keys there are.
func (k *Keys) Size() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.keys)
}

// Only returns the key of a file that holds one, as a client's does.
func (k *Keys) Only() (identity string, key []byte, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) != 1 {
		return "", nil, fmt.Errorf("%s holds %d keys: a client's file holds one, its own", k.path, len(k.keys))
	}
	for identity, key = range k.keys {
	}
	return identity, key, nil
}

// parseKeys reads identities and keys. Its errors begin with the line.
func parseKeys(b []byte) (map[string][]byte, error) {
	if len(b) > maxFileBytes {
		return nil, fmt.Errorf("%d bytes: at most %d", len(b), maxFileBytes)
	}
	keys := make(map[string][]byte)
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		words := bytes.Fields(lines.Bytes())
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		if len(words) != 2 || len(words[0]) > maxIdentity {
			return nil, fmt.Errorf("line %d: want an identity of at most %d bytes and a key, as in: sensors 8f3a…", n, maxIdentity)
		}
		key, err := hex.DecodeString(string(words[1]))
		if err != nil || len(key) < MinKey || len(key) > MaxKey {
			return nil, fmt.Errorf("line %d: want a key of %d to %d hexadecimal digits; 'openssl rand -hex 32' makes one", n, 2*MinKey, 2*MaxKey)
		}
		if _, twice := keys[string(words[0])]; twice {
			return nil, fmt.Errorf("line %d: %q a second time", n, words[0])
		}
		keys[string(words[0])] = key
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(keys) == 0 || len(keys) > MaxKeys {
		return nil, fmt.Errorf("%d keys: want 1 to %d", len(keys), MaxKeys)
	}
	return keys, nil
}
