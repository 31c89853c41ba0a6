package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/tw"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue/fates"
	"rawlab/labs/report"
)

// fatesReport is what emit --report prints.
type fatesReport struct {
	Emitted     uint64                   `json:"emitted"`
	Verdicts    map[fates.Verdict]uint64 `json:"verdicts"`
	Unexplained int64                    `json:"unexplained"`
	*fates.Report
}

// fatesPause is how long events may be underway before they are asked for
// again, and fatesTime how long it is worth it.
const (
	fatesPause = 100 * time.Millisecond
	fatesTime  = 2 * time.Second
)

// askFates asks what became of all events until that changes no more: what is
// on its way, or waits at the server, may still arrive.
func askFates(ctx context.Context, e client) (*fatesReport, error) {
	reporter, ok := e.(interface {
		Report(ctx context.Context) (*fates.Report, error)
	})
	if !ok {
		return nil, errors.New("this client cannot report fates")
	}
	var last *fatesReport
	for start := clock.Real.Now(); ; {
		r, err := reporter.Report(ctx)
		if err != nil {
			return nil, err
		}
		now := newFatesReport(r)
		over := clock.Real.Now().Sub(start) > fatesTime
		if over || now.isFinal() || last != nil && r.Waiting() == 0 && maps.Equal(last.Verdicts, now.Verdicts) {
			return now, nil
		}
		last = now
		t := clock.Real.NewTimer(fatesPause)
		select {
		case <-t.C():
		case <-ctx.Done():
			t.Stop()
			return now, nil
		}
	}
}

func newFatesReport(r *fates.Report) *fatesReport {
	f := &fatesReport{Report: r}
	f.Emitted, f.Verdicts = r.Counts()
	f.Unexplained = int64(f.Emitted)
	for _, n := range f.Verdicts {
		f.Unexplained -= int64(n)
	}
	return f
}

// isFinal reports whether nothing can change any more.
func (r *fatesReport) isFinal() bool {
	return r.Verdicts[fates.Arrived] == r.Emitted && r.Waiting() == 0
}

// verdictWords are the verdicts in the order of the sum, in a reader's words.
var verdictWords = []struct {
	verdict fates.Verdict
	words   string
}{
	{fates.Arrived, "arrived at the server"},
	{fates.LostOnWay, "lost on the way"},
	{fates.NotSent, "refused by the kernel here (send-refused)"},
	{fates.OnTheWay, "still on the way"},
	{fates.UnknownFate, "unknown"},
}

// write prints a sum, a table of fates and what is not known.
func (r *fatesReport) write(w io.Writer) error {
	var sum []string
	for _, v := range verdictWords {
		if n := r.Verdicts[v.verdict]; n > 0 || v.verdict == fates.Arrived {
			sum = append(sum, report.Count(n)+" "+v.words)
		}
	}
	fmt.Fprintf(w, "%s emitted = %s; %d unexplained\n", report.Count(r.Emitted), strings.Join(sum, " + "), r.Unexplained)
	rows := [][]string{}
	for _, t := range r.Topics {
		rows = append(rows, fateRows(&t)...)
	}
	if len(rows) > 0 {
		align := tw.Alignment{tw.AlignLeft, tw.AlignLeft, tw.AlignRight, tw.AlignLeft}
		if err := writeTable(w, align, []string{"topic", "fate", "events", "sequences"}, rows); err != nil {
			return err
		}
	}
	if r.Verdicts[fates.LostOnWay] > 0 {
		fmt.Fprintln(w, "lost on the way: the wire lost them, or the server's receive buffer was full; a capture can tell which")
	}
	if r.Verdicts[fates.UnknownFate] > 0 {
		fmt.Fprintln(w, "unknown: the server does not remember them, or did not note them yet")
	}
	return r.writeUnplaced(w)
}

// writeUnplaced prints what is known by time only.
func (r *fatesReport) writeUnplaced(w io.Writer) (err error) {
	for _, u := range r.Unplaced {
		what := "frames from this client's address were none"
		if u.Fate == fates.ReceiveBuffer {
			what = "datagrams, of whichever client, met a full receive buffer"
		}
		between := "before " + u.To.Format(momentFormat)
		if !u.From.IsZero() {
			between = fmt.Sprintf("between %s and %s", u.From.Format(momentFormat), u.To.Format(momentFormat))
		}
		_, err = fmt.Fprintf(w, "%s: %s %s %s; which ones is not known\n", u.Fate, report.Count(u.Count), what, between)
	}
	return err
}

const momentFormat = "15:04:05.000000"

// fateRows returns a row for each fate that events of a topic have met, in the
// order of the first that met it.
func fateRows(t *fates.TopicReport) [][]string {
	type fate struct {
		events uint64
		ranges []string
	}
	var order []string
	met := make(map[string]*fate)
	for i := range t.Runs {
		run := &t.Runs[i]
		words := fateWords(run)
		f := met[words]
		if f == nil {
			f = new(fate)
			met[words] = f
			order = append(order, words)
		}
		f.events += run.Count()
		f.ranges = append(f.ranges, rangeWords(run))
	}
	rows := make([][]string, 0, len(order))
	for _, words := range order {
		f := met[words]
		rows = append(rows, []string{streamWords(t), words, report.Count(f.events), abbreviated(f.ranges)})
	}
	return rows
}

// streamWords names a topic, or what has a stream of its own beside topics.
func streamWords(t *fates.TopicReport) string {
	stream, _ := framing.SplitSequence(t.Runs[0].From)
	switch {
	case stream == framing.Streams-1:
		return "(many)"
	case t.Topic == "":
		return "(replies)"
	case strings.HasPrefix(t.Topic, "?"):
		return t.Topic[1:] + " (requests)"
	}
	return t.Topic
}

// maxRanges are printed of a fate; --json has all.
const maxRanges = 6

func abbreviated(ranges []string) string {
	if len(ranges) <= maxRanges {
		return strings.Join(ranges, ", ")
	}
	return fmt.Sprintf("%s, … %s more ranges", strings.Join(ranges[:maxRanges], ", "), report.Count(len(ranges)-maxRanges))
}

func rangeWords(r *fates.Run) string {
	if r.Count() == 1 {
		return fmt.Sprint(r.From)
	}
	return fmt.Sprintf("%d-%d", r.From, r.To-1)
}

// fateWords says what became of each event of a run.
func fateWords(r *fates.Run) string {
	o := &r.Outcome
	for _, v := range verdictWords[1:] {
		if r.Verdict == v.verdict {
			return v.words
		}
	}
	var words []string
	add := func(format string, n uint32) {
		if n > 0 {
			words = append(words, fmt.Sprintf(format, n))
		}
	}
	if o.Received > 1 {
		words = append(words, fmt.Sprintf("came %d times", o.Received))
	}
	if o.Stored > 0 {
		words = append(words, "stored")
	}
	add("forwarded to %d", o.Forwarded)
	add("acknowledged by %d", o.Acknowledged)
	lost := maps.Collect(o.All)
	for _, fate := range slices.Sorted(maps.Keys(lost)) {
		if o.Due == 1 {
			words = append(words, string(fate))
		} else {
			words = append(words, fmt.Sprintf("%d %s", lost[fate], fate))
		}
	}
	add("%d waiting at the server", o.Waiting())
	return strings.Join(words, ", ")
}
