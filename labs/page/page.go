package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"

	"rawlab/labs/report"
)

// files are the page's own; uplot/ holds uPlot 1.6.32 (MIT, see uplot/LICENSE)
// as its authors publish it.
//
//go:embed page.html style.css script uplot
var files embed.FS

// scripts are those of the page, in the order in which they need each other.
var scripts = []string{"data.js", "charts.js", "journey.js", "ladder.js", "layers.js", "story.js", "main.js"}

// What every page has is made for the first: most commands write none.
var (
	script = sync.OnceValue(func() string {
		return "\n" + read("uplot/uPlot.iife.min.js") + "\n(() => {\n\"use strict\";\n" + readScripts() + "})();\n"
	})
	style  = sync.OnceValue(func() string { return "\n" + read("uplot/uPlot.min.css") + "\n" + read("style.css") })
	layout = sync.OnceValue(func() *template.Template {
		return template.Must(template.New("page").Funcs(template.FuncMap{"upper": upper}).Parse(read("page.html")))
	})
)

func read(name string) string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is part of the program
	}
	return string(b)
}

func readScripts() string {
	var b strings.Builder
	for _, name := range scripts {
		b.WriteString(read("script/" + name))
	}
	return b.String()
}

// policy lets nothing but the page's own script and style work: it fetches
// nothing, and sends nothing.
func policy() string {
	return strings.Join([]string{
		"default-src 'none'", "script-src " + hash(script()), "style-src " + hash(style()),
		"base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
	}, "; ")
}

// hash is a source in a policy: what has just these bytes.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Head is what other pages begin with that need no script: a policy that lets
// nothing but their style work, and the style of all pages.
type Head struct {
	Policy string
	Style  template.CSS
}

// Scriptless returns that head.
func Scriptless() Head {
	style := "\n" + read("style.css")
	return Head{
		Policy: strings.Join([]string{"default-src 'none'", "style-src " + hash(style), "base-uri 'none'", "form-action 'none'"}, "; "),
		Style:  template.CSS(style),
	}
}

// content is what the layout is filled with.
type content struct {
	*report.Result
	Policy  string
	Style   template.CSS
	Script  template.JS
	Data    template.JS
	Fates   []fateBar
	Sampled []string // sentences that say what is here in part
	TCPInfo bool
	Shown   bool // there are events to look at
}

// Write writes the page. The same result and evidence give the same bytes.
func Write(w io.Writer, r *report.Result, evidence []report.Evidence) error {
	text, d, err := build(evidence, dataBudget)
	if err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	c := &content{
		Result: r, Policy: policy(), Style: template.CSS(style()), Script: template.JS(script()),
		Data: template.JS(text), Fates: fateBars(r), Sampled: sampled(d), TCPInfo: len(d.Charts.Window.Lines) > 0,
	}
	for i := range d.Runs {
		c.Shown = c.Shown || len(d.Runs[i].Events.Place) > 0
	}
	if err := layout().Execute(w, c); err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	return nil
}

// sampled says which runs are here in part.
func sampled(d *data) []string {
	var list []string
	for i := range d.Runs {
		u := &d.Runs[i]
		if u.Every == 1 {
			continue
		}
		kept := 0
		for j := range u.Streams {
			kept += len(u.Streams[j].Number)
		}
		list = append(list, fmt.Sprintf("%s: %s of %s events (every %s, and those lost, slowest or longest in line, as far as there is room) and %s of %s packets",
			upper(u.Name), report.Count(len(u.Events.Place)), report.Count(u.Emitted), ordinal(u.Every), report.Count(kept), report.Count(u.Packets)))
	}
	return list
}

func ordinal(n int) string {
	if n == 2 {
		return "second"
	}
	return report.Count(n) + "th" // powers of two from 4 on
}

// upper writes a run's name with its transport in capitals.
func upper(name string) string {
	transport, rest, spaced := strings.Cut(name, " ")
	if spaced {
		rest = " " + rest
	}
	return strings.ToUpper(transport) + rest
}
