package scenario

import (
	_ "embed"
	"fmt"
	"strings"

	"rawlab/labs"
	"rawlab/labs/measure"
	"rawlab/labs/report"
)

//go:embed new.yaml
var template string

// New is a lab to start from, with comments on all that it may have.
func New(name string) string {
	return strings.NewReplacer("NAME", name, "#MEASURES\n", measuresComment()).Replace(template)
}

// measuresComment lists what is measured of a run.
func measuresComment() string {
	var b strings.Builder
	for _, m := range measure.List {
		if m.About != "events of this fate" {
			b.WriteString(report.Wrap(m.About, fmt.Sprintf("#   %-14s ", m.Name), 80))
		}
	}
	var fates []string
	for _, m := range measure.List {
		if m.About == "events of this fate" {
			fates = append(fates, m.Name)
		}
	}
	b.WriteString(report.Wrap(strings.Join(fates, " "), "#   events lost, by fate: ", 80))
	lines := strings.SplitAfter(b.String(), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "#" + line[1:] // a wrapped line begins with a space
		}
	}
	return strings.Join(lines, "")
}

// NewFrom is a lab that starts from one of the catalogue's, with its options
// and what they are.
func NewFrom(name string, l *labs.Lab, about func(option string) string) (string, error) {
	f := (&File{Name: name, From: l.Name}).Again(l, &l.Defaults)
	f.Question, f.Varies, f.Held, f.Expect = l.Question, l.Varies, l.Held, l.Expect
	f.Next, f.Reading = l.Next, l.Reading
	var b strings.Builder
	if err := f.Write(&b, fmt.Sprintf(fromHead, name, l.Name), about); err != nil {
		return "", err
	}
	b.WriteString(fromTail)
	return b.String(), nil
}

const fromHead = `# %[1]s: a lab that starts from '%[2]s', whose runs, checks and text it has. Edit
# it, then: rawlab lab run %[1]s.yaml
`

const fromTail = `
# Besides, it may have a prediction, checks and text of its own:
#
# predict:
#   ask: How many events does UDP lose?
#   unit: events
#   answer: udp.lost
# checks:
#   - claim: UDP loses less than a fifth
#     that: udp.lost < 20%
# fail-on:                      # what must not come true, as --fail-on has it
#   - tcp.p99>2s
# text:
#   - UDP lost {udp.lost} of {udp.emitted} events.
#
# Runs are called as in the table, with dashes: tcp, udp, udp/ack. 'rawlab lab
# new NAME' lists what is measured of each.
`
