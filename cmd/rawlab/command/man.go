package command

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write a manual page for every command into a folder",
		Long: "Write a manual page for every command into a folder, which is made if need be:\n" +
			"rawlab.1, rawlab-lab-run.1 and so on. The date in them is SOURCE_DATE_EPOCH's,\n" +
			"where that is set, else today's.",
		Example: "  rawlab man ~/.local/share/man/man1 && man rawlab-lab-run\n  rawlab man man1 && man man1/rawlab-capture.1",
		Args:    positional(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			date, err := pageDate()
			if err != nil {
				return err
			}
			n, err := writePages(c.Root(), args[0], date)
			if err == nil {
				fmt.Fprintf(c.ErrOrStderr(), "%s in %s\n", plural(n, "page"), args[0])
			}
			return err
		},
	}
}

// pageDate is the date of the pages, which builds that repeat set
// (reproducible-builds.org/specs/source-date-epoch).
func pageDate() (time.Time, error) {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return time.Now(), nil
	}
	var seconds int64
	if _, err := fmt.Sscanf(epoch+"\n", "%d\n", &seconds); err != nil {
		return time.Time{}, usagef("SOURCE_DATE_EPOCH=%s: want seconds since 1970", epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// writePages writes the pages of a command and of all below it.
func writePages(root *cobra.Command, folder string, date time.Time) (int, error) {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return 0, err
	}
	dir, err := os.OpenRoot(folder)
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	n := 0
	for _, c := range documented(root) {
		if err := dir.WriteFile(pageName(c)+".1", []byte(manPage(c, date)), 0o666); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// documented lists a command and all below it that are for people.
func documented(c *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			list = append(list, documented(sub)...)
		}
	}
	return list
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }
