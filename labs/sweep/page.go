package sweep

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"

	"rawlab/labs/measure"
	"rawlab/labs/page"
)

//go:embed page.html
var layoutText string

var layout = sync.OnceValue(func() *template.Template { return template.Must(template.New("sweep").Parse(layoutText)) })

// content is what the layout is filled with.
type content struct {
	*Sweep
	page.Head
	Over     string // the options that vary, and their values
	Seeds    string
	Measures []section
	Failures []string
}

// section is one measure: its charts, and the table that says the same.
type section struct {
	Name, About string
	Charts      []drawing
	Header      []string
	Rows        [][]string
}

// WritePage writes a page that needs neither network nor script: a chart of
// each measure with the confidence of its means, and its table. The same sweep
// gives the same bytes. Without measures it shows what WriteText would.
func (s *Sweep) WritePage(w io.Writer, measures []*measure.Measure) error {
	if measures == nil {
		measures = usual()
	}
	c := &content{Sweep: s, Head: page.Scriptless()}
	var over, seeds []string
	for _, a := range s.Axes {
		over = append(over, a.Option+" "+strings.Join(a.Values, ", "))
	}
	for _, seed := range s.Seeds() {
		seeds = append(seeds, fmt.Sprint(seed))
	}
	c.Over, c.Seeds = strings.Join(over, "; "), strings.Join(seeds, ", ")
	subjects := s.Subjects()
	for _, m := range measures {
		part := section{Name: m.Name, About: m.About}
		part.Header, part.Rows = s.header(subjects), s.rows(m, subjects)
		for _, p := range s.panels(subjects) {
			if d := s.draw(&p, m); d != nil {
				part.Charts = append(part.Charts, *d)
			}
		}
		c.Measures = append(c.Measures, part)
	}
	for _, f := range s.Failed() {
		c.Failures = append(c.Failures, f.String())
	}
	if err := layout().Execute(w, c); err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	return nil
}

// header names the columns of rows.
func (s *Sweep) header(subjects []Subject) []string {
	var list []string
	for _, a := range s.Axes {
		list = append(list, a.Option)
	}
	for _, u := range subjects {
		if s.Repeat == 1 {
			list = append(list, capital(u.Name))
		} else {
			list = append(list, capital(u.Name)+", median", capital(u.Name)+", mean ± 95 %")
		}
	}
	return list
}
