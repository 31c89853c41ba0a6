package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"rawlab/labs"
	"rawlab/labs/report"
	"rawlab/labs/scenario"
)

func newLabVerify() *cobra.Command {
	v := &verification{}
	c := &cobra.Command{
		Use:   "verify BUNDLE",
		Short: "Make a lab's bundle again and say whether it is the same",
		Long: "Run the lab of a BUNDLE (the folder of 'rawlab lab run … -o') again, from the\n" +
			"scenario in it, and compare. First the bundle has to agree with itself: its\n" +
			"ledger, event by event, with its result.\n\n" +
			"Of virtual hosts everything repeats: each file has to be the same, byte for byte.\n" +
			"Of kernel hosts what the seed decides does: which events the wire took\n" +
			"(lost_digest), not the timing. That is compared run by run: one of which the\n" +
			"result says that it does not repeat may differ, and verify says why. What was\n" +
			"interrupted is compared as far as it went.\n\n" +
			"Exit code 0: the same. 3: not, with the first difference. 2: no bundle, or one\n" +
			"that cannot be read. 1: it cannot be told.",
		Example: "  rawlab lab run loss -o result && rawlab lab verify result",
		Args:    positional(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return v.verify(c, args[0]) },
	}
	c.Flags().BoolVar(&v.json, "json", false, "print one JSON object instead of a line")
	return c
}

// verification is what became of holding a bundle against a new run.
type verification struct {
	json  bool
	bytes bool // every byte has to be the same; else which events the wire took

	interrupted bool // the bundle is of a lab that was ended before its time

	Bundle     string             `json:"bundle"`
	Lab        string             `json:"lab"`
	Seed       uint64             `json:"seed"`
	Backend    string             `json:"backend"`
	Same       *bool              `json:"same"` // null: it cannot be told
	Compared   []string           `json:"compared"`
	Difference *report.Difference `json:"difference"` // the first; null: none
	Reasons    []string           `json:"reasons,omitempty"`
	Runs       []*verifiedRun     `json:"runs,omitempty"` // where it is compared run by run
}

func (v *verification) verify(c *cobra.Command, folder string) error {
	kept, err := report.ReadBundle(folder)
	if err != nil {
		return usagef("lab verify: %w", err)
	}
	defer kept.Close()
	r := kept.Result
	v.Bundle, v.Lab, v.Seed, v.Backend, v.Compared = folder, r.Lab, r.Seed, r.Backend, []string{}
	v.bytes = r.Backend == labs.BackendVirtual && !r.FreshKeys && !r.Interrupted
	if err := kept.Agrees(); err != nil {
		return v.judge(c.OutOrStdout(), err)
	}
	f := &labFlags{backend: backendAuto}
	l, o, file, err := f.fromBundle(kept)
	if err != nil {
		return usagef("lab verify: %s: %w", folder, err)
	}
	if o.Backend = file.Backend; o.Backend != r.Backend {
		return v.judge(c.OutOrStdout(), &report.Difference{Where: "result.json, backend", Bundle: r.Backend, Now: o.Backend + ", as scenario.yaml"})
	}
	if v.begin(r) == 0 {
		return v.cannot(c.OutOrStdout(), "the result says itself that it does not repeat", r.Reasons)
	}
	f.options.KernelReasons = o.KernelReasons
	if err := f.askable(o.Backend); err != nil {
		return err
	}
	if again := f.runsElsewhere(o.Backend); again != nil {
		return rerun(c.Context(), again)
	}
	return v.compare(c, kept, l, &o, file)
}

// fromBundle makes the lab of a bundle's scenario.
func (f *labFlags) fromBundle(kept *report.Kept) (*labs.Lab, labs.Options, *scenario.File, error) {
	text, err := kept.Open("scenario.yaml")
	if err != nil {
		return nil, labs.Options{}, nil, err
	}
	defer text.Close()
	file, err := scenario.Read("scenario.yaml", text)
	if err != nil {
		return nil, labs.Options{}, nil, err
	}
	if file.Backend != labs.BackendKernel && file.Backend != labs.BackendVirtual {
		return nil, labs.Options{}, nil, fmt.Errorf("scenario.yaml: backend: want the hosts that it was run on, %s or %s", labs.BackendKernel, labs.BackendVirtual)
	}
	own := &cobra.Command{}
	f.register(own)
	return f.fromFile(own, file)
}

