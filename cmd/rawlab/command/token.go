package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"rawlab/internal/access"
	"rawlab/internal/clock"
)

const tokenHelp = `Make the tokens that 'rawlab serve --tokens FILE' lets clients in by.

The file holds the SHA-256 of each token, not the token, and what its bearer may
do. It is read again when it changes: rights that are taken away, and tokens that
are gone, end the conversations that need them.

  tokens:
    - name: sensors
      sha256: 64 hexadecimal digits
      emit: ["orders.>"]           # topics, or patterns: * is one word between dots,
      listen: [news, "orders.*"]   # > at the end one or more
      expires: 2027-01-31          # if it does
  anonymous:                       # what clients without a token may do; absent: nothing
    listen: ["public.>"]`

// tokenFlags are what a user said to token new.
type tokenFlags struct {
	name         string
	emit, listen []string
	expires      string
	appendTo     string
	json         bool
}

func newToken() *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Make the tokens that a server lets clients in by", Long: tokenHelp}
	group(c)
	var f tokenFlags
	n := &cobra.Command{
		Use:   "new",
		Short: "Make a token",
		Long: "Draw a token and print it on stdout: it is shown once and stored nowhere. Its entry\n" +
			"for the server's file goes to stderr, or with --append into the file.",
		Example: "  rawlab token new --name sensors --emit 'orders.>' --append tokens.yaml > sensors.token\n" +
			"  rawlab token new --listen '>' --expires 720h",
		Args: positional(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	s := n.Flags()
	s.StringVar(&f.name, "name", "", "what the token is called in the file and in logs")
	s.StringArrayVar(&f.emit, "emit", nil, "a topic or `pattern` that its bearer may emit to; may be repeated")
	s.StringArrayVar(&f.listen, "listen", nil, "a topic or `pattern` that its bearer may listen to; may be repeated")
	s.StringVar(&f.expires, "expires", "", "when it ends: a day, a time (2027-01-31T12:00:00Z), or a `duration` from now (720h)")
	s.StringVar(&f.appendTo, "append", "", "put the entry at the end of this `file`, made if need be; its tokens must stand last")
	s.BoolVar(&f.json, "json", false, "print one JSON object on stdout")
	c.AddCommand(n)
	return c
}

func (f *tokenFlags) run(c *cobra.Command) error {
	e, err := f.entry()
	if err != nil {
		return err
	}
	token := access.NewToken()
	e.Digest = access.DigestOf([]byte(token))
	if f.appendTo != "" {
		if err := appendEntry(f.appendTo, e); err != nil {
			return err
		}
	}
	switch {
	case f.json:
		return json.NewEncoder(c.OutOrStdout()).Encode(map[string]string{"token": token, "name": e.Name, "sha256": e.Digest.String()})
	case f.appendTo != "":
		fmt.Fprintf(c.ErrOrStderr(), "added to %s; the token itself, shown this once:\n", f.appendTo)
	default:
		fmt.Fprintf(c.ErrOrStderr(), "for the server's file, below tokens:\n%sthe token itself, shown this once:\n", e.YAML())
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), token)
	return err
}

// entry checks the flags.
func (f *tokenFlags) entry() (*access.Entry, error) {
	e := &access.Entry{Name: f.name}
	if len(f.emit)+len(f.listen) == 0 {
		return nil, usagef("what may its bearer do? Say --emit PATTERN, --listen PATTERN or both; '>' is every topic")
	}
	for _, p := range f.emit {
		pattern, err := access.ParsePattern(p)
		if err != nil {
			return nil, usagef("--emit %w", err)
		}
		e.Rights.Emit = append(e.Rights.Emit, pattern)
	}
	for _, p := range f.listen {
		pattern, err := access.ParsePattern(p)
		if err != nil {
			return nil, usagef("--listen %w", err)
		}
		e.Rights.Listen = append(e.Rights.Listen, pattern)
	}
	var err error
	e.Expires, err = parseExpiry(f.expires)
	return e, err
}

func parseExpiry(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return clock.Real.Now().Add(d), nil
	}
	t, err := access.ParseTime(s)
	if err != nil {
		return t, usagef("--expires %w, or a duration such as 720h", err)
	}
	return t, nil
}

// appendEntry puts an entry at the end of a token file, if the file is
// sound then too.
func appendEntry(path string, e *access.Entry) error {
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b = []byte("tokens:\n")
	case err != nil:
		return fmt.Errorf("--append: %w", err)
	case len(b) > 0 && b[len(b)-1] != '\n':
		b = append(b, '\n')
	}
	b = append(b, e.YAML()...)
	if err := access.Check(b); err != nil {
		return fmt.Errorf("--append %s: with the new entry at its end the file is not sound, and is left as it is: %w", path, err)
	}
	return writeWhole(path, b)
}

// writeWhole replaces a file at once, readable by its owner alone if it is new.
func writeWhole(path string, b []byte) error {
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	next := path + ".new"
	if err := os.WriteFile(next, b, mode); err != nil {
		return err
	}
	return os.Rename(next, path)
}
