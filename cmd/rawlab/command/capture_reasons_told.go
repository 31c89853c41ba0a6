package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter/tw"

	"rawlab/capture/account"
	"rawlab/labs/report"
)

// reasonsJSON are the kernel's reasons for programs.
type reasonsJSON struct {
	Reasons []reasonJSON `json:"kernel_reasons"`
	Untold  uint64       `json:"untold"` // drops that there was no room to tell of
}

type reasonJSON struct {
	Reason  string       `json:"reason"`
	Fate    account.Fate `json:"fate,omitempty"` // of an event that is lost so
	Packets int          `json:"packets"`
	Events  string       `json:"events,omitempty"` // that were in them: origin-wise ranges of sequences
	count   int          // of them
}

// ranges lists events as runs: 1:1–5, 1:9.
func ranges(events []account.ID) string {
	return strings.TrimPrefix(account.SayEvents(events), "event ")
}

// told sums up what the kernel said.
func (s *askedSource) told() (*reasonsJSON, error) {
	err := s.finish() // the capture may have ended at its count
	if err != nil {
		return nil, err
	}
	lost, err := s.watch.Lost()
	if err != nil {
		return nil, err
	}
	j := &reasonsJSON{Reasons: []reasonJSON{}, Untold: lost + uint64(s.dropped.Excess)}
	for _, t := range s.dropped.Totals() {
		events := t.Events()
		fate, _ := account.FateOf(t.Reason)
		j.Reasons = append(j.Reasons, reasonJSON{t.Reason, fate, t.Packets, ranges(events), len(events)})
	}
	return j, nil
}

// printReasons says what the kernel dropped, in the end.
func (s *askedSource) printReasons(stdout, stderr io.Writer, asJSON bool) error {
	j, err := s.told()
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(stdout).Encode(j)
	}
	return j.write(stderr)
}

func (j *reasonsJSON) write(w io.Writer) error {
	if len(j.Reasons) == 0 {
		fmt.Fprintln(w, "the kernel dropped none of them")
	} else if err := j.writeTable(w); err != nil {
		return err
	}
	if j.Untold > 0 {
		fmt.Fprintf(w, "the kernel dropped %s packets more, for whose reasons there was no room\n", report.Count(int(j.Untold)))
	}
	return nil
}

func (j *reasonsJSON) writeTable(w io.Writer) error {
	var rows [][]string
	for _, r := range j.Reasons {
		rows = append(rows, []string{r.Reason, string(r.Fate), report.Count(r.Packets), report.Count(r.count)})
	}
	align := tw.Alignment{tw.AlignLeft, tw.AlignLeft, tw.AlignRight, tw.AlignRight}
	if err := writeTable(w, align, []string{"dropped by the kernel", "fate", "packets", "events in them"}, rows); err != nil {
		return err
	}
	for _, r := range j.Reasons {
		if r.Events != "" {
			fmt.Fprint(w, report.Wrap(r.Reason+": "+shorten(r.Events), "", 80))
		}
	}
	return nil
}
