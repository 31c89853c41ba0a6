package access_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rawlab/internal/access"
)

func TestKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	key := strings.Repeat("5a", access.MinKey)
	for name, test := range map[string]struct{ content, want string }{
		"one":             {"ada " + key + "\n", ""},
		"some":            {"# keys\n\nada " + key + "\neve\t" + strings.Repeat("00", access.MaxKey) + "\n", ""},
		"none":            {"# keys\n", "0 keys: want 1"},
		"no key":          {"ada\n", "line 1: want an identity"},
		"a third word":    {"ada " + key + " x", "line 1: want an identity"},
		"a long identity": {strings.Repeat("a", 129) + " " + key, "line 1: want an identity"},
		"no digits":       {"ada " + key + "\neve " + strings.Repeat("z", 32), "line 2: want a key"},
		"short":           {"ada 5a5a", "line 1: want a key"},
		"long":            {"ada " + strings.Repeat("00", access.MaxKey+1), "line 1: want a key"},
		"twice":           {"ada " + key + "\nada " + key, `line 2: "ada" a second time`},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			k, err := access.OpenKeys(path)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Fatalf("OpenKeys() = %v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), key) {
				t.Errorf("the error tells a key: %v", err)
			}
			if err != nil {
				return
			}
			if got, ok := k.Key("ada"); !ok || !bytes.Equal(got, bytes.Repeat([]byte{0x5a}, access.MinKey)) {
				t.Errorf("Key(ada) = %x, %t", got, ok)
			}
			if _, ok := k.Key("bob"); ok {
				t.Error("Key(bob) is known")
			}
			identity, _, err := k.Only()
			if (err == nil) != (k.Size() == 1) || err == nil && identity != "ada" {
				t.Errorf("Only() = %q, %v with %d keys", identity, err, k.Size())
			}
		})
	}
	if _, err := access.OpenKeys(path + ".none"); err == nil {
		t.Error("OpenKeys of no file = nil")
	}
}

// A file that changes is read again; what is no use leaves the keys of before.
func TestKeysWatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	put := func(content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := strings.Repeat("5a", access.MinKey)
	put("ada " + key)
	k, err := access.OpenKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	reports, done := make(chan error), make(chan struct{})
	go func() {
		defer close(done)
		k.Watch(ctx, func(err error) { reports <- err })
	}()
	put("eve " + key)
	if err := <-reports; err != nil {
		t.Errorf("Reload() = %v", err)
	}
	put("nonsense")
	if err := <-reports; err == nil {
		t.Error("Reload() of nonsense = nil")
	}
	if _, ok := k.Key("eve"); !ok {
		t.Error("the keys of before are gone")
	}
	cancel()
	<-done
}
