package command

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// ladderRungs is how many are shown if the user does not say.
const ladderRungs = 60

// runLadder draws the whole capture, a flow, or the way of an event.
func (f *explainFlags) runLadder(c *cobra.Command, file io.ReadSeeker) error {
	chooses := []func(*seenPacket) choice{func(p *seenPacket) choice {
		if f.touches(p) {
			return chooseShow
		}
		return chooseNot
	}}
	titles := []string{""}
	if f.one {
		ways, err := f.waysOfEvent(file)
		if err != nil {
			return err
		}
		chooses, titles = nil, nil
		for _, w := range ways {
			chooses, titles = append(chooses, w.choose), append(titles, w.title)
		}
	}
	samples, err := readTCPInfo(f.file)
	if err != nil {
		return err
	}
	var ladders []*ladder
	for i, choose := range chooses {
		ladders = append(ladders, &ladder{title: titles[i], choose: choose, samples: samples, limit: f.rungs(c)})
	}
	x, err := scanCapture(f.file, file, func(p *seenPacket) bool {
		for _, l := range ladders {
			l.add(p)
		}
		return true
	})
	if err != nil {
		return err
	}
	var all []*ladderRung
	for _, l := range ladders {
		l.finish()
		all = append(all, l.rungs...)
	}
	if len(all) == 0 {
		return errors.Join(x.err, f.nothing("packet between hosts"))
	}
	if err := nameRungs(f.file, file, all); err != nil {
		return err
	}
	return errors.Join(f.writeLadders(c.OutOrStdout(), ladders), x.err)
}

// rungs is how many a ladder may have.
func (f *explainFlags) rungs(c *cobra.Command) int {
	switch {
	case !c.Flags().Changed("limit"):
		return ladderRungs
	case f.limit == 0:
		return ladderBound
	}
	return min(f.limit, ladderBound)
}

func (f *explainFlags) writeLadders(w io.Writer, ladders []*ladder) error {
	if f.json {
		return writeLadderJSON(w, f.file, ladders)
	}
	if f.asTable() {
		t := newLadderTable()
		for _, l := range ladders {
			t.addLadder(l)
		}
		return f.write(w, &t.table)
	}
	text := &explainPrinter{w: w, bold: bold(w)}
	for i, l := range ladders {
		if len(l.rungs) == 0 {
			continue
		}
		if i > 0 {
			text.line("")
		}
		p := &ladderPrinter{explainPrinter: text, start: l.rungs[0].at, loud: red(w)}
		p.wrapped("", fmt.Sprintf("%s%s, from %s UTC", l.title, printable(f.file), l.rungs[0].at.UTC().Format("2006-01-02 15:04:05.000000")))
		p.line("")
		p.print(l.rungs)
		l.footnotes(p)
	}
	text.line("")
	text.wrapped("", "#: the packet's number where it left. At the right: how long it travelled, if it was captured at both ends. ✗: it did not arrive.")
	return text.flush()
}

// nameRungs reads the file again, for the frames in the rungs' packets.
func nameRungs(name string, file io.ReadSeeker, rungs []*ladderRung) error {
	names := newCarriedNames()
	for _, r := range rungs {
		names.wanted[r.packet] = r.sample == nil
	}
	if _, err := scanCapture(name, file, func(p *seenPacket) bool { names.add(p); return true }); err != nil {
		return err
	}
	found := names.finish()
	for _, r := range rungs {
		if r.sample == nil {
			r.events = nameFrames(found[r.packet])
		}
	}
	return nil
}

// footnotes say what a ladder does not show.
func (l *ladder) footnotes(p *ladderPrinter) {
	p.gap(l.passed)
	if l.left > 0 {
		p.line("")
		p.wrapped("", fmt.Sprintf("%s not shown: --limit says how many are, --limit 0 all up to %s.", count(l.left, "packet"), count(ladderBound, "packet")))
	}
	if n := l.aside + p.pillars.hidden; n > 0 {
		p.line("")
		p.wrapped("", fmt.Sprintf("%s not drawn, which did not go from one of these hosts to another.", count(n, "packet")))
	}
}

// red returns what marks losses: on a terminal, red, unless the user wants no
// color.
func red(w io.Writer) func(string) string {
	if on := bold(w); on("") == "" {
		return on
	}
	return func(s string) string { return "\x1b[31m" + s + "\x1b[0m" }
}
