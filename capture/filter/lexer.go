package filter

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

type kind int

const (
	kindEnd    kind = iota
	kindWord        // a keyword, a name or an address
	kindNumber      // a number alone
	kindSymbol      // an operator or a bracket
)

type token struct {
	kind    kind
	text    string // as written, and in one spelling: "and", "or", "not", "="
	number  uint32
	escaped bool // written with a backslash: a name, never a keyword
	at      int  // byte position
	width   int  // bytes, as written
}

// spellings unifies operators that may be written in two ways.
var spellings = map[string]string{"&&": "and", "||": "or", "!": "not", "==": "=", "link": "ether"}

// symbols, longest first.
var symbols = []string{"&&", "||", "<<", ">>", "<=", ">=", "!=", "==", "(", ")", "[", "]", ":", "/", "&", "|", "^", "%", "+", "-", "*", "=", "<", ">", "!"}

// names are words that stand for a number (pcap-filter(7)).
var names = map[string]uint32{
	"tcpflags": 13, "tcp-fin": 1, "tcp-syn": 2, "tcp-rst": 4, "tcp-push": 8, "tcp-ack": 16, "tcp-urg": 32, "tcp-ece": 64, "tcp-cwr": 128,
	"icmptype": 0, "icmpcode": 1, "icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4, "icmp-redirect": 5, "icmp-echo": 8,
	"icmp-routeradvert": 9, "icmp-routersolicit": 10, "icmp-timxceed": 11, "icmp-paramprob": 12, "icmp-tstamp": 13,
	"icmp-tstampreply": 14, "icmp-ireq": 15, "icmp-ireqreply": 16, "icmp-maskreq": 17, "icmp-maskreply": 18,
	"icmp6type": 0, "icmp6code": 1, "icmp6-destinationunreach": 1, "icmp6-packettoobig": 2, "icmp6-timeexceeded": 3,
	"icmp6-parameterproblem": 4, "icmp6-echo": 128, "icmp6-echoreply": 129, "icmp6-routersolicit": 133,
	"icmp6-routeradvert": 134, "icmp6-neighborsolicit": 135, "icmp6-neighboradvert": 136, "icmp6-redirect": 137,
}

// lex cuts an expression into tokens; the last one is kindEnd.
func lex(expr string) ([]token, error) {
	var tokens []token
	brackets := 0 // inside them a colon stands alone, as in udp[8:4]
	for at := 0; at < len(expr); {
		c := expr[at]
		if strings.IndexByte(" \t\r\n", c) >= 0 {
			at++
			continue
		}
		t := token{at: at}
		if c == '\\' || isWord(c, false) || brackets == 0 && strings.HasPrefix(expr[at:], "::") {
			n, err := lexWord(expr, &t, brackets > 0)
			if err != nil {
				return nil, err
			}
			t.width = n
		} else if s := lexSymbol(expr[at:]); s != "" {
			t.kind, t.text, t.width = kindSymbol, s, len(s)
			switch s {
			case "[":
				brackets++
			case "]":
				brackets--
			}
		} else {
			r, n := utf8.DecodeRuneInString(expr[at:])
			return nil, &SyntaxError{expr, at + 1, n, fmt.Sprintf("%q is not understood", r)}
		}
		at += t.width
		if plain := spellings[t.text]; plain != "" {
			t.text = plain
		}
		tokens = append(tokens, t)
	}
	return append(tokens, token{kind: kindEnd, at: len(expr)}), nil
}

func lexSymbol(rest string) string {
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			return s
		}
	}
	return ""
}

// isWord reports whether c may stand in a word.
func isWord(c byte, colon bool) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || colon && c == ':'
}

// lexWord fills t with the word at its position and returns its size. As in
// tcpdump, a word runs as far as it can: "tcp-syn" and "9000-9010" are one.
func lexWord(expr string, t *token, inBrackets bool) (int, error) {
	rest, n := expr[t.at:], 0
	if rest[0] == '\\' {
		t.escaped, n = true, 1
	}
	start := n
	for n < len(rest) && (isWord(rest[n], !inBrackets) || (rest[n] == '-' || rest[n] == '.') && n+1 < len(rest) && isWord(rest[n+1], false)) {
		n++
	}
	if n == start {
		return 0, &SyntaxError{expr, t.at + 1, 1, "a name must follow the backslash"}
	}
	t.kind, t.text = kindWord, rest[start:n]
	if t.escaped {
		return n, nil
	}
	if v, ok := names[t.text]; ok {
		t.kind, t.number = kindNumber, v
		return n, nil
	}
	if !isNumber(t.text) {
		return n, nil
	}
	v, err := strconv.ParseUint(t.text, 0, 32) // 0x1f, and 017 is octal, as in C
	if err != nil {
		return 0, &SyntaxError{expr, t.at + 1, n, fmt.Sprintf("%s is no number of 32 bits", t.text)}
	}
	t.kind, t.number = kindNumber, uint32(v)
	return n, nil
}

func isNumber(s string) bool {
	if hex, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		return hex != "" && strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(s, "0123456789") == ""
}
