package wire

import (
	"fmt"
	"strings"
)

// String writes the impairment in the words that [ParseImpairment] reads.
func (i *Impairment) String() string {
	var none Impairment
	parts := []string{}
	if words := i.words(&none); words != "" {
		parts = append(parts, words)
	}
	for n := range i.Schedule.Phases {
		p := &i.Schedule.Phases[n]
		parts = append(parts, strings.TrimSpace(p.For.String()+" "+p.Impairment.words(i)))
	}
	if i.Schedule.Once {
		parts = append(parts, once)
	}
	for n := range i.Rules {
		r := &i.Rules[n]
		parts = append(parts, strings.TrimSpace(r.Selector.String()+": "+r.Impairment.words(i)))
	}
	if len(parts) == 0 {
		return noneWord
	}
	return strings.Join(parts, "; ")
}

// Word writes what stands behind one of the words in the sentence of the
// impairment itself, as in "5%" for loss; of a delay with its jitter. It is
// empty for a word that has no value of its own.
func (i *Impairment) Word(word string) string {
	for _, g := range i.groups() {
		if value, ok := strings.CutPrefix(g, word+" "); ok {
			return value
		}
	}
	return ""
}

// words writes what differs from what holds otherwise.
func (i *Impairment) words(otherwise *Impairment) string {
	var words []string
	theirs := otherwise.groups()
	for n, w := range i.groups() {
		if w != theirs[n] {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// groups writes each group of words that are set together.
func (i *Impairment) groups() [9]string {
	state := "up"
	if i.Down {
		state = "down"
	}
	return [...]string{
		state,
		i.lossWords(),
		i.delayWords(),
		optional("reorder "+formatShare(i.Reorder), i.Gap > 0, fmt.Sprintf(" gap %d", i.Gap)),
		"duplicate " + formatShare(i.Duplicate),
		optional("corrupt "+formatShare(i.Corrupt), i.Layer != AnyLayer, " "+i.Layer.String()),
		"rate " + FormatRate(i.Rate),
		"queue " + formatQueue(i.Queue, i.QueueBytes),
		"aqm " + i.AQM.String(),
	}
}

func optional(words string, given bool, more string) string {
	if given {
		return words + more
	}
	return words
}

func (i *Impairment) lossWords() string {
	if g := &i.Burst; g.on() {
		return fmt.Sprintf("loss gemodel %s %s %s %s", formatShare(g.P), formatShare(g.R), formatShare(g.BadLoss), formatShare(g.GoodLoss))
	}
	return "loss " + formatShare(i.Loss)
}

func (i *Impairment) delayWords() string {
	words := "delay " + i.Delay.String()
	if i.Jitter > 0 {
		words += " " + i.Jitter.String()
	}
	return optional(words, i.Distribution != Uniform, " distribution "+i.Distribution.String())
}

// String writes the selector as a rule begins.
func (s *Selector) String() string {
	var words []string
	switch s.Protocol {
	case ProtocolTCP:
		words = append(words, "tcp")
	case ProtocolUDP:
		words = append(words, "udp")
	case ProtocolICMP:
		words = append(words, "icmp")
	}
	if s.Port != 0 {
		words = append(words, fmt.Sprintf("port %d", s.Port))
	}
	switch s.Toward {
	case ToServer:
		words = append(words, "to-server")
	case ToClient:
		words = append(words, "to-client")
	}
	if len(words) == 0 {
		return "any"
	}
	return strings.Join(words, " ")
}
