package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"rawlab/internal/spelling"
)

// maxScenario bounds a scenario file; one that is longer is something else.
const maxScenario = 1 << 20

// scenarioError says what in a scenario file cannot be, and where.
type scenarioError struct {
	file   string
	line   int
	reason string
}

func (e *scenarioError) Error() string { return fmt.Sprintf("%s:%d: %s", e.file, e.line, e.reason) }

// readScenario sets the flags that a file names, but for those that the user
// gave. The file has the words of the command line, a line each; a word that
// may be given again may have a list.
func readScenario(s *pflag.FlagSet, file string) error {
	if file == "" {
		return nil
	}
	lines, err := parseScenario(file)
	if err != nil {
		return usagef("scenario %w", err)
	}
	said := map[string]bool{}
	s.Visit(func(f *pflag.Flag) { said[f.Name] = true })
	seen := map[string]bool{}
	for i := 0; i < len(lines); i += 2 {
		name := lines[i].Value
		switch flag := s.Lookup(name); {
		case flag == nil || slices.Contains(ownFlags, name):
			return usagef("scenario %w", &scenarioError{file, lines[i].Line, fmt.Sprintf("'%s' is not an option of a lab; the nearest is '%s'", name, nearestOption(s, name))})
		case seen[name]:
			return usagef("scenario %w", &scenarioError{file, lines[i].Line, fmt.Sprintf("'%s' is there twice", name)})
		case said[name]:
		default:
			if err := setFromScenario(s, flag, lines[i+1]); err != nil {
				return usagef("scenario %w", &scenarioError{file, lines[i+1].Line, fmt.Sprintf("%s: %v", name, err)})
			}
		}
		seen[name] = true
	}
	return nil
}

// parseScenario returns the file's keys and values in turn.
func parseScenario(file string) ([]*yaml.Node, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxScenario+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxScenario {
		return nil, fmt.Errorf("%s: larger than %d bytes", file, maxScenario)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	if err := d.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil // nothing but comments
	} else if err != nil {
		return nil, fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: holds more than one document", file)
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, &scenarioError{file, root.Line, "want lines such as 'loss: 5%'"}
	}
	return root.Content, nil
}

// setFromScenario gives a flag the value of a line, or each of a list.
func setFromScenario(s *pflag.FlagSet, flag *pflag.Flag, value *yaml.Node) error {
	values := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode && flag.Value.Type() == "stringArray" {
		values = value.Content
	}
	for _, v := range values {
		if v.Kind != yaml.ScalarNode || v.Tag == "!!null" {
			return errors.New("want one value, such as 5%; put 'words with a colon: or a # sign' between quotes")
		}
		if err := s.Set(flag.Name, v.Value); err != nil {
			return err
		}
	}
	return nil
}

// nearestOption is the one with the fewest letters to change.
func nearestOption(s *pflag.FlagSet, name string) string {
	var options []string
	s.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(ownFlags, f.Name) {
			options = append(options, f.Name)
		}
	})
	return spelling.Nearest(name, options)
}
