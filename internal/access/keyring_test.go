package access_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rawlab/internal/access"
	"rawlab/internal/clock"
)

// write puts content into a file of the test's own and returns its path.
func write(t *testing.T, path, content string) string {
	t.Helper()
	if path == "" {
		path = filepath.Join(t.TempDir(), "tokens.yaml")
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func entry(token string, lines ...string) string {
	return "  - name: " + token + "\n    sha256: " + access.DigestOf([]byte(token)).String() + "\n" + strings.Join(lines, "\n") + "\n"
}

func open(t *testing.T, content string) *access.Keyring {
	t.Helper()
	k, err := access.Open(write(t, "", content), nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAdmit(t *testing.T) {
	k := open(t, "# who may do what\ntokens:\n"+
		entry("sensors", "    emit: [orders.>]", "    listen: news # one alone")+
		entry("late", "    expires: 2001-02-03")+
		"anonymous:\n  listen: [\"public.*\"]\n")
	g, err := k.Admit([]byte("sensors"))
	if err != nil || g.Name != "sensors" {
		t.Fatalf("Admit(sensors) = %+v, %v", g, err)
	}
	for topic, want := range map[string][2]bool{"orders.1": {true, false}, "news": {false, true}, "else": {false, false}} {
		if got := [2]bool{g.MayEmit([]byte(topic)), g.MayListen([]byte(topic))}; got != want {
			t.Errorf("%s: may emit, listen = %v, want %v", topic, got, want)
		}
	}
	g, err = k.Admit(nil)
	if err != nil || !g.MayListen([]byte("public.x")) || g.MayEmit([]byte("public.x")) {
		t.Errorf("Admit(nil) = %+v, %v, want to listen to public.* only", g, err)
	}
	if _, err := k.Admit([]byte("late")); !errors.Is(err, access.ErrExpired) {
		t.Errorf("Admit(late) = %v, want ErrExpired", err)
	}
	if _, err := k.Admit([]byte("sensor")); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("Admit(sensor) = %v, want ErrUnknown", err)
	}
	if _, err := open(t, "tokens: []").Admit(nil); !errors.Is(err, access.ErrNoToken) {
		t.Errorf("Admit(nil) = %v, want ErrNoToken", err)
	}
}

func TestBrokenFilesTellTheLine(t *testing.T) {
	digest := access.DigestOf(nil).String()
	tests := map[string]struct{ content, want string }{
		"empty":          {" \n", "empty"},
		"syntax":         {"tokens:\n  - name: [", "line 2"},
		"bare star":      {"anonymous:\n  emit: [*]\n", "quotes"},
		"unknown key":    {"tokens: []\nusers: []\n", "line 2: field users"},
		"key of a token": {"tokens:\n  - sha256: " + digest + "\n    emits: [x]\n", "line 3: \"emits\""},
		"no digest":      {"tokens:\n  - name: a\n", "line 2: a token without sha256"},
		"short digest":   {"tokens:\n  - sha256: abc\n", "line 2: sha256: want the 64"},
		"pattern":        {"tokens:\n  - sha256: " + digest + "\n    emit:\n      - ok\n      - a.>.b\n", `line 5: "a.>.b", column 3`},
		"time":           {"tokens:\n  - sha256: " + digest + "\n    expires: soon\n", "line 3: expires"},
		"twice":          {"tokens:\n" + entry("a") + "\n" + entry("a"), "the same sha256 as in line 2"},
		"key twice":      {"tokens:\n  - name: a\n    name: b\n", "line 3: \"name\" a second time"},
		"no mapping":     {"tokens:\n  - word\n", "line 2: want keys"},
		"two documents":  {"tokens: []\n---\ntokens: []\n", "second YAML document"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := write(t, "", test.content)
			_, err := access.Open(path, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open() = %v, want %q and the file in it", err, test.want)
			}
		})
	}
	if _, err := access.Open(filepath.Join(t.TempDir(), "absent"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open(absent) = %v", err)
	}
}

func TestReload(t *testing.T) {
	path := write(t, "", "tokens:\n"+entry("a", "    emit: [x]"))
	k, err := access.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	changes := 0
	stop := k.OnChange(func() { changes++ })
	g, err := k.Admit([]byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := k.Reload(); changed || err != nil {
		t.Errorf("Reload() = %t, %v, want no change", changed, err)
	}
	write(t, path, "tokens:\n  - broken\n")
	if changed, err := k.Reload(); changed || err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("Reload() of a broken file = %t, %v, want no change and line 2", changed, err)
	}
	if g, err = k.Renew(g); err != nil || !g.MayEmit([]byte("x")) {
		t.Errorf("Renew() = %v, %v, want what was before", g, err)
	}
	write(t, path, "tokens:\n"+entry("a", "    emit: [y]"))
	if changed, err := k.Reload(); !changed || err != nil || changes != 1 {
		t.Errorf("Reload() = %t, %v with %d changes told, want 1", changed, err, changes)
	}
	if g, err = k.Renew(g); err != nil || g.MayEmit([]byte("x")) || !g.MayEmit([]byte("y")) {
		t.Errorf("Renew() = %v, %v, want what is now", g, err)
	}
	stop()
	write(t, path, "tokens: []\n")
	if _, err := k.Reload(); err != nil || changes != 1 || k.Size() != 0 {
		t.Errorf("after stop: %v, %d changes told, %d tokens, want 1 and 0", err, changes, k.Size())
	}
	if _, err := k.Renew(g); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("Renew() = %v, want ErrUnknown", err)
	}
	os.Remove(path)
	if _, err := k.Reload(); err == nil {
		t.Error("Reload() of an absent file said nothing")
	}
}

// Files are watched on fake time; a token's end is a change too.
func TestWatchAndExpiry(t *testing.T) {
	path := write(t, "", "tokens:\n"+entry("a", "    expires: 2000-01-01T00:01:00Z")) // a bubble's time begins in 2000
	synctest.Test(t, func(t *testing.T) {
		k, err := access.Open(path, clock.Real)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		changes := 0
		k.OnChange(func() {
			mu.Lock()
			defer mu.Unlock()
			changes++
		})
		var reports []error
		go k.Watch(t.Context(), func(err error) {
			mu.Lock()
			defer mu.Unlock()
			reports = append(reports, err)
		})
		time.Sleep(access.WatchInterval + time.Millisecond)
		write(t, path, "tokens:\n"+entry("a", "    expires: 2000-01-01T00:01:00Z", "    emit: [x]"))
		time.Sleep(access.WatchInterval)
		mu.Lock()
		if len(reports) > 0 {
			t.Errorf("reports after one look: %v, want none: it may be half written", reports)
		}
		mu.Unlock()
		time.Sleep(access.WatchInterval)
		mu.Lock()
		if len(reports) != 1 || reports[0] != nil || changes != 1 {
			t.Errorf("reports after two looks: %v, %d changes, want one of each", reports, changes)
		}
		mu.Unlock()
		time.Sleep(time.Minute + time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		if _, err := k.Admit([]byte("a")); changes != 2 || !errors.Is(err, access.ErrExpired) {
			t.Errorf("after its end: %d changes, Admit() = %v, want 2 and ErrExpired", changes, err)
		}
	})
}

func TestEntryYAMLIsAnEntry(t *testing.T) {
	token := access.NewToken()
	e := access.Entry{
		Name: `o"d: d`, Digest: access.DigestOf([]byte(token)),
		Rights:  access.Rights{Emit: []access.Pattern{">", "*"}, Listen: []access.Pattern{"a.*"}},
		Expires: time.Date(2999, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	g, err := open(t, "tokens:\n"+e.YAML()).Admit([]byte(token))
	if err != nil || g.Name != e.Name || !g.MayEmit([]byte("any.thing")) || !g.MayListen([]byte("a.b")) || g.MayListen([]byte("b")) {
		t.Errorf("Admit() = %+v, %v", g, err)
	}
	if other := access.NewToken(); other == token {
		t.Error("NewToken drew the same twice")
	}
}

func TestReadToken(t *testing.T) {
	t.Setenv(access.TokenEnv, "from-env\n")
	if b, err := access.ReadToken(""); string(b) != "from-env" || err != nil {
		t.Errorf("ReadToken() = %q, %v", b, err)
	}
	if b, err := access.ReadToken(write(t, "", "from-file\n")); string(b) != "from-file" || err != nil {
		t.Errorf("ReadToken(file) = %q, %v", b, err)
	}
	for name, content := range map[string]string{"empty": "\n", "two words": "one secret\n", "long": strings.Repeat("x", 2000)} {
		if b, err := access.ReadToken(write(t, "", content)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: ReadToken() = %q, %v, want an error that does not tell it", name, b, err)
		}
	}
}

// TestWatchMissesNothing: what changes between the first reading and the
// first look is a change.
func TestWatchMissesNothing(t *testing.T) {
	path := write(t, "", "tokens:\n"+entry("a"))
	cert := write(t, "", "")
	key := write(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		k, err := access.Open(path, clock.Real)
		if err != nil {
			t.Fatal(err)
		}
		c, err := access.OpenCertificate(cert, key)
		if err == nil {
			t.Fatal("an empty file is a certificate")
		}
		write(t, path, "tokens: []\n")
		write(t, key, "another")
		reports := make(chan error, 2)
		go k.Watch(t.Context(), func(err error) { reports <- err })
		go c.Watch(t.Context(), func(err error) { reports <- err })
		time.Sleep(3 * access.WatchInterval)
		if len(reports) != 2 {
			t.Errorf("%d reports, want one of each", len(reports))
		}
		if _, err := k.Admit([]byte("a")); !errors.Is(err, access.ErrUnknown) {
			t.Errorf("Admit() = %v, want ErrUnknown", err)
		}
	})
}
