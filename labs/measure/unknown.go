package measure

import (
	"fmt"
	"slices"
	"strings"

	"rawlab/internal/spelling"
)

// UnknownError says that nothing has a name, and what has one.
type UnknownError struct {
	What  string // the kind of thing
	Word  string // the name
	Known []string
}

func (e *UnknownError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("%s %q is not known; there is none", e.What, e.Word)
	}
	known := slices.Sorted(slices.Values(e.Known))
	return fmt.Sprintf("%s %q is not known; the nearest is %q; there are: %s", e.What, e.Word, spelling.Nearest(e.Word, known), strings.Join(known, ", "))
}
