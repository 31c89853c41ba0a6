package access

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// MaxTokens bounds the tokens of a file.
const MaxTokens = 10_000

const maxFileBytes = 8 << 20 // of a token file

// Entry is one token of a file.
type Entry struct {
	Name    string
	Digest  Digest
	Rights  Rights
	Expires time.Time // zero: never
}

// YAML returns the entry as an item of a file's tokens.
func (e *Entry) YAML() string {
	var b strings.Builder
	b.WriteString("  - ")
	if e.Name != "" {
		fmt.Fprintf(&b, "name: %q\n    ", e.Name)
	}
	fmt.Fprintf(&b, "sha256: %v\n", e.Digest)
	for _, r := range []struct {
		key      string
		patterns []Pattern
	}{{"emit", e.Rights.Emit}, {"listen", e.Rights.Listen}} {
		if len(r.patterns) > 0 {
			quoted := make([]string, len(r.patterns))
			for i, p := range r.patterns {
				quoted[i] = fmt.Sprintf("%q", string(p))
			}
			fmt.Fprintf(&b, "    %s: [%s]\n", r.key, strings.Join(quoted, ", "))
		}
	}
	if !e.Expires.IsZero() {
		fmt.Fprintf(&b, "    expires: %s\n", e.Expires.UTC().Format(time.RFC3339))
	}
	return b.String()
}

// table is a token file's content.
type table struct {
	entries   []Entry
	anonymous *Rights // nil: a token is needed
}

// Check returns why a token file would be refused, nil if it would not.
func Check(b []byte) error {
	_, err := parse(b)
	return err
}

// parse reads a token file. Its errors begin with the line: "line 3: …".
func parse(b []byte) (*table, error) {
	if len(b) > maxFileBytes {
		return nil, fmt.Errorf("%d bytes: at most %d", len(b), maxFileBytes)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, errors.New("empty; a file that lets nobody in says tokens: []") // or it is just being written
	}
	var f fileYAML
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return nil, lineError(err)
	}
	if d.Decode(new(yaml.Node)) != io.EOF {
		return nil, errors.New("a second YAML document: want one")
	}
	if len(f.Tokens) > MaxTokens {
		return nil, fmt.Errorf("%d tokens: at most %d", len(f.Tokens), MaxTokens)
	}
	t := &table{}
	if f.Anonymous != nil {
		t.anonymous = &f.Anonymous.rights
	}
	seen := make(map[Digest]int)
	for _, e := range f.Tokens {
		if line, twice := seen[e.entry.Digest]; twice {
			return nil, fmt.Errorf("line %d: the same sha256 as in line %d", e.line, line)
		}
		seen[e.entry.Digest] = e.line
		t.entries = append(t.entries, e.entry)
	}
	return t, nil
}

// lineError makes the errors of the YAML library read as ours.
func lineError(err error) error {
	if e, ok := errors.AsType[*yaml.TypeError](err); ok {
		return errors.New(strings.Join(e.Errors, "; "))
	}
	words := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.Contains(words, "find expected") { // what the library says of [*] and [>]
		words += `; a pattern that begins with * or > needs quotes: ">"`
	}
	return errors.New(words)
}

type fileYAML struct {
	Tokens    []entryYAML `yaml:"tokens"`
	Anonymous *rightsYAML `yaml:"anonymous"`
}

// rightsYAML is what a mapping's emit and listen say.
type rightsYAML struct{ rights Rights }

func (r *rightsYAML) UnmarshalYAML(n *yaml.Node) error {
	return eachField(n, func(key string, value *yaml.Node) error { return r.take(key, value) })
}

func (r *rightsYAML) take(key string, value *yaml.Node) (err error) {
	switch key {
	case "emit":
		r.rights.Emit, err = patternsOf(value)
	case "listen":
		r.rights.Listen, err = patternsOf(value)
	default:
		err = fmt.Errorf("line %d: %q is no key here", value.Line, key)
	}
	return err
}

// entryYAML is one of the tokens.
type entryYAML struct {
	entry Entry
	line  int
}

func (e *entryYAML) UnmarshalYAML(n *yaml.Node) error {
	e.line = n.Line
	var r rightsYAML
	seen := false
	err := eachField(n, func(key string, value *yaml.Node) (err error) {
		switch key {
		case "name":
			e.entry.Name, err = scalar(value)
		case "sha256":
			seen = true
			e.entry.Digest, err = digestOf(value)
		case "expires":
			e.entry.Expires, err = timeOf(value)
		default:
			err = r.take(key, value)
		}
		return err
	})
	if err == nil && !seen {
		err = fmt.Errorf("line %d: a token without sha256", n.Line)
	}
	e.entry.Rights = r.rights
	return err
}

// eachField visits a mapping's fields and refuses a key that comes twice.
func eachField(n *yaml.Node, visit func(key string, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want keys and values, such as name: sensors", n.Line)
	}
	var keys []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if slices.Contains(keys, key) {
			return fmt.Errorf("line %d: %q a second time", n.Content[i].Line, key)
		}
		keys = append(keys, key)
		if err := visit(key, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func scalar(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", fmt.Errorf("line %d: want one value", n.Line)
	}
	return n.Value, nil
}

func digestOf(n *yaml.Node) (Digest, error) {
	s, err := scalar(n)
	if err != nil {
		return Digest{}, err
	}
	d, err := parseDigest(s)
	if err != nil {
		return d, fmt.Errorf("line %d: sha256: %w", n.Line, err)
	}
	return d, nil
}

func timeOf(n *yaml.Node) (time.Time, error) {
	s, err := scalar(n)
	if err != nil {
		return time.Time{}, err
	}
	t, err := ParseTime(s)
	if err != nil {
		return t, fmt.Errorf("line %d: expires: %w", n.Line, err)
	}
	return t, nil
}

// ParseTime reads a moment; of a day alone, its first (UTC).
func ParseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; want 2027-01-31 or 2027-01-31T12:00:00Z", s)
}

// patternsOf reads a list of patterns, or one alone.
func patternsOf(n *yaml.Node) ([]Pattern, error) {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	patterns := make([]Pattern, 0, len(items))
	for _, item := range items {
		s, err := scalar(item)
		if err != nil {
			return nil, err
		}
		p, err := ParsePattern(s)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", item.Line, err)
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}
