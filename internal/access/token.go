package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// TokenEnv is the environment variable that clients take their token from.
const TokenEnv = "RAWLAB_TOKEN"

const (
	tokenPrefix = "rawlab_"
	maxToken    = 1024 // bytes; a longer one was never made here
)

// Digest is the SHA-256 of a token, which is all that a server keeps of it.
type Digest [sha256.Size]byte

// String returns the digest as the token file has it.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// parseDigest reads 64 hexadecimal digits.
func parseDigest(s string) (Digest, error) {
	var d Digest
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(d) {
		return d, errors.New("want the 64 hexadecimal digits of a token's SHA-256; 'rawlab token new' makes both")
	}
	copy(d[:], b)
	return d, nil
}

// DigestOf returns a token's digest.
func DigestOf(token []byte) Digest { return sha256.Sum256(token) }

// NewToken draws a token. It is a secret: show it once, to whom it is for.
func NewToken() string {
	var b [32]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// ReadToken returns the token in a file, or with an empty path the one in
// the environment variable [TokenEnv]; nil if there is neither.
func ReadToken(path string) ([]byte, error) {
	if path == "" {
		return checkToken(os.Getenv(TokenEnv), "the environment variable "+TokenEnv)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the token: %w", err)
	}
	token, err := checkToken(string(b), path)
	if err == nil && token == nil {
		return nil, fmt.Errorf("%s is empty: want the token that 'rawlab token new' printed", path)
	}
	return token, err
}

// checkToken trims the line's end. Its errors do not tell the token.
func checkToken(s, where string) ([]byte, error) {
	s = strings.TrimSpace(s)
	switch {
	case len(s) > maxToken:
		return nil, fmt.Errorf("%s holds %d bytes: a token has at most %d", where, len(s), maxToken)
	case strings.ContainsAny(s, " \t\r\n"):
		return nil, fmt.Errorf("%s holds more than one word: want a token alone", where)
	case s == "":
		return nil, nil
	}
	return []byte(s), nil
}
