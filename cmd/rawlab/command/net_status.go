package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/tw"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rawlab/labs/report"
	"rawlab/labs/testbed"
)

type netStatusFlags struct {
	net        *netFlags
	json, tcp  bool
	watch      bool
	everyWatch time.Duration
}

func newNetStatus(n *netFlags) *cobra.Command {
	f := netStatusFlags{net: n}
	c := &cobra.Command{
		Use:   "status",
		Short: "Print what links and hosts count, live",
		Long: "Print what links count in each direction, what the hosts' own counters say of packets\n" +
			"that they could not send or take, and which programs run.",
		Example: "  rawlab net status\n  rawlab net status --tcp --watch\n  rawlab net status --json",
		Args:    positional(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	s := c.Flags()
	s.BoolVar(&f.json, "json", false, "print one JSON object; with --watch one a line")
	s.BoolVar(&f.tcp, "tcp", false, "sample the hosts' TCP connections too (inet_diag)")
	s.BoolVar(&f.watch, "watch", false, "print again and again until interrupted")
	s.DurationVar(&f.everyWatch, "interval", time.Second, "between two prints")
	return c
}

func (f *netStatusFlags) run(c *cobra.Command) error {
	if err := f.net.check(); err != nil {
		return err
	}
	if f.everyWatch < 10*time.Millisecond {
		return usagef("--interval must be at least 10ms")
	}
	for first := true; ; first = false {
		s, err := testbed.Ask(c.Context(), f.net.name, f.tcp)
		if err != nil {
			if f.watch && c.Context().Err() != nil {
				return nil
			}
			return err
		}
		if err := f.print(c.OutOrStdout(), s, first); err != nil || !f.watch {
			return err
		}
		if !wait(c.Context(), f.everyWatch) {
			return nil
		}
	}
}

// wait returns false if ctx ended before.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// clearScreen moves to the upper left and clears what follows (ECMA-48).
const clearScreen = "\x1b[H\x1b[J"

func (f *netStatusFlags) print(w io.Writer, s *testbed.Status, first bool) error {
	if f.json && f.watch {
		return json.NewEncoder(w).Encode(s)
	}
	if f.json {
		return writeJSON(w, s)
	}
	var b strings.Builder
	if out, ok := w.(*os.File); f.watch && ok && term.IsTerminal(int(out.Fd())) {
		b.WriteString(clearScreen)
	} else if !first {
		b.WriteString("\n")
	}
	if err := writeStatus(&b, s); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func writeStatus(w io.Writer, s *testbed.Status) error {
	fmt.Fprintf(w, "net %q, up for %v\n", s.Name, (time.Duration(s.Uptime) * time.Second).String())
	if err := writeImpairments(w, s); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := writeDirections(w, s); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for i := range s.Hosts {
		writeHost(w, &s.Hosts[i])
	}
	for i := range s.Hosts {
		if err := writeConnections(w, &s.Hosts[i]); err != nil {
			return err
		}
	}
	for _, p := range s.Programs {
		fmt.Fprintf(w, "%s runs %s (pid %d there)\n", p.Host, printable(strings.Join(p.Command, " ")), p.PID)
	}
	if s.Capture != nil {
		fmt.Fprintf(w, "capturing into %s: %d packets, %d dropped by the kernel\n", s.Capture.File, s.Capture.Packets, s.Capture.Dropped)
	}
	return nil
}

// dropCounters are a host's counters of what it could not send or deliver.
var dropCounters = []string{
	"Qdisc.Dropped", "Link.TxDropped", "Link.RxDropped", "Cable.Dropped", "Udp.NoPorts", "Udp.RcvbufErrors", "Udp.SndbufErrors",
	"Udp.InCsumErrors", "Tcp.RetransSegs", "Tcp.InErrs", "Ip.ReasmFails", "Ip.OutDiscards",
}

func writeHost(w io.Writer, h *testbed.HostStatus) {
	fmt.Fprintf(w, "%s: %v, %v, MTU %d, %s", h.Name, h.IPv4, h.IPv6, h.MTU, h.CongestionControl)
	for _, name := range dropCounters {
		if v := h.Counters[name]; v != 0 {
			fmt.Fprintf(w, ", %s %d", name, v)
		}
	}
	fmt.Fprintln(w)
}

// numbers aligns a first column of words and further ones of numbers.
func numbers(columns int) tw.Alignment {
	return append(tw.Alignment{tw.AlignLeft}, slices.Repeat(tw.Alignment{tw.AlignRight}, columns-1)...)
}

func writeConnections(w io.Writer, h *testbed.HostStatus) error {
	if len(h.Connections) == 0 {
		return nil
	}
	header := []string{"TCP of " + h.Name, "cwnd", "ssthresh", "rtt", "under way", "retransmits"} // what 80 columns hold; --json has more
	var rows [][]string
	for _, c := range h.Connections {
		name := fmt.Sprintf(":%d → %v", c.Local.Port(), c.Remote)
		if c.State != "ESTABLISHED" {
			name += " " + c.State
		}
		threshold := "–"
		if c.SlowStartThreshold > 0 {
			threshold = strconv.Itoa(int(c.SlowStartThreshold))
		}
		rows = append(rows, []string{
			name, strconv.Itoa(int(c.CongestionWindow)), threshold,
			report.Milliseconds(float64(c.RTT.Microseconds())), strconv.Itoa(int(c.Unacknowledged)), strconv.Itoa(int(c.Retransmits)),
		})
	}
	fmt.Fprintln(w)
	return writeTable(w, numbers(len(header)), header, rows)
}
