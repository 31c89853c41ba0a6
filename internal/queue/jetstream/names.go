package jetstream

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// maxToken bounds the part of a stream's name that a topic gives: a broker
// allows 255 bytes, and makes a folder of that name.
const maxToken = 180

// escape writes any bytes as one legal token, and different bytes as
// different ones, also where a file system does not tell A from a: small
// letters, digits and - stand for themselves, others are _ and two digits.
func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}

// unescape undoes escape.
func unescape(token string) (string, error) {
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		if token[i] != '_' {
			b = append(b, token[i])
			continue
		}
		if i+3 > len(token) {
			return "", fmt.Errorf("jetstream: %q is cut short", token)
		}
		c, err := strconv.ParseUint(token[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("jetstream: %q is no name: %w", token, err)
		}
		b = append(b, byte(c))
		i += 2
	}
	return string(b), nil
}

// token is escape, shortened where it is too long for a stream: _h is no
// beginning of what escape writes.
func token(topic string) string {
	t := escape(topic)
	if len(t) <= maxToken {
		return t
	}
	sum := sha256.Sum256([]byte(topic))
	return "_h" + hex.EncodeToString(sum[:])
}

// CheckName says what is wrong with a name for what servers share.
func CheckName(name string) error {
	if name == "" || len(name) > 32 || escape(name) != name {
		return fmt.Errorf("jetstream: name %q: want 1 to 32 small letters, digits and -", name)
	}
	return nil
}
