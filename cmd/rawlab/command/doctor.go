package command

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/olekukonko/tablewriter/tw"
	"github.com/spf13/cobra"

	"rawlab/capture/reasons"
	"rawlab/internal/machine"
	"rawlab/labs"
	"rawlab/labs/host"
	"rawlab/labs/report"
)

func newDoctor() *cobra.Command {
	var asJSON, check bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Tell what this machine allows, what works here, and how to mend the rest",
		Long: "Tell what this machine allows, what each lab and verb does here, and the command\n" +
			"that would mend what is missing, or do without it. Nothing is changed.",
		Example: "  rawlab doctor\n  rawlab doctor --check && rawlab lab run loss",
		Args:    positional(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			d := diagnose(machine.Probe(), host.CanIsolate(), tryReasons(), program(), labNames())
			write := d.writeText
			if asJSON {
				write = d.writeJSON
			}
			if err := write(c.OutOrStdout()); err != nil {
				return err
			}
			if check && !d.KernelHosts {
				return &checkError{errors.New("this machine lets no kernel hosts be made, so labs run on virtual ones; 'rawlab doctor' says why")}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object instead of tables")
	c.Flags().BoolVar(&check, "check", false, "exit with 3 if something that a lab on kernel hosts needs is missing")
	return c
}

// tryReasons tells why the kernel cannot be asked why it drops packets, nil if
// it can.
func tryReasons() error {
	w, err := reasons.Open(nil)
	if err != nil {
		return err
	}
	return w.Close()
}

func labNames() []string {
	names := make([]string, 0, len(labs.Catalog))
	for _, l := range labs.Catalog {
		names = append(names, l.Name)
	}
	return names
}

// program is where this program is, if it is in a lasting place: 'go run'
// puts it into a folder that it deletes at the end.
func program() string {
	path, err := os.Executable()
	if err != nil || strings.Contains(path, string(filepath.Separator)+"go-build") {
		return ""
	}
	return path
}

// diagnosis is what doctor says, as --json prints it.
type diagnosis struct {
	System   string    `json:"system"`
	Kernel   string    `json:"kernel"`
	CPUs     int       `json:"cpus"`
	Findings []finding `json:"findings"`
	Labs     []verdict `json:"labs"`
	Verbs    []verdict `json:"verbs"`
	LabsRun  bool      `json:"labs_run"` // on hosts of either kind

	KernelHosts bool `json:"kernel_hosts"` // can be made
}

// finding is one thing that the machine allows, or not.
type finding struct {
	Name  string `json:"name"`
	State string `json:"state"` // stateOK, stateLimited, stateMissing
	Found string `json:"found"`
	Means string `json:"means"`

	Refused string `json:"refused,omitempty"` // what the system said when it was tried
	Mend    string `json:"mend,omitempty"`    // the command that would mend it, if there is one
	Instead string `json:"instead,omitempty"` // the command that does without it
}

// The states of a finding.
const (
	stateOK      = "ok"
	stateLimited = "limited" // works, but not as well as it could
	stateMissing = "missing"
)

// verdict tells whether a lab or a verb works here, and how.
type verdict struct {
	Name  string `json:"name"`
	Works bool   `json:"works"`
	How   string `json:"how"`
}

func (d *diagnosis) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(d)
}

func (d *diagnosis) writeText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, kernel %s, %s\n\n", d.System, cmp.Or(d.Kernel, "unknown"), plural(d.CPUs, "CPU"))
	if err := writeTable(&b, tw.Alignment{tw.AlignLeft, tw.AlignLeft, tw.AlignLeft}, []string{"this machine", "is", "which means"}, d.findingRows()); err != nil {
		return err
	}
	b.WriteByte('\n')
	if err := writeTable(&b, tw.Alignment{tw.AlignLeft, tw.AlignLeft}, []string{"rawlab", "here"}, d.verdictRows()); err != nil {
		return err
	}
	d.writeMends(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (d *diagnosis) findingRows() [][]string {
	rows := make([][]string, 0, len(d.Findings))
	for _, f := range d.Findings {
		text := report.Wrap(f.Found+": "+f.Means, "", 46)
		rows = append(rows, []string{f.Name, f.State, strings.TrimSuffix(text, "\n")})
	}
	return rows
}

func (d *diagnosis) verdictRows() [][]string {
	var rows [][]string
	add := func(prefix string, list []verdict) {
		for _, v := range list {
			word := "no: "
			if v.Works {
				word = "yes: "
			}
			text := report.Wrap(word+v.How, "", 50)
			rows = append(rows, []string{prefix + v.Name, strings.TrimSuffix(text, "\n")})
		}
	}
	add("lab run ", d.Labs)
	add("", d.Verbs)
	return rows
}

// writeMends writes what is refused, with the commands, unwrapped so that they
// can be copied.
func (d *diagnosis) writeMends(b *strings.Builder) {
	started := false
	for _, f := range d.Findings {
		if f.Mend == "" && f.Instead == "" {
			continue
		}
		if !started {
			b.WriteString("\nto mend\n")
			started = true
		}
		b.WriteString("  " + f.Name)
		if f.Refused != "" {
			b.WriteString(": " + f.Refused)
		}
		b.WriteByte('\n')
		if f.Mend != "" {
			b.WriteString("    " + f.Mend + "\n")
		}
		if f.Instead != "" {
			b.WriteString("    or do without: " + f.Instead + "\n")
		}
	}
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
