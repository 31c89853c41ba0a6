package scenario

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"rawlab/internal/spelling"
	"rawlab/labs"
)

// Open reads the file of a path. What cannot be is an [*Error], but for what
// the system says of the path.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s: a folder, not a lab's file", path)
	}
	return Read(path, f)
}

// Read reads a lab. The name of its file stands in errors, and is the lab's
// unless that has another.
func Read(file string, r io.Reader) (*File, error) {
	root, ok, err := parse(file, r)
	if err != nil {
		return nil, err
	}
	f := &File{at: Place{file, 1, 0}}
	if !ok {
		return nil, f.at.refuse("nothing but comments; 'rawlab lab new NAME' writes a lab to start from")
	}
	fields, err := root.fields("a lab")
	if err != nil {
		return nil, err
	}
	base := filepath.Base(file)
	f.Name = strings.TrimSuffix(base, filepath.Ext(base))
	var later []field // what is told of runs, once those are known
	for i := range fields {
		if err := f.take(&fields[i], &later); err != nil {
			return nil, err
		}
	}
	if err := f.complete(); err != nil {
		return nil, err
	}
	for i := range later {
		if err := f.takeClaims(&later[i]); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// keys are what a file may have.
var keys = []string{
	"lab", "from", "question", "varies", "held", "expect", "hosts", "link", "traffic", "seed", "runs",
	"predict", "checks", "fail-on", "text", "next", "reading",
}

// take reads one key.
func (f *File) take(k *field, later *[]field) (err error) {
	texts := map[string]*string{"question": &f.Question, "varies": &f.Varies, "held": &f.Held, "expect": &f.Expect}
	if to := texts[k.key]; to != nil {
		*to, err = k.text()
		return err
	}
	switch k.key {
	case "lab":
		f.Name, err = name(k)
	case "from":
		f.From, err = oneOf(k, labNames())
	case "hosts", "link", "traffic":
		err = f.section(k)
	case "seed":
		var text string
		text, err = k.text()
		f.Options = append(f.Options, Option{"seed", []string{text}, k.value.at()})
	case "runs":
		err = f.runs(k)
	case "next":
		f.Next, err = k.texts(maxLines)
	case "reading":
		f.Reading, err = k.texts(maxLines)
	case "predict", "checks", "fail-on", "text":
		*later = append(*later, *k)
	default:
		if s := sectionOf(k.key); s != nil {
			return k.at.refuse("'%s' belongs under '%s:'", k.key, s.key)
		}
		err = k.unknown("a lab", keys)
	}
	return err
}

// name reads a name as one word.
func name(k *field) (string, error) {
	s, err := k.text()
	if err != nil {
		return "", err
	}
	if !IsName(s) {
		return "", k.value.at().refuse("%s: '%s': want letters a to z, digits and dashes, %d at most, such as bad-evening", k.key, clip(s), maxName)
	}
	return s, nil
}

// IsName tells whether a lab or a run may be called so.
func IsName(s string) bool {
	if s == "" || len(s) > maxName || s[0] == '-' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' })
}

// oneOf reads one of some words.
func oneOf(k *field, words []string) (string, error) {
	s, err := k.text()
	if err != nil {
		return "", err
	}
	if !slices.Contains(words, s) {
		return "", k.value.at().refuse("%s: '%s' is none of %s; the nearest is '%s'", k.key, clip(s), strings.Join(words, ", "), spelling.Nearest(s, words))
	}
	return s, nil
}

func labNames() []string {
	var names []string
	for _, l := range labs.Catalog {
		names = append(names, l.Name)
	}
	return names
}

// section reads the options of all runs.
func (f *File) section(k *field) error {
	s := &sections[slices.IndexFunc(sections, func(s section) bool { return s.key == k.key })]
	if k.value.Kind == yaml.ScalarNode && k.value.Tag == "!!null" {
		return nil // all of its options are comments
	}
	fields, err := k.value.fields(k.key)
	if err != nil {
		return err
	}
	for i := range fields {
		o := &fields[i]
		switch other := sectionOf(o.key); {
		case other == nil:
			return o.unknown("'"+s.key+"'", s.options)
		case other != s:
			return o.at.refuse("'%s' belongs under '%s:', not '%s:'", o.key, other.key, s.key)
		case o.key == "topics":
			if f.Topics, err = readTopics(o); err != nil {
				return err
			}
		case o.key == "backend":
			if f.Backend, err = oneOf(o, []string{"auto", labs.BackendKernel, labs.BackendVirtual}); err != nil {
				return err
			}
		default:
			option, err := s.option(o)
			if err != nil {
				return err
			}
			f.Options = append(f.Options, option)
		}
	}
	return nil
}

// complete holds the file against what every lab needs.
func (f *File) complete() error {
	switch {
	case !IsName(f.Name):
		return f.at.refuse("no 'lab:', and '%s' is no name: want letters a to z, digits and dashes, %d at most", clip(f.Name), maxName)
	case f.From != "" && len(f.Runs) > 0:
		return f.Runs[0].At.refuse("'runs' beside 'from': lab %s has runs of its own; leave out one or the other", f.From)
	case f.From != "" && len(f.Topics) > 0:
		return f.Topics[0].At.refuse("'topics' beside 'from': lab %s has traffic of its own; leave out one or the other", f.From)
	case f.From == "" && len(f.Runs) == 0:
		return f.at.refuse("neither 'runs:' nor 'from:': want runs, such as '- transport: udp', or the name of a lab that this one starts from")
	case f.From == "" && f.Question == "":
		return f.at.refuse("no 'question:': what does this lab ask?")
	}
	return f.nameRuns()
}
