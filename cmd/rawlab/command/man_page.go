package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manPage is a command's manual page, in the macros of man(7).
func manPage(c *cobra.Command, date time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 %s rawlab \"rawlab manual\"\n", strings.ToUpper(pageName(c)), date.Format(time.DateOnly))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(pageName(c)), roff(c.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(c.CommandPath()))
	if rest := strings.TrimSpace(strings.TrimPrefix(c.UseLine(), c.CommandPath())); rest != "" {
		fmt.Fprintf(&b, "%s\n", roff(rest))
	}
	b.WriteString(".SH DESCRIPTION\n")
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	writeProse(&b, text)
	writeCommands(&b, c)
	writeFlags(&b, c)
	if c.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.EX\n%s\n.EE\n", roff(c.Example))
	}
	writeExit(&b)
	writeRelatives(&b, c)
	return b.String()
}

// writeProse writes paragraphs; indented lines stay as they are.
func writeProse(b *strings.Builder, text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		verbatim := false
		for line := range strings.SplitSeq(paragraph, "\n") {
			line = strings.TrimPrefix(strings.Replace(line, "\t", "  ", 1), "#### ") // as texts of others have them
			if indented := strings.HasPrefix(line, " "); indented != verbatim {
				b.WriteString(map[bool]string{true: ".EX\n", false: ".EE\n"}[indented])
				verbatim = indented
			}
			if line != "" {
				b.WriteString(roff(line) + "\n")
			}
		}
		if verbatim {
			b.WriteString(".EE\n")
		}
	}
}

func writeCommands(b *strings.Builder, c *cobra.Command) {
	if !c.HasAvailableSubCommands() {
		return
	}
	b.WriteString(".SH COMMANDS\n")
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(sub.Name()), roff(sub.Short))
		}
	}
}

func writeFlags(b *strings.Builder, c *cobra.Command) {
	c.InitDefaultHelpFlag()
	b.WriteString(".SH OPTIONS\n")
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name, usage := pflag.UnquoteUsage(f)
		b.WriteString(".TP\n")
		if f.Shorthand != "" {
			fmt.Fprintf(b, "\\fB\\-%s\\fP, ", f.Shorthand)
		}
		fmt.Fprintf(b, "\\fB\\-\\-%s\\fP", roff(f.Name))
		if name != "" {
			fmt.Fprintf(b, " \\fI%s\\fP", roff(name))
		}
		fmt.Fprintf(b, "\n%s\n", roff(usage))
		if d := f.DefValue; d != "" && d != "0" && d != "false" && d != "[]" && d != "0s" {
			fmt.Fprintf(b, "(default %s)\n", roff(d))
		}
	})
}

func writeExit(b *strings.Builder) {
	b.WriteString(".SH EXIT STATUS\n")
	for _, s := range []struct {
		code int
		text string
	}{
		{exitOK, "all went well"}, {exitFailure, "something went wrong while running"},
		{exitUsage, "the command line is wrong"}, {exitCheck, "a check did not hold"},
	} {
		fmt.Fprintf(b, ".TP\n.B %d\n%s\n", s.code, s.text)
	}
}

// writeRelatives names the pages above and below.
func writeRelatives(b *strings.Builder, c *cobra.Command) {
	var names []string
	if c.HasParent() {
		names = append(names, pageName(c.Parent()))
	}
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			names = append(names, pageName(sub))
		}
	}
	if len(names) == 0 {
		return
	}
	b.WriteString(".SH SEE ALSO\n")
	for i, name := range names {
		comma := ","
		if i == len(names)-1 {
			comma = ""
		}
		fmt.Fprintf(b, ".BR %s (1)%s\n", roff(name), comma)
	}
}

// roffEscapes keeps characters that roff gives a meaning, or another shape.
var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

// roff escapes text, each line of it: one that begins with a dot would be a
// request.
func roff(text string) string {
	lines := strings.Split(roffEscapes.Replace(text), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
