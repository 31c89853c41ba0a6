package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"rawlab/internal/spelling"
)

// node is a part of the file that knows where it stands.
type node struct {
	*yaml.Node
	file string
}

func (n node) at() Place { return Place{n.file, n.Line, n.Column} }

// parse reads the one document of a file; an empty file has none.
func parse(file string, r io.Reader) (root node, ok bool, err error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return node{}, false, err
	}
	if len(text) > MaxBytes {
		return node{}, false, fmt.Errorf("%s: larger than %d bytes: that is no lab", file, MaxBytes)
	}
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithUniqueKeys(false)) // told here, with their places
	if err != nil {
		return node{}, false, err
	}
	var document, more yaml.Node
	if err := loader.Load(&document); errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0 {
		return node{}, false, nil
	} else if err != nil {
		return node{}, false, syntax(file, err)
	}
	if err := loader.Load(&more); !errors.Is(err, io.EOF) {
		return node{}, false, Place{file, max(more.Line, 1), more.Column}.refuse("a second document; a file holds one lab")
	}
	root = node{document.Content[0], file}
	return root, true, root.plain()
}

// syntax makes an error of the YAML library one of ours.
func syntax(file string, err error) error {
	e, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		return Place{file, 1, 0}.refuse("%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	reason := "this is no YAML: " + e.Message
	if strings.Contains(e.Message, "mapping values are not allowed") || strings.Contains(e.Message, "cannot start any token") {
		reason += "; words with a colon and a space, or that begin with a sign such as % or {, need quotes: 'udp: loss 3%'"
	}
	return Place{file, max(e.Mark.Line, 1), e.Mark.Column}.refuse("%s", reason)
}

// plain refuses what makes one text stand for another: anchors, aliases and
// tags. Without them a file is as large as it looks.
func (n node) plain() error {
	switch {
	case n.Kind == yaml.AliasNode:
		return n.at().refuse("*%s: an alias; write out what it stands for", n.Value)
	case n.Anchor != "":
		return n.at().refuse("&%s: an anchor; a lab has none, write out what is meant each time", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		return n.at().refuse("%s: a tag; a lab has none", n.Tag)
	}
	for _, c := range n.Content {
		if err := (node{c, n.file}).plain(); err != nil {
			return err
		}
	}
	return nil
}

// field is a key with its value.
type field struct {
	key   string
	at    Place // of the key
	value node
}

// fields returns the keys and values of a mapping, each key once.
func (n node) fields(what string) ([]field, error) {
	if n.Kind != yaml.MappingNode {
		return nil, n.at().refuse("%s: want keys with values, such as 'loss: 5%%', a line each", what)
	}
	var list []field
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := node{n.Content[i], n.file}, node{n.Content[i+1], n.file}
		if key.Kind != yaml.ScalarNode {
			return nil, key.at().refuse("%s: a key is one word", what)
		}
		if slices.ContainsFunc(list, func(f field) bool { return f.key == key.Value }) {
			return nil, key.at().refuse("'%s' is there twice", clip(key.Value))
		}
		list = append(list, field{key.Value, key.at(), value})
	}
	return list, nil
}

// text returns the value as one text.
func (f *field) text() (string, error) {
	v := f.value
	switch {
	case v.Kind != yaml.ScalarNode || v.Tag == "!!null":
		return "", v.at().refuse("%s: want one value; put words with a colon or a # sign between quotes", f.key)
	case len(v.Value) > maxChars:
		return "", v.at().refuse("%s: %d characters, must be at most %d", f.key, len(v.Value), maxChars)
	}
	return v.Value, nil
}

// items returns the values of a list, or the one value.
func (f *field) items(most int) ([]field, error) {
	if f.value.Kind != yaml.SequenceNode {
		return []field{*f}, nil
	}
	if len(f.value.Content) > most {
		return nil, f.at.refuse("%s: %d of them, must be at most %d", f.key, len(f.value.Content), most)
	}
	var list []field
	for _, c := range f.value.Content {
		v := node{c, f.value.file}
		list = append(list, field{f.key, v.at(), v})
	}
	return list, nil
}

// texts returns the texts of a list, or the one.
func (f *field) texts(most int) ([]string, error) {
	items, err := f.items(most)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, i := range items {
		s, err := i.text()
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// unknown refuses a key and says which one is meant.
func (f *field) unknown(where string, known []string) error {
	return f.at.refuse("'%s' is no key of %s; the nearest is '%s'", clip(f.key), where, spelling.Nearest(f.key, known))
}

// clip keeps a message short.
func clip(s string) string {
	if r := []rune(s); len(r) > maxName {
		return string(r[:maxName]) + "…"
	}
	return s
}
