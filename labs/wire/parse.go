package wire

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Words that stand for themselves.
const (
	once     = "once"
	noneWord = "none"
)

// SyntaxError says what in the text of an impairment cannot be read.
type SyntaxError struct {
	Text   string
	Offset int // in bytes
	Reason string
}

func (e *SyntaxError) Error() string {
	word := "its end"
	if fields := strings.Fields(e.Text[e.Offset:]); len(fields) > 0 {
		word = "'" + strings.TrimRight(fields[0], ";:") + "'"
	}
	return fmt.Sprintf("'%s': at %s (character %d): %s", e.Text, word, e.Offset+1, e.Reason)
}

// ParseImpairment reads an impairment in netem's words. Parts are separated
// by semicolons: what holds, then phases that begin with a time, the word
// once, and rules with a colon:
//
//	delay 10ms 2ms distribution normal loss 5% rate 10mbit queue 64kb
//	loss gemodel 1% 10%; udp port 9700 to-server: loss 3%
//	delay 10ms; 3s; 2s loss 30%; 1s down
//
// The words:
//
//	loss SHARE | loss gemodel P [R [1-H [1-K]]]
//	delay TIME [JITTER] [distribution uniform|normal|pareto|paretonormal]
//	reorder SHARE [gap N]        duplicate SHARE
//	corrupt SHARE [any|link|ip|transport|payload]
//	rate RATE [queue N|BYTES] [aqm taildrop|codel]
//	down | up | none
//
// The words of a phase or a rule change what is written before the first
// semicolon; 'none' takes all of that away.
func ParseImpairment(text string) (Impairment, error) {
	var i Impairment
	return i.With(text)
}

// With returns the impairment changed by words. Phases take the place of the
// schedule; rules come behind those there are.
func (i *Impairment) With(text string) (Impairment, error) {
	p := parser{text: text, out: *i}
	p.out.Rules = i.Rules[:len(i.Rules):len(i.Rules)]
	for from := 0; from <= len(text); {
		end := len(text)
		if n := strings.IndexByte(text[from:], ';'); n >= 0 {
			end = from + n
		}
		if err := p.part(from, end); err != nil {
			return Impairment{}, err
		}
		from = end + 1
	}
	if len(p.phases) > 0 || p.once {
		p.out.Schedule = Schedule{Phases: p.phases, Once: p.once}
	}
	if p.once && len(p.phases) == 0 {
		return Impairment{}, p.refuse(0, "once says how often phases hold, and there are none")
	}
	if err := p.out.Validate(); err != nil {
		return Impairment{}, fmt.Errorf("'%s': %w", text, err)
	}
	return p.out, nil
}

// parser reads one text.
type parser struct {
	text   string
	out    Impairment
	phases []Phase
	once   bool
	parts  int
	words  []word // of the part, not yet read
	end    int    // of the part
}

type word struct {
	at   int
	text string // in lower case
}

func (p *parser) refuse(at int, format string, args ...any) error {
	return &SyntaxError{Text: p.text, Offset: at, Reason: fmt.Sprintf(format, args...)}
}

// split makes words of a range of the text.
func (p *parser) split(from, end int) {
	p.words, p.end = nil, end
	for from < end {
		if isSpace(p.text[from]) {
			from++
			continue
		}
		to := from
		for to < end && !isSpace(p.text[to]) {
			to++
		}
		p.words = append(p.words, word{from, strings.ToLower(p.text[from:to])})
		from = to
	}
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// next takes a word.
func (p *parser) next(want string) (word, error) {
	if len(p.words) == 0 {
		return word{}, p.refuse(p.end, "want %s", want)
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w, nil
}

// follows takes the next word if it is this one.
func (p *parser) follows(text string) bool {
	if len(p.words) == 0 || p.words[0].text != text {
		return false
	}
	p.words = p.words[1:]
	return true
}

// part reads what stands between two semicolons.
func (p *parser) part(from, end int) error {
	p.parts++
	if n := strings.IndexByte(p.text[from:end], ':'); n >= 0 {
		return p.rule(from, from+n, end)
	}
	p.split(from, end)
	switch {
	case len(p.words) == 0:
		return nil
	case len(p.words) == 1 && p.follows(once):
		p.once = true
		return nil
	case p.words[0].text[0] >= '0' && p.words[0].text[0] <= '9':
		return p.phase()
	case p.parts > 1:
		return p.refuse(p.words[0].at, "behind a semicolon want a phase, which begins with a time, 'once', or a rule with a colon")
	}
	return p.change(&p.out)
}

func (p *parser) phase() error {
	w, _ := p.next("")
	d, err := parseTime(w.text)
	if err != nil {
		return p.refuse(w.at, "%v", err)
	}
	i := p.out.plain()
	if err := p.change(&i); err != nil {
		return err
	}
	p.phases = append(p.phases, Phase{For: d, Impairment: i})
	return nil
}

// plain is the impairment without schedule and rules.
func (i *Impairment) plain() Impairment {
	c := *i
	c.Schedule, c.Rules = Schedule{}, nil
	return c
}

func (p *parser) rule(from, colon, end int) error {
	p.split(from, colon)
	if len(p.words) == 0 {
		return p.refuse(colon, "before the colon want what the rule picks: tcp, udp, icmp or any, port N, to-server or to-client")
	}
	var s Selector
	for len(p.words) > 0 {
		if err := p.pick(&s); err != nil {
			return err
		}
	}
	p.split(colon+1, end)
	i := p.out.plain()
	if err := p.change(&i); err != nil {
		return err
	}
	p.out.Rules = append(p.out.Rules, Rule{Selector: s, Impairment: i})
	return nil
}

// pick reads one word of a selector.
func (p *parser) pick(s *Selector) error {
	w, _ := p.next("")
	switch w.text {
	case "any":
	case "tcp":
		s.Protocol = ProtocolTCP
	case "udp":
		s.Protocol = ProtocolUDP
	case "icmp":
		s.Protocol = ProtocolICMP
	case "to-server":
		s.Toward = ToServer
	case "to-client":
		s.Toward = ToClient
	case "port":
		w, err := p.next("a port")
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(w.text, 10, 16)
		if err != nil || n == 0 {
			return p.refuse(w.at, "want a port, 1 to 65535")
		}
		s.Port = uint16(n)
	default:
		return p.refuse(w.at, "a rule picks by tcp, udp, icmp or any, port N, to-server or to-client")
	}
	return nil
}

func (p *parser) time() (time.Duration, error) {
	w, err := p.next("a time such as 10ms")
	if err != nil {
		return 0, err
	}
	d, err := parseTime(w.text)
	if err != nil {
		return 0, p.refuse(w.at, "%v", err)
	}
	return d, nil
}

func (p *parser) share() (float64, error) {
	w, err := p.next("a share such as 5%")
	if err != nil {
		return 0, err
	}
	f, err := ParseShare(w.text)
	if err != nil {
		return 0, p.refuse(w.at, "%v", err)
	}
	return f, nil
}

// number tells whether the next word begins with a digit.
func (p *parser) number() bool {
	return len(p.words) > 0 && p.words[0].text[0] >= '0' && p.words[0].text[0] <= '9'
}
