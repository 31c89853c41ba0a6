package sweep

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"rawlab/labs/measure"
	"rawlab/labs/report"
)

// WriteJSON writes one object: the plan, and for each cell and subject what
// every measure came to. Times are in microseconds, shares are not divided.
func (s *Sweep) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(s.object())
}

type object struct {
	Lab         string       `json:"lab"`
	Question    string       `json:"question"`
	Backend     string       `json:"backend"`
	Seed        uint64       `json:"seed"`
	Seeds       []uint64     `json:"seeds"` // of each cell's runs
	Axes        []axisObject `json:"axes"`
	Repeat      int          `json:"repeat"`
	Planned     int          `json:"planned"` // runs
	Measured    int          `json:"measured"`
	Interrupted bool         `json:"interrupted"`
	Interval    string       `json:"interval"` // what ci95_half is
	Cells       []cellObject `json:"cells"`
}

type axisObject struct {
	Axis
	Words bool `json:"words"` // the values are words, not numbers with their units
}

type cellObject struct {
	Values   []string        `json:"values"` // by axis
	Measured int             `json:"measured"`
	Runs     []subjectObject `json:"runs"`
	Failed   []string        `json:"failed"` // checks and demands
}

type subjectObject struct {
	Run      string             `json:"run"`
	Measures map[string]Summary `json:"measures"`
}

func (s *Sweep) object() *object {
	o := &object{
		Lab: s.Lab, Question: s.Question, Backend: s.Backend, Seed: s.Seed, Seeds: s.Seeds(), Axes: []axisObject{},
		Repeat: s.Repeat, Planned: len(s.Cells) * s.Repeat, Measured: s.Runs(), Interrupted: s.Interrupted,
		Interval: "95 % confidence interval of the mean, by Student's t",
	}
	for _, a := range s.Axes {
		o.Axes = append(o.Axes, axisObject{a, a.Words()})
	}
	subjects := s.Subjects()
	for i := range s.Cells {
		c := &s.Cells[i]
		cell := cellObject{Values: c.Values, Measured: len(c.Results), Runs: []subjectObject{}, Failed: []string{}}
		for _, u := range subjects {
			run := subjectObject{Run: u.Selector, Measures: map[string]Summary{}}
			for _, m := range measure.List {
				if v := s.measured(c, u.Name, m, false); len(v) > 0 {
					run.Measures[m.Name] = Summarize(v)
				}
			}
			cell.Runs = append(cell.Runs, run)
		}
		for j, r := range c.Results {
			for _, check := range r.Failed() {
				f := Failure{"", c.Seeds[j], check}
				cell.Failed = append(cell.Failed, f.String())
			}
		}
		o.Cells = append(o.Cells, cell)
	}
	return o
}

// WriteCSV writes a line for each run of each cell's subjects, with every
// measure in its base unit (times in microseconds); empty where it has none.
func (s *Sweep) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	var header []string
	for _, a := range s.Axes {
		header = append(header, a.Option)
	}
	c.Write(append(append(header, "seed", "run", "held"), measure.Names()...))
	for i := range s.Cells {
		cell := &s.Cells[i]
		for j, r := range cell.Results {
			for k := range r.Runs {
				c.Write(csvLine(cell, j, r, &r.Runs[k]))
			}
		}
	}
	c.Flush()
	return c.Error()
}

func csvLine(cell *Cell, j int, r *report.Result, u *report.Run) []string {
	line := append([]string{}, cell.Values...)
	line = append(line, fmt.Sprint(cell.Seeds[j]), measure.Selector(u), strconv.FormatBool(r.Held()))
	for _, m := range measure.List {
		text := ""
		if v, ok := m.Of(u); ok {
			text = strconv.FormatFloat(v, 'f', -1, 64)
		}
		line = append(line, text)
	}
	return line
}
