package queue

import (
	"slices"
	"strings"
)

// patternTree finds the patterns that a topic matches: a tree of words, in
// which * and > are words too, since no topic has those.
type patternTree struct {
	words map[string]*patternTree
	subs  []*patternSub // whose pattern ends here, in the order of their coming
}

// add adds a subscription under its pattern.
func (n *patternTree) add(p *patternSub) {
	for word := range strings.SplitSeq(p.pattern, ".") {
		next := n.words[word]
		if next == nil {
			if n.words == nil {
				n.words = make(map[string]*patternTree)
			}
			next = &patternTree{}
			n.words[word] = next
		}
		n = next
	}
	n.subs = append(n.subs, p)
}

// remove takes a subscription out, and with it the words that only it needed.
func (n *patternTree) remove(p *patternSub) { n.prune(p, p.pattern, true) }

func (n *patternTree) prune(p *patternSub, rest string, more bool) {
	if !more {
		n.subs = slices.DeleteFunc(n.subs, func(x *patternSub) bool { return x == p })
		return
	}
	word, rest, more := strings.Cut(rest, ".")
	next := n.words[word]
	if next == nil {
		return
	}
	next.prune(p, rest, more)
	if len(next.subs) == 0 && len(next.words) == 0 {
		delete(n.words, word)
	}
}

// empty reports whether there is no pattern at all.
func (n *patternTree) empty() bool { return len(n.words) == 0 }

// match visits every subscription whose pattern the topic matches.
func (n *patternTree) match(topic string, visit func(*patternSub)) {
	if !strings.HasPrefix(topic, "$") {
		n.descend(topic, true, visit)
	}
}

// descend has at most one branch for each node of the tree, however many
// words the topic has.
func (n *patternTree) descend(topic string, more bool, visit func(*patternSub)) {
	if !more {
		n.each(visit)
		return
	}
	word, rest, more := strings.Cut(topic, ".")
	for _, w := range [...]string{word, "*"} {
		if next := n.words[w]; next != nil {
			next.descend(rest, more, visit)
		}
	}
	if next := n.words[">"]; next != nil {
		next.each(visit)
	}
}

func (n *patternTree) each(visit func(*patternSub)) {
	for _, p := range n.subs {
		visit(p)
	}
}
