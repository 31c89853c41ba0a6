package command

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"rawlab/internal/machine"
	"rawlab/labs"
	"rawlab/labs/bench"
)

// Diagnosis lets tests diagnose machines that they do not run on.
type Diagnosis = diagnosis

func Diagnose(f *machine.Facts, isolation, asking error, program string, labNames []string) *Diagnosis {
	return diagnose(f, isolation, asking, program, labNames)
}

func (d *diagnosis) WriteText(w io.Writer) error { return d.writeText(w) }

func (d *diagnosis) WriteJSON(w io.Writer) error { return d.writeJSON(w) }

func WriteBench(w io.Writer, r *bench.Result) error { return writeBench(w, r) }

// LabOptions returns what a lab is run with, given the arguments behind its
// name.
func LabOptions(name string, args []string) (labs.Options, error) {
	var f labFlags
	c := &cobra.Command{}
	f.register(c)
	if err := c.ParseFlags(args); err != nil {
		return labs.Options{}, err
	}
	if err := readScenario(c.Flags(), f.scenario); err != nil {
		return labs.Options{}, err
	}
	l, err := labs.Find(name)
	if err != nil {
		return labs.Options{}, err
	}
	return f.optionsFor(c, l)
}

// KeepFrames sets how many frames explain keeps before it reads the file again
// instead, and returns how many it was.
func KeepFrames(n int) int {
	was := framesKept
	framesKept = n
	return was
}

// KeepRefusals sets how many ICMP errors explain keeps, and returns how many
// it was.
func KeepRefusals(n int) int {
	was := maxRefusals
	maxRefusals = n
	return was
}

// ParseTCPInfo reads a lab's samples of TCP_INFO and returns each in words.
func ParseTCPInfo(csv io.Reader) (words []string, err error) {
	samples, err := parseTCPInfo(csv)
	for i := range samples {
		words = append(words, strings.Join(samples[i].words(), ", "))
	}
	return words, err
}

// ParseLog reads an emitter's log and returns how many events it has.
func ParseLog(log io.Reader) (events int, unfinished bool, err error) {
	list, unfinished, err := parseLog(log)
	return len(list), unfinished, err
}
