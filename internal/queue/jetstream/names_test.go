package jetstream

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestEscapeIsInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := string(rapid.SliceOf(rapid.Byte()).Draw(t, "name"))
		token := escape(name)
		if strings.ToLower(token) != token || strings.Trim(token, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("escape(%q) = %q, which is no token", name, token)
		}
		if back, err := unescape(token); err != nil || back != name {
			t.Errorf("unescape(escape(%q)) = %q, %v", name, back, err)
		}
	})
	for _, bad := range []string{"_", "_0", "a_g0"} {
		if got, err := unescape(bad); err == nil {
			t.Errorf("unescape(%q) = %q, want an error", bad, got)
		}
	}
}

func TestTokenOfLongNames(t *testing.T) {
	one, other := strings.Repeat(".", 255), strings.Repeat(".", 254)+"!"
	if len(token(one)) > maxToken || token(one) == token(other) {
		t.Errorf("token of 255 dots = %q, of another = %q", token(one), token(other))
	}
	if got := token("orders.eu-1"); got != "orders_2eeu-1" {
		t.Errorf("token(orders.eu-1) = %q", got)
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"nats://127.0.0.1:4222":                  "nats://127.0.0.1:4222",
		"nats://me:secret@a:1, nats://token@b:2": "nats://…@a:1,nats://…@b:2",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}
