package command_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rawlab/internal/access"
)

// newToken makes a token with rights in a file and returns the file it is in.
func newToken(t *testing.T, tokens string, rights ...string) (path string) {
	t.Helper()
	p := start(t, nil, append([]string{"token", "new", "--append", tokens}, rights...)...)
	p.end(0)
	path = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(p.stdout.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTLSAndTokens(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens.yaml")
	emits := newToken(t, tokens, "--name", "emitter", "--emit", "news.*")
	listens := newToken(t, tokens, "--name", "listener", "--listen", ">")
	s := start(t, nil, "serve", "--tcp", "127.0.0.1:0", "--tls-self-signed", "--tokens", tokens)
	url, pin := s.await(`(tls://\S+)`)[1], s.await(`SHA-256 (\S+)`)[1]
	s.await("2 tokens in")

	l := start(t, nil, "listen", url, "news.eu", "--count", "1", "--tls-fingerprint", pin, "--token-file", listens)
	l.await("listening")
	e := start(t, nil, "emit", url, "news.eu", "hello", "--tls-fingerprint", pin, "--token-file", emits)
	e.await("1 event acknowledged")
	e.end(0)
	l.end(0)
	if l.stdout.String() != "hello\n" {
		t.Errorf("listen printed %q", l.stdout)
	}
	plain := "tcp://" + strings.TrimPrefix(url, "tls://")
	other := strings.Repeat("00", 32)
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"not believed":   {[]string{"emit", url, "news.eu", "x", "--token-file", emits}, 1, "certificate"},
		"another pin":    {[]string{"emit", url, "news.eu", "x", "--tls-fingerprint", other}, 1, "was replaced, or somebody is in between"},
		"no TLS":         {[]string{"emit", plain, "news.eu", "x"}, 1, "use tls://"},
		"no token":       {[]string{"emit", url, "news.eu", "x", "--tls-insecure"}, 1, "a token is needed"},
		"no such right":  {[]string{"emit", url, "else", "x", "--tls-insecure", "--token-file", emits}, 1, "did not accept 1 events (unauthorized)"},
		"may not listen": {[]string{"listen", url, "news.eu", "--tls-insecure", "--token-file", emits}, 1, "does not allow listening"},
		"no token file":  {[]string{"emit", url, "t", "x", "--token-file", tokens + ".none"}, 1, "reading the token"},
		"no pin":         {[]string{"emit", url, "t", "x", "--tls-fingerprint", "AB"}, 2, "64 hexadecimal digits"},
		"pin, no TLS":    {[]string{"emit", plain, "t", "x", "--tls-fingerprint", other}, 2, "say tls://"},
		"bad CA":         {[]string{"emit", url, "t", "x", "--tls-ca", tokens}, 1, "holds no certificate"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := start(t, nil, test.args...)
			p.end(test.code)
			if !strings.Contains(p.stderr.String(), test.want) {
				t.Errorf("stderr = %q, want %q in it", p.stderr, test.want)
			}
		})
	}
	s.stop()
	s.end(0)
	s.await(`refused .*1 unauthorized.*1 received, 1 forwarded, 1 unauthorized`)
	s.await(`2 fates = 1 forwarded \+ 1 unauthorized; 0 unexplained`)
}

