package sweep

import (
	"rawlab/labs/measure"
	"rawlab/labs/report"
)

// Subject is one run of the lab, such as TCP's, throughout the sweep.
type Subject struct {
	Name, Selector string
}

// Subjects lists the runs that the lab has, in its order.
func (s *Sweep) Subjects() []Subject {
	var list []Subject
	seen := map[string]bool{}
	for i := range s.Cells {
		for _, r := range s.Cells[i].Results {
			for j := range r.Runs {
				if u := &r.Runs[j]; !seen[u.Name()] {
					seen[u.Name()] = true
					list = append(list, Subject{u.Name(), measure.Selector(u)})
				}
			}
		}
	}
	return list
}

// find returns a subject's run in a result; nil if it has none.
func find(r *report.Result, name string) *report.Run {
	for i := range r.Runs {
		if r.Runs[i].Name() == name {
			return &r.Runs[i]
		}
	}
	return nil
}

// Measured returns what a cell's runs measured of a subject, in the measure's
// base unit; share asks for it as a part, from 0 to 1.
func (c *Cell) Measured(subject string, m *measure.Measure, share bool) []float64 {
	var list []float64
	of := m.Of
	if share {
		of = m.Share
	}
	for _, r := range c.Results {
		if u := find(r, subject); u != nil {
			if v, ok := of(u); ok {
				list = append(list, v)
			}
		}
	}
	return list
}
