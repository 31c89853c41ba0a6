package queue_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rawlab/framing"
	"rawlab/internal/queue"
)

func TestMatch(t *testing.T) {
	tests := map[string]map[string]bool{
		"orders":       {"orders": true, "order": false, "orders.new": false},
		"orders.*":     {"orders.new": true, "orders": false, "orders.new.eu": false, "ordersnew": false, "news.orders": false},
		"orders.>":     {"orders.new": true, "orders.new.eu": true, "orders": false, "order.new": false},
		"*.new":        {"orders.new": true, "orders.old": false, "new": false, "a.b.new": false},
		"orders.*.eu":  {"orders.new.eu": true, "orders.new.us": false, "orders.eu": false},
		"*.*":          {"a.b": true, "a": false, "a.b.c": false},
		"*":            {"a": true, "a.b": false},
		">":            {"a": true, "a.b.c": true, "$all": false},
		"*.>":          {"a": false, "a.b": true, "a.b.c": true},
		"$all":         {"$all": true},
		"orders.*.>":   {"orders.new": false, "orders.new.eu": true},
		"a.b.c.d.e.f":  {"a.b.c.d.e.f": true, "a.b.c.d.e": false},
		"orders.new.*": {"orders.new.": true}, // a name may end in a dot: its last word is empty
	}
	for pattern, topics := range tests {
		for topic, want := range topics {
			if got := queue.Match(pattern, topic); got != want {
				t.Errorf("Match(%q, %q) = %v, want %v", pattern, topic, got, want)
			}
		}
	}
}

var words = rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "orders", "x1"}), 1, 5)

func drawPattern(t *rapid.T, label string) string {
	p := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "orders", "*", "*"}), 1, 5).Draw(t, label)
	if rapid.Bool().Draw(t, label+" ends in >") {
		p = append(p, ">")
	}
	return strings.Join(p, ".")
}

// A pattern means what a regular expression made from it does.
func TestMatchAgreesWithARegularExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := drawPattern(t, "pattern")
		topic := strings.Join(words.Draw(t, "topic"), ".")
		expression := strings.NewReplacer(".", `\.`, "*", `[^.]+`, ">", `.+`).Replace(pattern)
		want := regexp.MustCompile("^" + expression + "$").MatchString(topic)
		if got := queue.Match(pattern, topic); got != want {
			t.Fatalf("Match(%q, %q) = %v, want %v", pattern, topic, got, want)
		}
		if err := queue.CheckSubscription(pattern); err != nil {
			t.Fatalf("CheckSubscription(%q) = %v", pattern, err)
		}
	})
}

func TestBadNames(t *testing.T) {
	tests := map[string]struct {
		check  func(string) error
		name   string
		column int
		reason string
	}{
		"> in the middle":    {queue.CheckSubscription, "orders.>.eu", 8, "nothing may follow"},
		"> in a word":        {queue.CheckSubscription, "orders.new>", 11, "alone between dots"},
		"* in a word":        {queue.CheckSubscription, "orders.n*w", 9, "alone between dots"},
		"two stars":          {queue.CheckSubscription, "**", 1, "alone between dots"},
		"empty word":         {queue.CheckSubscription, "orders..*", 8, "empty"},
		"empty first word":   {queue.CheckSubscription, ".*", 1, "empty"},
		"empty last word":    {queue.CheckSubscription, "*.", 3, "empty"},
		"the server's own":   {queue.CheckSubscription, "$all", 1, "server's own"},
		"emit to *":          {queue.CheckTopic, "orders.*", 8, "stands for many"},
		"emit to >":          {queue.CheckTopic, ">", 1, "stands for many"},
		"emit to a*b":        {queue.CheckTopic, "a*b", 2, "stands for many"},
		"emit to the server": {queue.CheckTopic, "$stats", 1, "server's own"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.check(test.name)
			bad, ok := errors.AsType[*queue.PatternError](err)
			if !ok || bad.Column != test.column || !strings.Contains(bad.Reason, test.reason) || !errors.Is(err, framing.ErrInvalid) {
				t.Errorf("error for %q = %v, want column %d, %q", test.name, err, test.column, test.reason)
			}
		})
	}
	for _, name := range []string{"", strings.Repeat("t", 256)} {
		if queue.CheckTopic(name) == nil || queue.CheckSubscription(name) == nil {
			t.Errorf("a name of %d bytes is let through", len(name))
		}
	}
	for _, name := range []string{"news", "a.b", "a/b", "a..b", "ä", "$all"} {
		if err := queue.CheckTopic(name); err != nil {
			t.Errorf("CheckTopic(%q) = %v", name, err)
		}
	}
}
