package measure

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"rawlab/labs/report"
)

// Kind is what a measure counts in.
type Kind int

// The kinds, with their base units.
const (
	Number Kind = iota // of events or packets
	Time               // µs
	Rate               // events per second
	Bytes              // bytes
	Ratio              // a plain number
)

// unit is a word behind a number, and how many base units it is.
type unit struct {
	word   string
	factor float64
}

// units are those of each kind, the longer words before those that they end
// with.
var units = map[Kind][]unit{
	Number: {{"K", 1e3}, {"M", 1e6}, {"", 1}},
	Time:   {{"ns", 1e-3}, {"µs", 1}, {"us", 1}, {"ms", 1e3}, {"s", 1e6}},
	Rate:   {{"Kevents/s", 1e3}, {"Mevents/s", 1e6}, {"events/s", 1}, {"K/s", 1e3}, {"M/s", 1e6}, {"/s", 1}, {"K", 1e3}, {"M", 1e6}, {"", 1}},
	Bytes:  {{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"KB", 1 << 10}, {"MB", 1 << 20}, {"K", 1 << 10}, {"M", 1 << 20}, {"B", 1}, {"", 1}},
	Ratio:  {{"x", 1}, {"", 1}},
}

// wants says, by kind, how a value is written.
var wants = map[Kind]string{
	Number: "a number", Time: "a time with its unit, such as 200ms, 1.5s or 80us", Rate: "events per second, such as 2500/s",
	Bytes: "bytes, such as 64K", Ratio: "a number, such as 3.5",
}

// parseValue reads a number with its unit, in base units; share tells that it
// is a percentage, as 0 to 1.
func (m *Measure) parseValue(s string) (value float64, share bool, err error) {
	s = strings.TrimSpace(s)
	if number, ok := strings.CutSuffix(s, "%"); ok && m.HasShare() {
		value, err = parseNumber(number)
		return value / 100, true, m.refuse(s, err)
	}
	for _, u := range units[m.Kind] {
		if number, ok := strings.CutSuffix(s, u.word); ok {
			if value, err = parseNumber(number); err == nil {
				return value * u.factor, false, nil
			}
		}
	}
	return 0, false, m.refuse(s, strconv.ErrSyntax)
}

func (m *Measure) refuse(s string, err error) error {
	if err == nil {
		return nil
	}
	want := wants[m.Kind]
	if m.HasShare() {
		want += ", or a share such as 1%"
	}
	return fmt.Errorf("%q: %s wants %s", s, m.Name, want)
}

// parseNumber reads digits as people write them; not-a-number and infinities
// are none.
func parseNumber(s string) (float64, error) {
	v, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(s), ",", ""), 64)
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		return 0, strconv.ErrRange
	}
	return v, err
}

// Write writes a number of this kind for a person.
func (k Kind) Write(v float64) string {
	switch k {
	case Time:
		if v > 0 && v < 1e3 {
			return short(v) + " µs"
		}
		if v < 10e6 {
			return report.Milliseconds(v)
		}
		return short(v/1e6) + " s"
	case Rate:
		return short(v) + " /s"
	case Bytes:
		return report.Count(int64(math.Round(v))) + " B"
	case Ratio:
		return fmt.Sprintf("%.2f", v)
	}
	return short(v)
}

// Percent writes a share for a person.
func Percent(v float64) string {
	switch p := 100 * v; {
	case p == 0:
		return "0 %"
	case p >= 99.95:
		return fmt.Sprintf("%.0f %%", p)
	case p >= 9.995:
		return fmt.Sprintf("%.1f %%", p)
	case p >= 0.1:
		return fmt.Sprintf("%.2f %%", p)
	default:
		return fmt.Sprintf("%.2g %%", p)
	}
}

// short writes a number with three digits that mean something, or all of
// those before the point.
func short(v float64) string {
	switch a := math.Abs(v); {
	case v == math.Trunc(v) && a < 1e15 || a >= 100:
		return report.Count(int64(math.Round(v)))
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
