package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter/tw"

	"rawlab/capture/account"
)

// Part is what became of a run's events of one topic, or of those of them
// that were due to one of its subscribers.
type Part struct {
	Name        string         `json:"name"`             // TOPIC, or TOPIC/NUMBER
	Number      int            `json:"number,omitempty"` // of the one subscriber among the topic's, from 1; 0: the part is of all
	Emitters    []uint64       `json:"emitters"`         // by origin
	Subscribers []uint64       `json:"subscribers"`      // the same
	Emitted     int            `json:"emitted"`          // to each of these subscribers
	Delivered   int            `json:"delivered"`
	Duplicates  int            `json:"duplicates"`
	Fates       map[string]int `json:"fates"`
	Unexplained int            `json:"unexplained"`
	LatencyUS   *Latency       `json:"latency_us"` // null if nothing was delivered
}

// Fill counts what of a run's ledger is the part's.
func (p *Part) Fill(l *account.Ledger) {
	var mine []account.Event
	p.Fates = map[string]int{}
	for i := range l.Events {
		e := &l.Events[i]
		if !slices.Contains(p.Emitters, e.ID.Origin) || !slices.Contains(p.Subscribers, e.To) {
			continue
		}
		mine = append(mine, *e)
		p.Emitted++
		p.Duplicates += e.Duplicates
		switch e.Fate {
		case "":
			p.Delivered++
		case account.Unexplained:
			p.Unexplained++
			fallthrough
		default:
			p.Fates[string(e.Fate)]++
		}
	}
	p.LatencyUS = latency(mine)
}

// Run is the part as if it were a run of its own, which has no packets.
func (p *Part) Run(of *Run) *Run {
	return &Run{
		Transport: of.Transport, Reliability: of.Reliability, Variant: p.variant(of), Emitted: p.Emitted, Delivered: p.Delivered,
		Duplicates: p.Duplicates, Fates: p.Fates, Unexplained: p.Unexplained, LatencyUS: p.LatencyUS,
	}
}

// maxShownParts bounds the lines about parts; of more, only topics are shown.
const maxShownParts = 40

// partsHeader names the columns of PartLines.
var partsHeader = []string{"topic", "to", "due", "delivered", "lost", "unexplained", "p50", "p99"}

// partsTable shows what came to whom.
func (r *Result) partsTable(b *strings.Builder) error {
	rows := r.PartLines()
	if len(rows) == 0 {
		return nil
	}
	align := tw.Alignment{tw.AlignLeft}
	for range partsHeader[1:] {
		align = append(align, tw.AlignRight)
	}
	b.WriteString("\n")
	return WriteTable(b, align, partsHeader, rows)
}

// PartsHeader names the columns of PartLines.
func (r *Result) PartsHeader() []string { return partsHeader }

// PartLines are those of the table of what came to whom: a line for each
// topic of each run, and for each subscriber unless they are very many. There
// are none where no run has parts.
func (r *Result) PartLines() [][]string {
	shown := 0
	for i := range r.Runs {
		shown += len(r.Runs[i].Parts)
	}
	var rows [][]string
	for i := range r.Runs {
		u := &r.Runs[i]
		for k := range u.Parts {
			if p := &u.Parts[k]; p.Number == 0 || shown <= maxShownParts {
				rows = append(rows, p.row(u))
			}
		}
	}
	return rows
}

func (p *Part) row(u *Run) []string {
	name, whom := strings.ReplaceAll(u.heading(false), "\n", " ")+": "+p.Name, "all"
	if p.Number > 0 {
		name, whom = "", fmt.Sprint(p.Number)
	}
	p50, p99 := "–", "–"
	if l := p.LatencyUS; l != nil {
		p50, p99 = Milliseconds(l.P50), Milliseconds(l.P99)
	}
	return []string{name, whom, Count(p.Emitted), Count(p.Delivered), Count(p.Emitted - p.Delivered), Count(p.Unexplained), p50, p99}
}

func (p *Part) variant(of *Run) string {
	if of.Variant == "" {
		return p.Name
	}
	return of.Variant + "/" + p.Name
}
