package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rawlab/labs"
	"rawlab/labs/scenario"
)

func newLabNew() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "new NAME",
		Short: "Write a lab of your own, to be edited",
		Long: "Write NAME.yaml: a lab with comments on all that one may have, to be edited and\n" +
			"run by 'rawlab lab run NAME.yaml'. A file of that name is never written over.",
		Example: "  rawlab lab new evening\n  rawlab lab new evening --from loss",
		Args:    positional(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return writeLab(c, args[0], from) },
	}
	c.Flags().StringVar(&from, "from", "", "start from this `LAB` of the catalogue, with its runs and checks")
	return c
}

func writeLab(c *cobra.Command, arg, from string) error {
	name := strings.TrimSuffix(arg, ".yaml")
	if !scenario.IsName(name) {
		return usagef("'%s' is no name for a lab: want letters a to z, digits and dashes, such as bad-evening", arg)
	}
	if slices.ContainsFunc(labs.Catalog, func(l *labs.Lab) bool { return l.Name == name }) {
		return usagef("'%s' is the name of a lab that there is; give yours another, as in 'rawlab lab new my-%s --from %s'", name, name, name)
	}
	text := scenario.New(name)
	if from != "" {
		l, err := labs.Find(from)
		if err != nil {
			return usagef("--from: %w", err)
		}
		if text, err = scenario.NewFrom(name, l, optionUsage()); err != nil {
			return err
		}
	}
	file := name + ".yaml"
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; move it away, or choose another name", file)
	}
	if err != nil {
		return err
	}
	if _, err = f.WriteString(text); err != nil {
		return errors.Join(err, f.Close(), os.Remove(file))
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s written; edit it, then: rawlab lab run %s\n", file, file)
	return nil
}

// optionUsage says what an option of a lab is.
func optionUsage() func(string) string {
	var f labFlags
	c := &cobra.Command{}
	f.register(c)
	return func(name string) string {
		flag := c.Flags().Lookup(name)
		if flag == nil {
			return ""
		}
		return "# " + strings.ReplaceAll(flag.Usage, "`", "")
	}
}
