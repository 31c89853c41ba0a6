package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// explainFlags are what a user said.
type explainFlags struct {
	event string
	json  bool
	limit int
	hex   bool
	viewFlags

	file             string
	origin, sequence uint64
	one              bool // --event was given
}

func newExplain() *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "explain FILE|FOLDER",
		Short: "Tell for every event in a capture file which bytes of which packets carried it",
		Long: "Read a capture file (pcapng or pcap, of rawlab, tcpdump or Wireshark; - for stdin) and\n" +
			"tell for every event in it the packets that carried it: where it was split, packed with\n" +
			"others or sent again, and which bytes belong to which layer of OSI and of TCP/IP.\n" +
			"With --event, every layer of each of its packets is shown with its fields, and what TCP\n" +
			"did: segments lost and sent again, when it was complete, what it waited for. A file\n" +
			"without events is dissected packet by packet. FOLDER is what 'lab run -o' wrote; its\n" +
			"samples of TCP_INFO, if there are any, stand in --ladder and --flows.\n\n" +
			"--ladder draws the packets in time between their hosts, --flows sums up TCP's,\n" +
			"--waterfall shows where an event's bytes are in its packets, and the overhead.",
		Example: "  rawlab explain capture.pcapng\n" +
			"  rawlab explain capture.pcapng --event 1:7\n" +
			"  rawlab explain capture.pcapng --event 0x1:7 --hex\n" +
			"  rawlab explain folder --ladder --event 1:7\n" +
			"  rawlab explain capture.pcapng --ladder --flow 10.77.0.1:40000\n" +
			"  rawlab explain capture.pcapng --flows --csv\n" +
			"  tcpdump -i lo -w - | rawlab explain - --json",
		Args: positional(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.parse(c); err != nil {
				return err
			}
			var err error
			if f.file, err = bundled(args[0]); err != nil {
				return err
			}
			return f.run(c)
		},
	}
	s := c.Flags()
	s.StringVar(&f.event, "event", "", "tell the whole story of `ORIGIN:SEQUENCE`, decimal or 0x…")
	s.IntVar(&f.limit, "limit", 20, "explain this many events, 0 for all; of a ladder, draw so many packets (60)")
	s.BoolVar(&f.json, "json", false, "print one JSON object")
	s.BoolVar(&f.hex, "hex", false, "show the packets' bytes too")
	f.viewFlags.add(s)
	return c
}

func (f *explainFlags) parse(c *cobra.Command) error {
	if f.limit < 0 {
		return usagef("--limit %d: must be 0 or more", f.limit)
	}
	f.one = c.Flags().Changed("event")
	if err := f.check(f, c.Flags().Changed("limit")); err != nil || !f.one {
		return err
	}
	origin, sequence, ok := strings.Cut(f.event, ":")
	var err1, err2 error
	f.origin, err1 = strconv.ParseUint(origin, 0, 64)
	f.sequence, err2 = strconv.ParseUint(sequence, 0, 64)
	if !ok || err1 != nil || err2 != nil {
		return usagef("--event %q: want ORIGIN:SEQUENCE, such as 1:7 or 0x1:7", f.event)
	}
	return nil
}

func (f *explainFlags) run(c *cobra.Command) error {
	file, done, err := openCapture(f.file, c.InOrStdin())
	if err != nil {
		return err
	}
	defer done()
	if f.other() {
		return f.runView(c, file)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(50)) // half the garbage beside what is kept
	x, err := f.index(file)
	if err != nil {
		return err
	}
	if f.one && !f.waterfall && !f.asTable() {
		if err := x.followTCP(); err != nil {
			return err
		}
	}
	if f.json && !f.waterfall && !f.asTable() {
		return errors.Join(x.writeJSON(c.OutOrStdout(), f.hex), x.err)
	}
	if err := x.dissect((*packetDetail).keep); err != nil {
		return err
	}
	switch {
	case f.waterfall:
		err = f.writeWaterfall(c.OutOrStdout(), x)
	case f.asTable():
		err = f.write(c.OutOrStdout(), x.listTable())
	default:
		p := explainPrinter{w: c.OutOrStdout(), x: x, hex: f.hex, bold: bold(c.OutOrStdout())}
		err = p.print(f.one)
	}
	return errors.Join(err, x.err)
}

// openCapture opens a file that is to be read twice. What cannot be read
// twice, a pipe, is kept in memory.
func openCapture(name string, stdin io.Reader) (io.ReadSeeker, func(), error) {
	if name == "-" {
		b, err := io.ReadAll(stdin)
		if err != nil {
			return nil, nil, fmt.Errorf("stdin: %w", err)
		}
		return bytes.NewReader(b), func() {}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	done := func() { file.Close() } // only read: nothing can be lost
	if info, err := file.Stat(); err != nil || info.Mode().IsRegular() {
		return file, done, err
	}
	defer done()
	b, err := io.ReadAll(file)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return bytes.NewReader(b), func() {}, nil
}
