package command

import (
	"io"

	"rawlab/internal/machine"
	"rawlab/labs/bench"
)

// Diagnosis lets tests diagnose machines that they do not run on.
type Diagnosis = diagnosis

func Diagnose(f *machine.Facts, isolation error, program string, labNames []string) *Diagnosis {
	return diagnose(f, isolation, program, labNames)
}

func (d *diagnosis) WriteText(w io.Writer) error { return d.writeText(w) }

func (d *diagnosis) WriteJSON(w io.Writer) error { return d.writeJSON(w) }

func WriteBench(w io.Writer, r *bench.Result) error { return writeBench(w, r) }
