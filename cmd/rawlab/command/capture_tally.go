package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/tw"
	"github.com/spf13/cobra"

	"rawlab/capture"
	"rawlab/framing"
	"rawlab/labs/report"
)

// tally counts packets and prints what it came to.
type tally struct {
	*capture.Tally
	out  io.Writer
	json bool
}

// tallyJSON is a tally for programs.
type tallyJSON struct {
	Packets  int            `json:"packets"`
	Bytes    uint64         `json:"bytes"`
	Captured uint64         `json:"captured"`
	First    string         `json:"first,omitempty"`
	Last     string         `json:"last,omitempty"`
	Layers   []layerJSON    `json:"layers"`
	Frames   map[string]int `json:"frames"`
}

type layerJSON struct {
	Depth   int    `json:"depth"`
	Name    string `json:"name"`
	Packets int    `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// talliesWhole reports whether all that is wanted is what every packet of a
// file comes to. What comes through a pipe is counted as it comes.
func (f *captureFlags) talliesWhole(file *os.File) bool {
	info, err := file.Stat()
	return f.quiet && f.filter == "" && f.count == 0 && err == nil && info.Mode().IsRegular()
}

func (f *captureFlags) tallyFile(c *cobra.Command, file *os.File) error {
	counted, err := capture.TallyFile(c.Context(), file)
	if counted == nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	t := tally{Tally: counted, out: c.OutOrStdout(), json: f.json}
	return named(file.Name(), errors.Join(err, t.print()))
}

func (t *tally) print() error {
	if t.json {
		return t.printJSON()
	}
	if t.Packets == 0 {
		_, err := fmt.Fprintln(t.out, "no packets")
		return err
	}
	took := t.Last.Sub(t.First)
	fmt.Fprintf(t.out, "%s packets of %s bytes", report.Count(t.Packets), inBytes(t.Bytes))
	if t.Captured != t.Bytes {
		fmt.Fprintf(t.out, ", %s of them captured", inBytes(t.Captured))
	}
	fmt.Fprintf(t.out, ", in %s from %s\n\n", took.Round(time.Microsecond), t.First.Local().Format("2006-01-02 15:04:05.000000"))
	var rows [][]string
	for _, r := range t.Rows() {
		rows = append(rows, []string{
			strings.Repeat("· ", r.Depth) + r.Name, report.Count(r.Packets), inBytes(r.Bytes), fmt.Sprintf("%.1f %%", 100*float64(r.Bytes)/float64(t.Bytes)),
		})
	}
	if err := writeTable(t.out, tw.Alignment{tw.AlignLeft, tw.AlignRight, tw.AlignRight, tw.AlignRight}, []string{"layer", "packets", "its own bytes", "share"}, rows); err != nil {
		return err
	}
	var kinds []string
	for k, n := range t.Kinds {
		if n > 0 {
			kinds = append(kinds, report.Count(n)+" "+framing.Kind(k).String())
		}
	}
	if len(kinds) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(t.out, "\nframes, those of TCP where a segment begins with one: %s\n", strings.Join(kinds, ", "))
	return err
}

func (t *tally) printJSON() error {
	j := tallyJSON{Packets: t.Packets, Bytes: t.Bytes, Captured: t.Captured, Layers: []layerJSON{}, Frames: map[string]int{}}
	if t.Packets > 0 {
		j.First, j.Last = t.First.UTC().Format(time.RFC3339Nano), t.Last.UTC().Format(time.RFC3339Nano)
	}
	for _, r := range t.Rows() {
		j.Layers = append(j.Layers, layerJSON{r.Depth, r.Name, r.Packets, r.Bytes})
	}
	for k, n := range t.Kinds {
		if n > 0 {
			j.Frames[framing.Kind(k).String()] = n
		}
	}
	return json.NewEncoder(t.out).Encode(j)
}

func inBytes(n uint64) string { return report.Count(int(n)) }
