package command

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rawlab/labs"
	"rawlab/labs/scenario"
)

// isLabFile tells whether an argument is a file and not a lab of the
// catalogue.
func isLabFile(arg string) bool {
	return slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(arg)) || strings.ContainsRune(arg, filepath.Separator)
}

// find returns the lab of an argument, the options that it is to be run with,
// and the file that makes it run so again.
func (f *labFlags) find(c *cobra.Command, arg string) (*labs.Lab, labs.Options, *scenario.File, error) {
	if isLabFile(arg) {
		file, err := scenario.Open(arg)
		if err != nil {
			return nil, labs.Options{}, nil, usagef("%w", err)
		}
		return f.fromFile(c, file)
	}
	l, err := labs.Find(arg)
	if err != nil {
		return nil, labs.Options{}, nil, usagef("%w", err)
	}
	o, err := f.optionsFor(c, l)
	return l, o, &scenario.File{Name: l.Name, From: l.Name}, err
}

// fromFile makes the lab of a file, with what the user said in place of what
// the file says of all runs.
func (f *labFlags) fromFile(c *cobra.Command, file *scenario.File) (*labs.Lab, labs.Options, *scenario.File, error) {
	refuse := func(err error) (*labs.Lab, labs.Options, *scenario.File, error) {
		return nil, labs.Options{}, nil, err
	}
	c.Flags().Visit(func(flag *pflag.Flag) {
		if !slices.Contains(ownFlags, flag.Name) {
			file.Set(flag.Name, valuesOf(flag)...)
		}
	})
	if f.backend != backendAuto {
		file.Backend = f.backend
	}
	base, err := file.Base()
	if err != nil {
		return refuse(usagef("%w", err))
	}
	o, err := optionsOf(base, file, -1, -1)
	if err != nil {
		return refuse(err)
	}
	var trials []labs.Trial
	for i := range file.Runs {
		t, err := trialOf(base, file, i)
		if err != nil {
			return refuse(err)
		}
		trials = append(trials, t)
	}
	return file.Lab(base, trials), o, file, nil
}

// trialOf is one of a file's runs, with the options of each of its topics.
func trialOf(l *labs.Lab, file *scenario.File, run int) (t labs.Trial, err error) {
	if t.Options, err = optionsOf(l, file, run, -1); err != nil {
		return t, err
	}
	for i, topic := range file.TopicsOf(run) {
		o, err := optionsOf(l, file, run, i)
		if err != nil {
			return t, err
		}
		t.Topics = append(t.Topics, labs.Topic{Name: topic.Name, Options: o})
	}
	if err := t.Validate(); err != nil {
		return t, usagef("%w", &scenario.Error{At: file.Runs[run].At, Reason: err.Error()})
	}
	return t, nil
}

// valuesOf is what a flag was given.
func valuesOf(flag *pflag.Flag) []string {
	if several, ok := flag.Value.(pflag.SliceValue); ok {
		return several.GetSlice()
	}
	return []string{flag.Value.String()}
}

// optionsOf are the options that a file says of a topic of one of its runs;
// -1 is all of them.
func optionsOf(l *labs.Lab, file *scenario.File, run, topic int) (labs.Options, error) {
	var f labFlags
	c := &cobra.Command{}
	f.register(c)
	said := file.Said(run, topic)
	if run >= 0 && file.Runs[run].Transport == "tcp" {
		said = slices.DeleteFunc(said, func(o scenario.Option) bool { return o.Name == "congestion" })
	}
	refuse := func(err error) error { return placed(file, run, topic, err) }
	for _, option := range said {
		for _, v := range option.Values {
			if err := c.Flags().Set(option.Name, v); err != nil {
				return labs.Options{}, refuse(errors.New(flagText(err)))
			}
		}
	}
	if len(f.sweep.lists) > 0 {
		several := f.sweep.lists[0].name
		return labs.Options{}, refuse(fmt.Errorf("--%s: several values; a file has one of each option, 'rawlab lab run FILE --%s 1,2' takes them", several, several))
	}
	o, err := f.optionsFor(c, l)
	return o, refuse(err)
}

// inError finds the option that an error is about, by the words of flags and
// of the wire.
var inError = regexp.MustCompile(`(?:--|wire: )([a-z0-9-]+)`)

// placed makes an error about an option one of where the file says it.
func placed(file *scenario.File, run, topic int, err error) error {
	if err == nil {
		return nil
	}
	for _, words := range inError.FindAllStringSubmatch(err.Error(), -1) {
		if at, ok := file.Find(words[1], run, topic); ok && at.File != "" {
			return usagef("%w", &scenario.Error{At: at, Reason: err.Error()})
		}
	}
	if _, usage := errors.AsType[*usageError](err); !usage {
		return usagef("%w", err)
	}
	return err
}

// agree takes from a file what holds for the whole command.
func (f *labFlags) agree(o *labs.Options, file *scenario.File) error {
	switch want := file.Backend; {
	case want == "" || want == f.backend:
	case f.backend == backendAuto:
		f.backend = want
	case want != backendAuto:
		return usagef("%s hosts are asked for, and lab %s wants %s ones: run one at a time", f.backend, file.Name, want)
	}
	f.options.KernelReasons = f.options.KernelReasons || o.KernelReasons
	if f.predict && file.From == "" && file.Predict == nil {
		return usagef("--predict: lab %s asks for nothing; give its file a 'predict:'", file.Name)
	}
	return nil
}

// again is what a bundle's file says of itself.
const again = "# What this bundle was made of. 'rawlab lab verify' makes it again and compares.\n"
