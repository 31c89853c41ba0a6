package access

import (
	"bytes"
	"fmt"
	"strings"

	"rawlab/framing"
)

// Pattern is a set of topics: one, or with wildcards many.
type Pattern string

// ParsePattern checks a pattern: 1 to [framing.MaxTopic] bytes, wildcards
// only as whole words, > only as the last one.
func ParsePattern(s string) (Pattern, error) {
	if s == "" || len(s) > framing.MaxTopic {
		return "", fmt.Errorf("pattern of %d bytes: want 1 to %d", len(s), framing.MaxTopic)
	}
	words := strings.Split(s, ".")
	for i, word := range words {
		switch {
		case word == ">" && i < len(words)-1:
			return "", fmt.Errorf("pattern %q: > stands only at the end", s)
		case len(word) > 1 && strings.ContainsAny(word, "*>"):
			return "", fmt.Errorf("pattern %q: %q is no wildcard; * and > stand alone between dots", s, word)
		}
	}
	return Pattern(s), nil
}

// Covers reports whether every topic that subject means is one of p's.
// A subject is a topic, or itself a pattern: orders.> covers orders.*, but
// orders.* does not cover orders.>.
func (p Pattern) Covers(subject []byte) bool {
	pattern := string(p)
	for {
		word, rest, more := strings.Cut(pattern, ".")
		if word == ">" && !more {
			return len(subject) > 0
		}
		subjectWord, subjectRest, subjectMore := bytes.Cut(subject, []byte{'.'})
		switch {
		case word == "*" && string(subjectWord) != ">":
		case word != string(subjectWord):
			return false
		}
		if more != subjectMore {
			return false
		}
		if !more {
			return true
		}
		pattern, subject = rest, subjectRest
	}
}
