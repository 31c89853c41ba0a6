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
	seen := map[Subject]bool{}
	for i := range s.Cells {
		for _, r := range s.Cells[i].Results {
			for j := range r.Runs {
				if u := s.subject(&r.Runs[j]); !seen[u] {
					seen[u] = true
					list = append(list, u)
				}
			}
		}
	}
	return list
}

// subject names a run, but for what an axis says of it.
func (s *Sweep) subject(u *report.Run) Subject {
	if s.rungless {
		u = withoutRung(u)
	}
	return Subject{u.Name(), measure.Selector(u)}
}

func withoutRung(u *report.Run) *report.Run {
	return &report.Run{Transport: u.Transport, Variant: u.Variant}
}

// distinctWithoutRungs tells whether no two runs of a result differ in their
// rung alone.
func distinctWithoutRungs(r *report.Result) bool {
	seen := map[string]bool{}
	for i := range r.Runs {
		seen[withoutRung(&r.Runs[i]).Name()] = true
	}
	return len(seen) == len(r.Runs)
}

// measured returns what a cell's runs measured of a subject, by its name, in
// the measure's base unit; share asks for it as a part, from 0 to 1.
func (s *Sweep) measured(c *Cell, subject string, m *measure.Measure, share bool) []float64 {
	var list []float64
	of := m.Of
	if share {
		of = m.Share
	}
	for _, r := range c.Results {
		for i := range r.Runs {
			if u := &r.Runs[i]; s.subject(u).Name == subject {
				if v, ok := of(u); ok {
					list = append(list, v)
				}
			}
		}
	}
	return list
}
