package page

import "strconv"

// column is a column of a table in the page's data. Equal neighbours are
// written once, as [value, times].
type column []int64

// delta is a column that is written as differences, each to the one before;
// a "+" before them says so.
type delta []int64

// leastRun is from how many equal values on a pair is shorter.
const leastRun = 4

// MarshalJSON writes the column.
func (c column) MarshalJSON() ([]byte, error) { return appendRuns([]byte{'['}, c), nil }

// MarshalJSON writes the differences.
func (d delta) MarshalJSON() ([]byte, error) {
	steps, last := make(column, len(d)), int64(0)
	for i, v := range d {
		steps[i], last = v-last, v
	}
	b := []byte(`["+"`)
	if len(steps) > 0 {
		b = append(b, ',')
	}
	return appendRuns(b, steps), nil
}

func appendRuns(b []byte, values []int64) []byte {
	for i := 0; i < len(values); {
		end := i + 1
		for end < len(values) && values[end] == values[i] {
			end++
		}
		if end-i < leastRun {
			end = i + 1
			b = strconv.AppendInt(b, values[i], 10)
		} else {
			b = append(strconv.AppendInt(append(b, '['), values[i], 10), ',')
			b = append(strconv.AppendInt(b, int64(end-i), 10), ']')
		}
		if i = end; i < len(values) {
			b = append(b, ',')
		}
	}
	return append(b, ']')
}

// words numbers strings that the data repeats.
type words struct {
	list []string
	at   map[string]int
}

// number is the word's place in the list.
func (w *words) number(s string) int {
	if w.at == nil {
		w.at = map[string]int{}
	}
	n, known := w.at[s]
	if !known {
		n = len(w.list)
		w.at[s], w.list = n, append(w.list, s)
	}
	return n
}
