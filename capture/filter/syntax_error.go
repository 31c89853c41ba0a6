package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError says where an expression is wrong, or asks for something that
// is not supported.
type SyntaxError struct {
	Expr   string
	Column int // from 1, in bytes; one past the end if something is missing there
	Width  int // bytes of the word that is meant; 0 at the end
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("filter %q, column %d: %s", e.Expr, e.Column, e.Reason)
}

// context is how many characters Mark shows around the word.
const context = 32

// Mark draws the expression on one line and marks under it, on a second one,
// the word that is meant. Of a long expression it shows the part around it.
func (e *SyntaxError) Mark() string {
	start := min(max(e.Column-1, 0), len(e.Expr))
	end := min(start+e.Width, len(e.Expr))
	before, word, after := plain(e.Expr[:start]), plain(e.Expr[start:end]), plain(e.Expr[end:])
	if len(before) > context {
		before = append([]rune("…"), before[len(before)-context:]...)
	}
	if len(word) > context {
		word = append(word[:context:context], '…')
	}
	if len(after) > context {
		after = append(after[:context:context], '…')
	}
	return string(before) + string(word) + string(after) + "\n" +
		strings.Repeat(" ", len(before)) + "^" + strings.Repeat("~", max(len(word)-1, 0))
}

// plain puts a question mark, one column wide, in the place of each character
// that may not be as wide as it, or not be seen.
func plain(s string) []rune {
	runes := make([]rune, 0, len(s))
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case r >= utf8.RuneSelf || !unicode.IsPrint(r):
			r = '?'
		}
		runes = append(runes, r)
	}
	return runes
}
