package command_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a server with --data was told, the next one still knows.
func TestServeData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	serve := func() (*program, string) {
		p := start(t, nil, "serve", "--data", dir, "--tcp", "127.0.0.1:0")
		return p, "tcp://" + p.await(`listening on tcp://(\S+)`)[1]
	}
	server, url := serve()
	epoch := server.await(`is new: epoch (\w+)`)[1]
	bob := start(t, nil, "listen", url, "news", "--as", "bob")
	bob.await(`receipt: 0 missed`)
	bob.stop()
	bob.end(0)
	start(t, strings.NewReader("m1\nm2\nm3\n"), "emit", url, "news", "-").end(0)
	server.stop()
	server.end(0)

	server, url = serve()
	if held := server.await(`holds 1 topic with 3 events \(\d+ bytes\), 1 cursor: epoch (\w+)`); held[1] != epoch {
		t.Errorf("epoch %s, want %s as before", held[1], epoch)
	}
	bob = start(t, nil, "listen", url, "news", "--as", "bob")
	bob.await(`receipt: 3 missed: 3 replayed, 0 expired`)
	if bob.stdout.await(`m1\nm2\nm3\n`) == nil {
		t.Errorf("bob got %q", bob.stdout)
	}
	bob.stop()
	bob.end(0)
	second := start(t, nil, "serve", "--data", dir, "--tcp", "127.0.0.1:0")
	second.end(1)
	second.await(regexp.QuoteMeta(dir) + ` is in use by another server; stop that one, or choose another folder`)
	server.stop()
	server.end(0)
}

// A folder that is damaged is left as it is, and the user is told what to do.
func TestServeDamagedData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	server := start(t, nil, "serve", "--data", dir, "--tcp", "127.0.0.1:0")
	server.await(`listening on`)
	server.stop()
	server.end(0)
	name := filepath.Join(dir, "state-00000001")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[30] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	server = start(t, nil, "serve", "--data", dir, "--tcp", "127.0.0.1:0")
	server.end(1)
	server.await(`state-00000001 is damaged at byte 0: .*\nNothing was changed`)
	server.await(regexp.QuoteMeta("mv " + dir + " " + dir + ".damaged"))
}
