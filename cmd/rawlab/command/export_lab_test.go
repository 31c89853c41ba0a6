package command

import (
	"bytes"

	"github.com/spf13/cobra"

	"rawlab/labs"
	"rawlab/labs/scenario"
)

// Again returns what a lab is run with, given the arguments behind its name,
// and what it is run with again from the scenario of its bundle.
func Again(name string, args []string) (first, again labs.Options, err error) {
	var f labFlags
	c := &cobra.Command{}
	f.register(c)
	if err := c.ParseFlags(args); err != nil {
		return first, again, err
	}
	l, first, file, err := f.find(c, name)
	if err != nil {
		return first, again, err
	}
	first.Backend = labs.BackendVirtual
	text, err := file.Again(l, &first).YAML("")
	if err != nil {
		return first, again, err
	}
	read, err := scenario.Read("scenario.yaml", bytes.NewReader(text))
	if err != nil {
		return first, again, err
	}
	own := &cobra.Command{}
	f = labFlags{}
	f.register(own)
	_, again, _, err = f.fromFile(own, read)
	again.Backend = read.Backend
	return first, again, err
}
