package udpq_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/queue"
	"rawlab/udpq"
)

func TestTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	put := func(content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("tokens:\n  - sha256: " + access.DigestOf([]byte("secret")).String() + "\n    emit: [a]\n    listen: [a]\n")
	k, err := access.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	unauthorized := make(chan struct{}, 1)
	s := serve(t, &udpq.Config{Keyring: k, Trace: func(e queue.TraceEvent) {
		if e.Fate == queue.FateUnauthorized {
			unauthorized <- struct{}{}
		}
	}})
	_, err = udpq.Dial(t.Context(), s.addr, nil)
	if e, ok := errors.AsType[*udpq.RefusedError](err); !ok || e.Code != framing.CodeUnauthorized || e.Words == "" {
		t.Errorf("Dial() without a token = %v, want it refused, in words", err)
	}
	c := dial(t, s, &udpq.ClientConfig{Token: []byte("secret")})
	if _, err := c.Subscribe(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	_, err = c.Subscribe(t.Context(), ">")
	if e, ok := errors.AsType[*udpq.RefusedError](err); !ok || e.Code != framing.CodeUnauthorized {
		t.Errorf("Subscribe(>) = %v, want it refused", err)
	}
	for _, topic := range []string{"b", "a"} {
		if _, err := c.Emit(topic, []byte(topic)); err != nil {
			t.Fatal(err)
		}
	}
	<-unauthorized
	if e, err := c.Next(t.Context()); err != nil || string(e.Payload) != "a" {
		t.Errorf("Next() = %q, %v, want the event that was allowed", e.Payload, err)
	}
	put("tokens: []\n")
	if _, err := k.Reload(); err != nil {
		t.Fatal(err)
	}
	_, err = c.Next(t.Context())
	if e, ok := errors.AsType[*udpq.ClosedError](err); !ok || e.Code != framing.CodeUnauthorized {
		t.Errorf("Next() after the token was revoked = %v, want the end", err)
	}
}
