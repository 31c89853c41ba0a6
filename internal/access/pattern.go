package access

import (
	"bytes"
	"strings"

	"rawlab/internal/queue"
)

// Pattern is a set of topics: one, or with wildcards many.
type Pattern string

// ParsePattern checks a pattern: whatever one can listen to, or
// [queue.Broadcast].
func ParsePattern(s string) (Pattern, error) {
	if s == queue.Broadcast {
		return Pattern(s), nil
	}
	return Pattern(s), queue.CheckSubscription(s)
}

// Covers reports whether every topic that subject means is one of p's.
// A subject is a topic, or itself a pattern: orders.> covers orders.*, but
// orders.* does not cover orders.>.
func (p Pattern) Covers(subject []byte) bool {
	pattern := string(p)
	if len(subject) > 0 && subject[0] == '$' && pattern[0] != '$' {
		return false // the server's own, which no wildcard means
	}
	for {
		word, rest, more := strings.Cut(pattern, ".")
		if word == ">" && !more {
			return true
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
