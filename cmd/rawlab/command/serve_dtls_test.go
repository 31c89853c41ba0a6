package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write puts content into a new file.
func writeFile(t *testing.T, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDTLSAndTokens(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens.yaml")
	token := newToken(t, tokens, "--emit", "news.*", "--listen", ">")
	key, other := strings.Repeat("5a", 32), strings.Repeat("a5", 32)
	keys := writeFile(t, "# of this site\nada "+key+"\neve "+other+"\n")
	s := start(t, nil, "serve", "--udp", "127.0.0.1:0", "--tls-self-signed", "--psk-file", keys, "--tokens", tokens)
	url, pin := s.await(`(udps://\S+)`)[1], s.await(`SHA-256 (\S+)`)[1]
	s.await("2 pre-shared keys for DTLS")

	own := writeFile(t, "ada "+key)
	l := start(t, nil, "listen", url, "news.eu", "--count", "1", "--tls-fingerprint", pin, "--token-file", token)
	l.await("listening")
	e := start(t, nil, "emit", url, "news.eu", "hello", "--psk-file", own, "--token-file", token, "--reliability", "ack")
	e.await("1 event acknowledged")
	e.end(0)
	l.end(0)
	if l.stdout.String() != "hello\n" {
		t.Errorf("listen printed %q", l.stdout)
	}
	plain := "udp://" + strings.TrimPrefix(url, "udps://")
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"not believed":    {[]string{"emit", url, "news.eu", "x"}, 1, "certificate"},
		"another pin":     {[]string{"emit", url, "news.eu", "x", "--tls-fingerprint", strings.Repeat("00", 32)}, 1, "was replaced, or somebody is in between"},
		"no DTLS":         {[]string{"emit", plain, "news.eu", "x"}, 1, "use udps://"},
		"no token":        {[]string{"emit", url, "news.eu", "x", "--tls-insecure"}, 1, "a token is needed"},
		"another's key":   {[]string{"emit", url, "news.eu", "x", "--psk-file", writeFile(t, "bob "+key)}, 1, `does the server know the key of "bob"?`},
		"keys of all":     {[]string{"emit", url, "news.eu", "x", "--psk-file", keys}, 1, "holds 2 keys: a client's file holds one"},
		"no key":          {[]string{"emit", url, "news.eu", "x", "--psk-file", tokens}, 1, "line 1: want"},
		"key and pin":     {[]string{"emit", url, "news.eu", "x", "--psk-file", own, "--tls-fingerprint", pin}, 2, "choose one"},
		"key, no DTLS":    {[]string{"emit", plain, "news.eu", "x", "--psk-file", own}, 2, "--psk-file is for udps://"},
		"pin, no DTLS":    {[]string{"emit", plain, "news.eu", "x", "--tls-fingerprint", pin}, 2, "say udps://"},
		"cut by IP":       {[]string{"emit", url, "news.eu", "x", "--psk-file", own, "--fragments", "ip"}, 2, "carries 8146 bytes"},
		"key over TCP":    {[]string{"emit", "tls://127.0.0.1:1", "news.eu", "x", "--psk-file", own}, 2, "--psk-file is for udps://"},
		"no such scheme":  {[]string{"emit", "dtls://127.0.0.1:1", "news.eu", "x"}, 2, "want tcp://, tls://, udp:// or udps://"},
		"door, no key":    {[]string{"serve", "--udp", "127.0.0.1:0", "--psk-file", tokens}, 1, "--psk-file: "},
		"door, not DTLS":  {[]string{"serve", "--udp", "127.0.0.1:0", "--psk-file", keys, "--dtls=false"}, 2, "leave out --dtls=false"},
		"door, no tokens": {[]string{"serve", "--udp", "0.0.0.0:0", "--psk-file", keys}, 2, "say who may with --tokens"},
		"door, open":      {[]string{"serve", "--udp", "0.0.0.0:0", "--tokens", tokens}, 2, "could be read on the way"},
		"door, plain":     {[]string{"serve", "--udp", "0.0.0.0:0", "--tokens", tokens, "--tls-self-signed", "--dtls=false"}, 2, "could be read on the way"},
		"large datagrams": {[]string{"serve", "--udp", "127.0.0.1:0", "--psk-file", keys, "--udp-pack", "9000"}, 2, "with DTLS at most 8146"},
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
	if !strings.Contains(s.stderr.String(), "rawlab: dtls: ") {
		t.Errorf("the summary is %q, want the handshakes in it", s.stderr)
	}
}

// With --dtls=false a certificate is for TCP alone, and with DTLS and tokens a
// server may listen to others.
func TestDTLSDoors(t *testing.T) {
	s := start(t, nil, "serve", "--tcp", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--tls-self-signed", "--dtls=false")
	s.await("tls://")
	s.await("udp://")
	s.stop()
	s.end(0)
	tokens := writeFile(t, "tokens: []\n")
	s = start(t, nil, "serve", "--udp", "0.0.0.0:0", "--tls-self-signed", "--tokens", tokens)
	s.await("udps://")
	s.stop()
	s.end(0)
}
