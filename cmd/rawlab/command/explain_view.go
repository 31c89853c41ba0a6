package command

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// viewFlags say how explain shows what it found; none is the list.
type viewFlags struct {
	waterfall, ladder, flows bool
	csv, md                  bool
	flow                     string

	endpoint netip.AddrPort // of --flow
}

func (v *viewFlags) add(s *pflag.FlagSet) {
	s.BoolVar(&v.waterfall, "waterfall", false, "show the event's packets layer by layer: the bytes of each, and the overhead")
	s.BoolVar(&v.ladder, "ladder", false, "draw packets in time between their hosts; all, or those of --event or --flow")
	s.BoolVar(&v.flows, "flows", false, "tell for every TCP flow what was sent again and why, round trips, windows, waits")
	s.StringVar(&v.flow, "flow", "", "of --ladder and --flows only what comes from or goes to `ADDRESS:PORT`")
	s.BoolVar(&v.csv, "csv", false, "print CSV (RFC 4180)")
	s.BoolVar(&v.md, "md", false, "print a Markdown table")
}

// check refuses what does not go together.
func (v *viewFlags) check(f *explainFlags, limited bool) error {
	views := map[string]bool{"waterfall": v.waterfall, "ladder": v.ladder, "flows": v.flows}
	if err := onlyOne("views", views, "waterfall", "ladder", "flows"); err != nil {
		return err
	}
	if err := onlyOne("formats", map[string]bool{"json": f.json, "csv": v.csv, "md": v.md}, "json", "csv", "md"); err != nil {
		return err
	}
	switch {
	case v.waterfall && !f.one:
		return usagef("--waterfall shows one event: name it with --event ORIGIN:SEQUENCE")
	case v.flows && f.one:
		return usagef("--flows shows whole flows: it takes no --event")
	case v.flow != "" && !v.ladder && !v.flows:
		return usagef("--flow is of --ladder and --flows")
	case v.flow != "" && f.one:
		return usagef("--flow and --event: give one of them")
	case f.hex && (v.waterfall || v.ladder || v.flows || v.csv || v.md):
		return usagef("--hex is of the list, in text or JSON")
	case limited && (v.waterfall || v.flows):
		return usagef("--limit is of the list and of --ladder")
	}
	if v.flow == "" {
		return nil
	}
	var err error
	if v.endpoint, err = netip.ParseAddrPort(v.flow); err != nil {
		return usagef("--flow %q: want ADDRESS:PORT, such as 10.77.0.1:40000 or [fd77::1]:40000", v.flow)
	}
	return nil
}

// onlyOne refuses two flags of a kind.
func onlyOne(what string, set map[string]bool, names ...string) error {
	names = slices.DeleteFunc(names, func(n string) bool { return !set[n] })
	if len(names) > 1 {
		return usagef("--%s and --%s are two %s: give one of them", names[0], names[1], what)
	}
	return nil
}

// bundled returns the capture of a lab's folder, or the file itself.
func bundled(name string) (string, error) {
	info, err := os.Stat(name)
	if name == "-" || err != nil || !info.IsDir() {
		return name, nil // what is wrong with a file is told when it is opened
	}
	file := filepath.Join(name, "capture.pcapng")
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("%s is a folder without a capture.pcapng: name a capture file, or what 'rawlab lab run -o' wrote", name)
	}
	return file, nil
}

// other reports whether a view is wanted that reads the file in its own way.
func (v *viewFlags) other() bool { return v.ladder || v.flows }

// runView reads the file for a ladder or for its flows.
func (f *explainFlags) runView(c *cobra.Command, file io.ReadSeeker) error {
	if f.ladder {
		return f.runLadder(c, file)
	}
	return f.runFlows(c, file)
}

// writeWaterfall shows the events that were asked for, layer by layer.
func (f *explainFlags) writeWaterfall(w io.Writer, x *captureIndex) error {
	var falls []*waterfall
	for _, s := range x.shown {
		falls = append(falls, x.waterfall(s))
	}
	if f.json {
		return x.writeWaterfallJSON(w, falls)
	}
	if f.asTable() {
		return f.write(w, x.waterfallTable(falls))
	}
	p := &explainPrinter{w: w, x: x, bold: bold(w)}
	for _, fall := range falls {
		if err := p.waterfall(fall); err != nil {
			return err
		}
	}
	return nil
}

// touches reports whether a packet is of the flow that was asked for.
func (v *viewFlags) touches(p *seenPacket) bool {
	return v.flow == "" || p.headers.Src == v.endpoint || p.headers.Dst == v.endpoint
}

// table is what every view comes to in CSV and Markdown.
type table struct {
	header []string
	rows   [][]string
}

// write writes the table in the format that was asked for.
func (v *viewFlags) write(w io.Writer, t *table) error {
	if v.csv {
		return t.writeCSV(w)
	}
	return t.writeMarkdown(w)
}

// asTable reports whether a table was asked for.
func (v *viewFlags) asTable() bool { return v.csv || v.md }

var errNothingThere = errors.New("nothing to show")

func (f *explainFlags) nothing(what string) error {
	if f.flow != "" {
		return fmt.Errorf("%s: %w: no %s of %s", f.file, errNothingThere, what, f.flow)
	}
	return fmt.Errorf("%s: %w: no %s in it", f.file, errNothingThere, what)
}