// A token that leaves the file ends the conversation of who is in by it; a
// file that is broken does not.
func TestRevocation(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens.yaml")
	secret, err := access.ReadToken(newToken(t, tokens, "--listen", ">"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(access.TokenEnv, string(secret))
	s, tcp, udp := startServer(t, "--tokens", tokens)
	listeners := []*program{start(t, nil, "listen", tcp, "news"), start(t, nil, "listen", udp, "news")}
	for _, l := range listeners {
		l.await("listening")
	}
	put := func(content string) {
		t.Helper()
		if err := os.WriteFile(tokens, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("tokens:\n  - nonsense\n")
	s.await(`line 2: .* the rights of before hold`)
	put("tokens: []\n")
	for _, l := range listeners {
		l.end(1)
		l.await("the token is not known here")
	}
	if strings.Contains(s.stderr.String(), string(secret)) {
		t.Error("the server's log has the token")
	}
}

func TestTokenNew(t *testing.T) {
	p := start(t, nil, "token", "new", "--listen", ">", "--expires", "24h", "--json")
	p.end(0)
	got := decode(t, p.stdout.String())
	token, _ := got[0]["token"].(string)
	if got[0]["sha256"] != access.DigestOf([]byte(token)).String() {
		t.Errorf("token new --json = %v, want the digest of the token", got)
	}
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"no rights":   {nil, 2, "--emit PATTERN"},
		"no pattern":  {[]string{"--emit", "a.>.b"}, 2, "column 3"},
		"no time":     {[]string{"--emit", "a", "--expires", "tomorrow"}, 2, "is no time"},
		"broken file": {[]string{"--emit", "a", "--append", filepath.Join(t.TempDir(), "f")}, 1, "left as it is"},
	}
	if err := os.WriteFile(tests["broken file"].args[3], []byte("anonymous:\n  listen: [a]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := start(t, nil, append([]string{"token", "new"}, test.args...)...)
			p.end(test.code)
			if !strings.Contains(p.stderr.String(), test.want) || p.stdout.String() != "" {
				t.Errorf("stderr = %q, stdout = %q, want %q and no token", p.stderr, p.stdout, test.want)
			}
		})
	}
}

func TestUsageOfServe(t *testing.T) {
	for want, args := range map[string][]string{
		"use TLS and --tokens":            {"--tcp", ":0"},
		"say who may with --tokens":       {"--tcp", ":0", "--tls-self-signed"},
		"could be read on the way":        {"--tcp", ":0", "--tokens", "f"},
		"--tls-self-signed or --psk-file": {"--udp", ":0", "--tls-self-signed", "--dtls=false", "--tokens", "f"},
		"can be read from other machines": {"--metrics", ":0"},
		"belong together":                 {"--tls-cert", "f"},
		"leave out --tls-cert":            {"--tls-cert", "f", "--tls-key", "f", "--tls-self-signed"},
		"--max-connections 0: want 1":     {"--max-connections", "0"},
		"--idle-timeout 0s: want 1ms":     {"--idle-timeout", "0"},
		"--max-frame 1: want 1K":          {"--max-frame", "1"},
		"--outbox 1024: smaller":          {"--outbox", "1K"},
		"--log-level loud: want debug":    {"--log-level", "loud"},
		"--log-format xml: want text":     {"--log-format", "xml"},
		"--topic a=b: unknown policy":     {"--topic", "a=b"},
	} {
		p := start(t, nil, append([]string{"serve"}, args...)...)
		p.end(2)
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("serve %v said %q, want %q in it", args, p.stderr, want)
		}
	}
}

func TestLimitsFromTheCommandLine(t *testing.T) {
	s, tcp, _ := startServer(t, "--max-connections", "1", "--max-frame", "2K", "--log-format", "json", "--status-every", "10ms")
	l := start(t, nil, "listen", tcp, "news")
	l.await("listening")
	e := start(t, nil, "emit", tcp, "news", "x")
	e.end(1)
	e.await("too many connections: at most 1")
	s.await(`"msg":"status","clients":1,"received":0`)
	l.stop()
	l.end(0)
	for { // until the server has noticed
		e = start(t, nil, "emit", tcp, "news", strings.Repeat("x", 2048))
		e.end(1)
		if !strings.Contains(e.stderr.String(), "too many") {
			break
		}
	}
	e.await("over the limit of 2048")
}

func TestMetrics(t *testing.T) {
	s, tcp, _ := startServer(t, "--metrics", "127.0.0.1:0")
	url := s.await(`(http://\S+)/metrics`)[1]
	start(t, nil, "emit", tcp, "news", "x").end(0)
	for path, want := range map[string]string{"/metrics": `rawlab_events_dropped_total{fate="offline",transport="tcp"} 1`, "/healthz": "ok"} {
		r, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s = %q, %v, want %q in it", path, b, err, want)
		}
	}
	other := start(t, nil, "serve", "--tcp", "127.0.0.1:0", "--metrics", strings.TrimPrefix(url, "http://"))
	other.end(1)
	other.await("is in use.*--metrics")
	s.stop()
	s.end(0)
}

// A certificate that has expired is warned of, and refused by who looks at its
// dates; the one that replaces it is taken up by the running server.
func TestCertificateExpiresAndIsReplaced(t *testing.T) {
	dir, fresh := t.TempDir(), t.TempDir()
	old, err := access.SelfSignedIn(dir, time.Now().AddDate(-20, 0, 0), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := access.SelfSignedIn(fresh, time.Now(), "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	cert, key := filepath.Join(dir, "tls-cert.pem"), filepath.Join(dir, "tls-key.pem")
	s := start(t, nil, "serve", "--tcp", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	s.await("the certificate is expired 20")
	url := s.await(`(tls://\S+)`)[1]
	e := start(t, nil, "emit", url, "news", "x", "--tls-ca", cert)
	e.end(1)
	e.await("expired")
	start(t, nil, "emit", url, "news", "x", "--tls-fingerprint", access.FingerprintOf(old.Leaf()).String()).end(0)
	for _, name := range []string{"tls-cert.pem", "tls-key.pem"} {
		b, err := os.ReadFile(filepath.Join(fresh, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.await("certificate read again")
	start(t, nil, "emit", url, "news", "x", "--tls-ca", cert).end(0)
	s.stop()
	s.end(0)
}