// tries is how often kernel hosts are asked for a run that nothing disturbed.
const tries = 3

// compare makes the bundle again, into a folder that goes away, and holds the
// two against each other: byte for byte, or run by run, as often as some of
// those are disturbed.
func (v *verification) compare(c *cobra.Command, kept *report.Kept, l *labs.Lab, o *labs.Options, file *scenario.File) error {
	folder, err := os.MkdirTemp("", "rawlab-verify-")
	if err != nil {
		return fmt.Errorf("lab verify: %w", err)
	}
	defer os.RemoveAll(folder)
	for try := 1; ; try++ {
		out, err := v.runAgain(c, kept, l, o, file)
		if err != nil {
			return err
		}
		b, err := report.OpenBundle(folder)
		if err != nil {
			return err
		}
		if err := out.WriteBundle(b); err != nil {
			return err
		}
		if v.bytes {
			v.Compared = b.Files()
			return v.judge(c.OutOrStdout(), kept.SameBytes(folder, b.Files()))
		}
		settled, err := v.holdRuns(kept, folder)
		if err != nil {
			return v.judge(c.OutOrStdout(), err)
		}
		if settled || try == tries {
			return v.judgeRuns(c.OutOrStdout())
		}
	}
}

// runAgain runs the lab of the bundle, under the same demands.
func (v *verification) runAgain(c *cobra.Command, kept *report.Kept, l *labs.Lab, o *labs.Options, file *scenario.File) (*labs.Outcome, error) {
	m := newMeter(c.ErrOrStderr(), false, []float64{1})
	out, err := m.conduct(c.Context(), l, o)
	m.end()
	if err != nil {
		return nil, err
	}
	if out.Result.Interrupted {
		return nil, fmt.Errorf("lab verify: interrupted before %s could be compared", filepath.Clean(v.Bundle))
	}
	demanding := &series{demands: fileDemands(file)}
	if err := demanding.judge(out.Result, l, o, file); err != nil {
		return nil, err
	}
	if p := kept.Result.Prediction; p != nil {
		reveal(l, p.Predicted, out.Result)
	}
	return out, nil
}

// judge tells what came of it; err is the first difference, if there is one.
func (v *verification) judge(w io.Writer, err error) error {
	d, differs := errors.AsType[*report.Difference](err)
	if err != nil && !differs {
		return fmt.Errorf("lab verify: %w", err)
	}
	same := !differs
	v.Same, v.Difference = &same, d
	if err := v.write(w); err != nil || same {
		return err
	}
	return &checkError{fmt.Errorf("%s does not match: %w", filepath.Clean(v.Bundle), d)}
}

// cannot says why nothing can be told.
func (v *verification) cannot(w io.Writer, why string, reasons []string) error {
	if v.json {
		if err := writeJSON(w, v); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s cannot be verified, though its ledger agrees with its result: %s: %s", filepath.Clean(v.Bundle), why, strings.Join(reasons, "; "))
}

func (v *verification) write(w io.Writer) error {
	if v.json {
		return writeJSON(w, v)
	}
	if !*v.Same { // the error says where
		_, err := io.WriteString(w, v.eachRun())
		return err
	}
	what, as := "which events the wire took, and how many were emitted", ""
	switch {
	case v.bytes:
		what = strings.Join(v.Compared, ", ") + ", byte for byte"
	case v.interrupted:
		as, what = " as far as it went before it was ended", "which of the events emitted until then the wire took"
	case v.Backend == labs.BackendVirtual:
		what += "; encrypted bytes do not repeat"
	default:
		what += "; timing does not repeat on kernel hosts"
	}
	if v.partly() && !v.interrupted {
		as += " where it says that it repeats"
	}
	_, err := io.WriteString(w, report.Wrap(fmt.Sprintf("%s is the same again%s: lab %s, seed %d, %s hosts; compared: %s",
		filepath.Clean(v.Bundle), as, v.Lab, v.Seed, v.Backend, what), "", 80)+v.eachRun())
	return err
}
