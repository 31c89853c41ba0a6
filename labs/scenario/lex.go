package scenario

import (
	"fmt"
	"strings"
)

// token is a part of an expression.
type token struct {
	kind byte // 'n' number, 'i' name, 'q' quoted name, 'o' sign or bracket, 0 the end
	text string
	at   int // in bytes
}

// syntaxError says what in an expression cannot be, and where in it.
type syntaxError struct {
	at     int
	reason string
}

func (e *syntaxError) Error() string { return e.reason }

func wrong(at int, format string, args ...any) error {
	return &syntaxError{at, fmt.Sprintf(format, args...)}
}

func isDigit(b byte) bool  { return b >= '0' && b <= '9' }
func isLetter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }

// signs are all of them, longer ones before their beginnings.
var signs = []string{"<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")", "%"}

// maxTokens bounds an expression.
const maxTokens = 200

// lex splits an expression. A dash inside a name belongs to it, and so does a
// stroke before its point: what is subtracted or divided has spaces around the
// sign.
func lex(text string) ([]token, error) {
	var list []token
	for at := 0; ; {
		for at < len(text) && strings.IndexByte(" \t\r\n", text[at]) >= 0 {
			at++
		}
		if len(list) >= maxTokens {
			return nil, wrong(at, "too long an expression: more than %d words and signs", maxTokens)
		}
		if at == len(text) {
			return append(list, token{at: at}), nil
		}
		t, err := next(text, at)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
		at += len(t.text)
	}
}

// next reads the token at a place.
func next(text string, at int) (token, error) {
	rest := text[at:]
	switch c := rest[0]; {
	case isDigit(c):
		n := 1
		for n < len(rest) && (isDigit(rest[n]) || isLetter(rest[n]) || strings.IndexByte(".,_%", rest[n]) >= 0) {
			n++
		}
		return token{'n', rest[:n], at}, nil
	case isLetter(c):
		n, point := 1, false
		for n < len(rest) && (isDigit(rest[n]) || isLetter(rest[n]) || strings.IndexByte(".-_", rest[n]) >= 0 || rest[n] == '/' && !point) {
			point = point || rest[n] == '.'
			n++
		}
		return token{'i', rest[:n], at}, nil
	case c == '"':
		n := strings.IndexByte(rest[1:], '"')
		if n < 0 {
			return token{}, wrong(at, "a quote that does not end")
		}
		return token{'q', rest[:n+2], at}, nil
	}
	for _, s := range signs {
		if strings.HasPrefix(rest, s) {
			return token{'o', s, at}, nil
		}
	}
	r := []rune(rest)[0]
	return token{}, wrong(at, "'%c': want measures such as udp.lost, numbers, + - * / ( ) and < <= > >= == !=", r)
}
