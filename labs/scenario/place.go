package scenario

import "fmt"

// Place is where in a file something stands.
type Place struct {
	File         string
	Line, Column int // from 1; Column 0 is all of the line
}

func (p Place) String() string {
	if p.Column == 0 {
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Error says what in a file cannot be, and where.
type Error struct {
	At     Place
	Reason string
}

func (e *Error) Error() string { return e.At.String() + ": " + e.Reason }

// refuse makes an error of a place.
func (p Place) refuse(format string, args ...any) error {
	return &Error{p, fmt.Sprintf(format, args...)}
}
