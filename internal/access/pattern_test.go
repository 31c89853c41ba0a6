package access_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rawlab/internal/access"
	"rawlab/internal/queue"
)

func TestCovers(t *testing.T) {
	for pair, want := range map[string]bool{
		"> ∋ $all":                        false,
		"$all ∋ $all":                     true,
		"$all ∋ all":                      false,
		"news ∋ news":                     true,
		"news ∋ new":                      false,
		"news ∋ news.eu":                  false,
		"news.eu ∋ news":                  false,
		"news ∋ *":                        false,
		"news ∋ >":                        false,
		"* ∋ news":                        true,
		"* ∋ *":                           true,
		"* ∋ >":                           false,
		"* ∋ news.eu":                     false,
		"> ∋ news":                        true,
		"> ∋ news.eu.north":               true,
		"> ∋ >":                           true,
		"> ∋ *.*":                         true,
		"orders.> ∋ orders":               false,
		"orders.> ∋ orders.":              true,
		"orders.> ∋ orders.1":             true,
		"orders.> ∋ orders.1.2":           true,
		"orders.> ∋ orders.*":             true,
		"orders.> ∋ orders.>":             true,
		"orders.> ∋ orderss.1":            false,
		"orders.> ∋ *.1":                  false,
		"orders.* ∋ orders.1":             true,
		"orders.* ∋ orders.>":             false,
		"orders.* ∋ orders.1.2":           false,
		"orders.*.state ∋ orders.1.s":     false,
		"orders.*.state ∋ orders.*.>":     false,
		"orders.*.state ∋ orders.7.state": true,
	} {
		pattern, subject, _ := strings.Cut(pair, " ∋ ")
		p, err := access.ParsePattern(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Covers([]byte(subject)); got != want {
			t.Errorf("%s = %t, want %t", pair, got, want)
		}
	}
}

func TestPatternsThatAreNone(t *testing.T) {
	for _, s := range []string{"", ">.a", "a.>.b", "a*", "a.b>", "**", strings.Repeat("a", 256)} {
		if p, err := access.ParsePattern(s); err == nil {
			t.Errorf("ParsePattern(%q) = %q, want an error", s, p)
		}
	}
}

// What a covered pattern matches, the covering one matches too.
func TestCoveringIsTransitive(t *testing.T) {
	word := rapid.SampledFrom([]string{"a", "b", "*"})
	pattern := rapid.Custom(func(t *rapid.T) access.Pattern {
		words := rapid.SliceOfN(word, 0, 3).Draw(t, "words")
		if len(words) == 0 || rapid.Bool().Draw(t, "open") {
			words = append(words, ">")
		}
		return access.Pattern(strings.Join(words, "."))
	})
	topic := rapid.Custom(func(t *rapid.T) []byte {
		return []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b"}), 1, 4).Draw(t, "topic"), "."))
	})
	rapid.Check(t, func(t *rapid.T) {
		wide, narrow, name := pattern.Draw(t, "wide"), pattern.Draw(t, "narrow"), topic.Draw(t, "topic")
		if wide.Covers([]byte(narrow)) && narrow.Covers(name) && !wide.Covers(name) {
			t.Fatalf("%s covers %s, which covers %s, but it does not itself", wide, narrow, name)
		}
	})
}

// What may be emitted by a pattern is what is heard by it.
func FuzzPattern(f *testing.F) {
	f.Add("orders.>", "orders.1")
	f.Add("*.b", "a.b")
	f.Add(">", "$all")
	f.Fuzz(func(t *testing.T, pattern, topic string) {
		p, err := access.ParsePattern(pattern)
		if err != nil || queue.CheckTopic(topic) != nil {
			return
		}
		if got, want := p.Covers([]byte(topic)), queue.Match(pattern, topic); got != want {
			t.Errorf("%q covers %q = %t, want %t", pattern, topic, got, want)
		}
	})
}
