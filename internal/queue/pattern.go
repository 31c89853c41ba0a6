package queue

import (
	"fmt"
	"strings"

	"rawlab/framing"
)

// Topics are words joined by dots. In a pattern, a word * stands for any one
// word, and a last word > for one or more: "orders.*" matches "orders.new",
// "orders.>" also "orders.new.eu", neither matches "orders". This is what
// they mean in NATS (docs.nats.io, Subject-Based Messaging).

// Broadcast is the topic whose events go to every session, whether it listens
// or not. Names that begin with $ are the server's own: nobody listens to
// them, none is stored, and no pattern matches them.
const Broadcast = "$all"

// PatternError says why a name is no topic or no pattern, and where.
type PatternError struct {
	Name   string
	Column int // in bytes, from 1
	Reason string
}

func (e *PatternError) Error() string {
	return fmt.Sprintf("%q, column %d: %s", e.Name, e.Column, e.Reason)
}

// Unwrap makes it an invalid frame's matter.
func (e *PatternError) Unwrap() error { return framing.ErrInvalid }

// IsPattern reports whether a name stands for more topics than one. It does
// not say that the pattern is sound.
func IsPattern(name string) bool { return strings.ContainsAny(name, "*>") }

// CheckTopic returns why nothing can be emitted to a name, nil if it can.
func CheckTopic(name string) error {
	if name == Broadcast {
		return nil
	}
	if err := checkName(name); err != nil {
		return err
	}
	if at := strings.IndexAny(name, "*>"); at >= 0 {
		return &PatternError{name, at + 1, fmt.Sprintf("an event goes to one topic, and %q stands for many", name[at])}
	}
	return nil
}

// CheckSubscription returns why nobody can listen to a name, nil if one can:
// it is a topic, or a sound pattern.
func CheckSubscription(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if !IsPattern(name) {
		return nil
	}
	column := 1
	for word, rest, more := "", name, true; more; column += len(word) + 1 {
		word, rest, more = strings.Cut(rest, ".")
		if err := checkWord(name, word, column, more); err != nil {
			return err
		}
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: empty topic", framing.ErrInvalid)
	case len(name) > framing.MaxTopic:
		return fmt.Errorf("%w: topic of %d bytes, at most %d", framing.ErrInvalid, len(name), framing.MaxTopic)
	case name[0] == '$':
		return &PatternError{name, 1, "names that begin with $ are the server's own"}
	}
	return nil
}

// checkWord checks the word of a pattern at a column.
func checkWord(pattern, word string, column int, more bool) error {
	switch at := strings.IndexAny(word, "*>"); {
	case word == "":
		return &PatternError{pattern, column, "a word of a pattern is empty"}
	case word == ">" && more:
		return &PatternError{pattern, column, "> stands for all that is left: nothing may follow it"}
	case at >= 0 && len(word) > 1:
		return &PatternError{pattern, column + at, fmt.Sprintf("%q stands for whole words: it must be alone between dots", word[at])}
	}
	return nil
}

// Match reports whether a topic matches a sound pattern, or is the same name.
func Match(pattern, topic string) bool {
	if strings.HasPrefix(topic, "$") {
		return pattern == topic
	}
	for {
		p, patternRest, patternMore := strings.Cut(pattern, ".")
		if p == ">" {
			return true
		}
		t, topicRest, topicMore := strings.Cut(topic, ".")
		if p != "*" && p != t || patternMore != topicMore {
			return false
		}
		if !patternMore {
			return true
		}
		pattern, topic = patternRest, topicRest
	}
}
