package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"rawlab/labs"
	"rawlab/labs/report"
)

// asker asks readers what they think will come out, a line each.
type asker struct {
	in  *bufio.Reader
	out io.Writer
	tty bool // somebody can be asked again
}

func newAsker(in io.Reader, out io.Writer) *asker {
	f, ok := in.(*os.File)
	return &asker{in: bufio.NewReader(io.LimitReader(in, 1<<16)), out: out, tty: ok && term.IsTerminal(int(f.Fd()))}
}

// ask returns what the reader predicts. Without a terminal an answer that is
// no number is an error, as is none at all.
func (a *asker) ask(l *labs.Lab, o *labs.Options) (float64, error) {
	if o.Transport == "tcp" {
		return 0, usagef("--predict: lab %s asks what UDP does: leave out --transport tcp", l.Name)
	}
	fmt.Fprintf(a.out, "%s%s", report.Wrap(l.Predict.Question(o), "", 80), "your prediction, in "+l.Predict.Unit+": ")
	for {
		line, err := a.in.ReadString('\n')
		if line = strings.TrimSpace(line); err != nil && line == "" {
			fmt.Fprintln(a.out)
			if errors.Is(err, io.EOF) {
				return 0, usagef("--predict: lab %s asks, and standard input has no answer", l.Name)
			}
			return 0, err
		}
		if !a.tty {
			fmt.Fprintln(a.out, line)
		}
		v, err := parsePrediction(line, l.Predict.Unit)
		if err == nil {
			return v, nil
		}
		if !a.tty {
			return 0, usagef("--predict: lab %s: %w", l.Name, err)
		}
		fmt.Fprintf(a.out, "%v; again: ", err)
	}
}

// parsePrediction reads a number as people write it: 1,965 or 9.8 or 9.8 %.
func parsePrediction(s, unit string) (float64, error) {
	number := strings.TrimSpace(strings.TrimSuffix(strings.ReplaceAll(s, ",", ""), unit))
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || v < 0 || v > 1e15 || v != v {
		return 0, fmt.Errorf("%q is not a number of %s, such as 42", s, unit)
	}
	return v, nil
}

// reveal puts the prediction beside what was measured.
func reveal(l *labs.Lab, predicted float64, r *report.Result) {
	r.Prediction = &report.Prediction{Unit: l.Predict.Unit, Predicted: predicted, Measured: l.Predict.Answer(r)}
}
