package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"rawlab/capture"
)

// captureOutput is where packets go.
type captureOutput struct {
	sink   capture.Sink
	writer *capture.Writer // nil when printing, or into a row of files
	file   *os.File        // nil for stdout
	row    *fileRow        // with -C or -G
	tally  *tally          // with -q
	events *accounting     // with --account
}

// openOutput comes after the source is open, so that a capture that may not
// start does not empty a file.
func (f *captureFlags) openOutput(c *cobra.Command, source capture.Source) (*captureOutput, error) {
	if f.account != "" {
		if err := mayBeLog(f.account, f.read == ""); err != nil {
			return nil, err
		}
		a := newAccounting(f.account, source, c.OutOrStdout(), f.json)
		if t, ok := source.(*tap); ok && t.asked != nil {
			a.ask(t.asked)
		}
		return &captureOutput{sink: a, events: a}, nil
	}
	if f.quiet {
		t := &tally{Tally: capture.NewTally(source), out: c.OutOrStdout(), json: f.json}
		return &captureOutput{sink: t, tally: t}, nil
	}
	if f.write == "" {
		p := &packetPrinter{w: bufio.NewWriter(c.OutOrStdout()), source: source, hex: f.hex, json: f.json}
		return &captureOutput{sink: p}, nil
	}
	if f.write == "-" {
		w, err := capture.NewWriter(c.OutOrStdout(), source, f.filter)
		return &captureOutput{sink: w, writer: w}, err
	}
	if f.rotates() {
		row, err := f.openRow(source)
		return &captureOutput{sink: row, row: row}, err
	}
	return f.openFile(f.write, source)
}

func (f *captureFlags) openFile(path string, source capture.Source) (*captureOutput, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	w, err := capture.NewWriter(file, source, f.filter)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &captureOutput{sink: w, writer: w, file: file}, nil
}

// name tells which files of a row were written.
func (o *captureOutput) name(w io.Writer) {
	if o.row != nil {
		fmt.Fprintf(w, "wrote %v\n", o.row)
	}
}

// writeStats notes what was counted on each interface.
func (o *captureOutput) writeStats(s []capture.Stats) error {
	switch {
	case o.row != nil && o.row.out != nil:
		return o.row.out.writeStats(s)
	case o.events != nil:
		for i := range s {
			o.events.missed += s[i].Dropped
		}
	case o.writer != nil:
		return o.writer.WriteStats(s)
	}
	return nil
}

// close writes out the rest and adds what goes wrong to err, the error so
// far. If the output failed, a file loses its cut last block, so that what is
// left of it is good.
func (o *captureOutput) close(err error) error {
	if o.row != nil && o.row.out != nil {
		return o.row.out.close(err)
	}
	if o.events != nil {
		return errors.Join(err, o.events.print())
	}
	if o.tally != nil {
		return errors.Join(err, o.tally.print())
	}
	if o.writer == nil { // printed, and flushed by Run
		return err
	}
	flushErr := o.writer.Flush()
	if !errors.Is(err, flushErr) {
		err = errors.Join(err, flushErr)
	}
	if o.file == nil {
		return err
	}
	info, statErr := o.file.Stat()
	closeErr := o.file.Close()
	err = errors.Join(err, closeErr)
	if flushErr == nil && closeErr == nil || statErr != nil || !info.Mode().IsRegular() {
		return err
	}
	kept, trimErr := capture.TrimFile(o.file.Name())
	if trimErr != nil {
		return errors.Join(err, trimErr)
	}
	return fmt.Errorf("%w; %s holds the first %d packets", err, o.file.Name(), kept)
}
