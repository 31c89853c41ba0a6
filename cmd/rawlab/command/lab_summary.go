package command

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/olekukonko/tablewriter/tw"

	"rawlab/labs/report"
)

// writeSeries writes what several labs came to, together.
func (s *series) writeSeries(w io.Writer) error {
	if s.json {
		return s.writeJSON(w)
	}
	return writeSummary(w, s.suites)
}

// writeSummary writes a line for each lab: whether its checks held, how many,
// and how long it took.
func writeSummary(w io.Writer, suites []report.Suite) error {
	held, seconds := 0, 0.0
	var rows [][]string
	for i := range suites {
		u := &suites[i]
		word, checks := verdictOf(u)
		if u.Held() {
			held++
		}
		seconds += u.Seconds
		rows = append(rows, []string{u.Name, word, checks, fmt.Sprintf("%.1f s", u.Seconds)})
	}
	fmt.Fprintln(w)
	if err := writeTable(w, tw.Alignment{tw.AlignLeft, tw.AlignLeft, tw.AlignRight, tw.AlignRight}, []string{"lab", "", "checks held", "time"}, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d of %d labs held, in %.0f s\n", held, len(suites), seconds)
	return err
}

// verdictOf is what became of a lab, in a word, and how many of its checks
// held.
func verdictOf(u *report.Suite) (word, checks string) {
	switch {
	case u.Skipped:
		return "not begun", "–"
	case u.Result == nil:
		return "did not run", "–"
	}
	all := len(u.Result.Checks) + len(u.Result.Demands)
	checks = fmt.Sprintf("%d of %d", all-len(u.Result.Failed()), all)
	switch {
	case u.Err != nil:
		word = "did not end"
	case u.Held():
		word = "held"
	default:
		word = "FAILED"
	}
	return word, checks
}

// writeJSON writes one object with the results of all labs.
func (s *series) writeJSON(w io.Writer) error {
	type entry struct {
		Lab    string         `json:"lab"`
		Held   bool           `json:"held"`
		Error  string         `json:"error,omitempty"`
		Result *report.Result `json:"result"` // null if there is none
	}
	object := struct {
		Labs []entry `json:"labs"`
	}{}
	for i := range s.suites {
		u := &s.suites[i]
		e := entry{Lab: u.Name, Held: u.Held(), Result: u.Result}
		switch {
		case u.Skipped:
			e.Error = "not begun"
		case u.Err != nil:
			e.Error = u.Err.Error()
		}
		object.Labs = append(object.Labs, e)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(object)
}
