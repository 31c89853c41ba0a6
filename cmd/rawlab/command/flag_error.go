package command

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"rawlab/capture/filter"
)

// wanted says, by a flag's type, what its value has to be.
var wanted = map[string]string{
	"int": "a whole number", "uint64": "a whole number from 0", "float64": "a number", "duration": "a time such as 100ms",
}

// flagError makes a usage error of what is wrong with a flag.
func flagError(c *cobra.Command, err error) error {
	return usagef("%s; see '%s --help'", flagText(err), c.CommandPath())
}

// flagText says what is wrong with a flag, in words that are not Go's.
func flagText(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if want, known := wanted[e.GetFlag().Value.Type()]; known {
			text = strings.TrimSuffix(text, e.Unwrap().Error()) + "want " + want
		}
	}
	return text
}

// marked draws, on a terminal, a filter that is wrong with a mark under the
// word that is meant.
func marked(w io.Writer, err error) string {
	e, wrong := errors.AsType[*filter.SyntaxError](err)
	if file, ok := w.(*os.File); !wrong || !ok || !term.IsTerminal(int(file.Fd())) {
		return ""
	}
	return "  " + strings.ReplaceAll(e.Mark(), "\n", "\n  ") + "\n"
}
