package command_test

import (
	"strings"
	"testing"
)

func TestJetstreamFlags(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"a folder too":   {[]string{"--jetstream", "nats://127.0.0.1:1", "--data", t.TempDir()}, 2, "choose one"},
		"no URL":         {[]string{"--jetstream", "127.0.0.1"}, 2, "want nats://host:port"},
		"not its scheme": {[]string{"--jetstream", "http://me:secret@127.0.0.1:1"}, 2, "--jetstream http://…@127.0.0.1:1: want nats://"},
		"bad name":       {[]string{"--jetstream", "nats://127.0.0.1:1", "--jetstream-name", "A.b"}, 2, "small letters"},
		"no replica":     {[]string{"--jetstream", "nats://127.0.0.1:1", "--jetstream-replicas", "0"}, 2, "want 1 to 5"},
		"nobody there":   {[]string{"--jetstream", "nats://me:secret@127.0.0.1:1"}, 1, "--jetstream: nats://…@127.0.0.1:1: no connection"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, nil, append([]string{"serve", "--tcp", "127.0.0.1:0"}, test.args...)...)
			p.end(test.code)
			if got := p.stderr.String(); !strings.Contains(got, test.want) || strings.Contains(got, "secret") {
				t.Errorf("serve %q says %q, want %q in it and no secret", test.args, got, test.want)
			}
		})
	}
}
