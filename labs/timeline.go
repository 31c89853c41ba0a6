package labs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rawlab/labs/report"
)

// timeLine is something that happened.
type timeLine struct {
	time time.Time
	text string
}

// timeTable writes what happened in the order of time, counted from start.
func timeTable(start time.Time, lines []timeLine) string {
	slices.SortStableFunc(lines, func(a, b timeLine) int { return a.time.Compare(b.time) })
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(report.Wrap(l.text, fmt.Sprintf("%9.2f ms  ", float64(l.time.Sub(start).Nanoseconds())/1e6), 80))
	}
	return b.String()
}
