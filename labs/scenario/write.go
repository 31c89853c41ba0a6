package scenario

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Write writes the file, so that it reads back as the same lab. About says in
// comments what options are; nil says nothing.
func (f *File) Write(w io.Writer, head string, about func(option string) string) error {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range []struct{ key, value string }{
		{"lab", f.Name}, {"from", f.From}, {"question", f.Question}, {"varies", f.Varies}, {"held", f.Held}, {"expect", f.Expect},
	} {
		if k.value != "" {
			add(root, k.key, scalar(k.value))
		}
	}
	for i := range sections {
		f.writeSection(root, &sections[i], about)
	}
	if seed := valueOf(f.Options, "seed"); seed != "" {
		add(root, "seed", scalar(seed))
	}
	f.writeRuns(root)
	f.writeClaims(root)
	f.writeLists(root)
	var b bytes.Buffer
	d, err := yaml.NewDumper(&b, yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		return err
	}
	if err := d.Dump(root); err != nil {
		return err
	}
	if err := d.Close(); err != nil {
		return err
	}
	_, err = io.WriteString(w, head+b.String())
	return err
}

// scalar is a text, quoted where YAML would take it for something else.
func scalar(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: s}
	if strings.Contains(s, "\n") {
		n.Style = yaml.LiteralStyle
	}
	if s == "" || s == "~" || strings.EqualFold(s, "null") {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func add(to *yaml.Node, key string, value *yaml.Node) {
	to.Content = append(to.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
}

func list(values []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, v := range values {
		n.Content = append(n.Content, scalar(v))
	}
	return n
}

// writeSection writes the options of a section.
func (f *File) writeSection(root *yaml.Node, s *section, about func(string) string) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	if s.key == "hosts" && f.Backend != "" {
		add(n, "backend", scalar(f.Backend))
	}
	writeOptions(n, f.Options, s, about)
	if s.key == "traffic" {
		writeTopics(n, f.Topics)
	}
	if len(n.Content) > 0 {
		add(root, s.key, n)
	}
}

// writeOptions writes those of the options that a section has.
func writeOptions(to *yaml.Node, options []Option, s *section, about func(string) string) {
	for _, o := range options {
		own, key := place(o.Name)
		if own != s {
			continue
		}
		value := scalar(o.Values[0])
		if key == "rules" {
			value = list(o.Values)
		}
		add(to, key, value)
		if about != nil {
			to.Content[len(to.Content)-2].HeadComment = about(o.Name)
		}
	}
}

func (f *File) writeRuns(root *yaml.Node) {
	runs := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range f.Runs {
		r := &f.Runs[i]
		n := &yaml.Node{Kind: yaml.MappingNode}
		add(n, "transport", scalar(r.Transport))
		if r.Name != "" {
			add(n, "name", scalar(r.Name))
		}
		for j := range sections {
			writeOptions(n, r.Options, &sections[j], nil)
		}
		writeTopics(n, r.Topics)
		runs.Content = append(runs.Content, n)
	}
	if len(f.Runs) > 0 {
		add(root, "runs", runs)
	}
}

func (f *File) writeClaims(root *yaml.Node) {
	if p := f.Predict; p != nil {
		n := &yaml.Node{Kind: yaml.MappingNode}
		add(n, "ask", scalar(p.Ask))
		add(n, "unit", scalar(p.Unit))
		add(n, "answer", scalar(p.Answer.text))
		add(root, "predict", n)
	}
	if len(f.Checks) == 0 {
		return
	}
	checks := &yaml.Node{Kind: yaml.SequenceNode}
	for _, c := range f.Checks {
		n := &yaml.Node{Kind: yaml.MappingNode}
		if c.Claim != "" {
			add(n, "claim", scalar(c.Claim))
		}
		add(n, "that", scalar(c.That.text))
		checks.Content = append(checks.Content, n)
	}
	add(root, "checks", checks)
}

func (f *File) writeLists(root *yaml.Node) {
	var texts, demands []string
	for i := range f.FailOn {
		demands = append(demands, f.FailOn[i].Text)
	}
	for i := range f.Text {
		texts = append(texts, f.Text[i].text)
	}
	for _, k := range []struct {
		key    string
		values []string
	}{{"fail-on", demands}, {"text", texts}, {"next", f.Next}, {"reading", f.Reading}} {
		if len(k.values) > 0 {
			add(root, k.key, list(k.values))
		}
	}
}

// Set gives an option of all runs a value, in place of what it has.
func (f *File) Set(name string, values ...string) {
	f.Options = slices.DeleteFunc(f.Options, func(o Option) bool { return o.Name == name })
	f.Options = append(f.Options, Option{Name: name, Values: values})
}

// YAML is what Write writes, without comments but those of its head.
func (f *File) YAML(head string) ([]byte, error) {
	var b bytes.Buffer
	err := f.Write(&b, head, nil)
	return b.Bytes(), err
}
