package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/net/bpf"

	"rawlab/capture"
	"rawlab/capture/filter"
	"rawlab/capture/pcapng"
	"rawlab/cmd/rawlab/live"
	"rawlab/labs/host"
)

// insideFlag splits the command line: what follows it is another command's.
const insideFlag = "--in-namespace"

// captureFlags are what a user said, in tcpdump's letters.
type captureFlags struct {
	devices  []string
	write    string
	read     string
	count    int
	snapLen  int
	rotation rotation
	list     bool
	hex      bool
	json     bool
	inside   bool
	whole    bool
	quiet    bool
	account  string // the log of an emitter
	reasons  bool   // the kernel is asked why it drops packets
	live     bool
	help     bool
	numeric  bool // always so: names are never looked up
	filter   string
	command  []string // runs inside the namespace
	programs map[uint16]*filter.Program
}

func newCapture() *cobra.Command {
	f := captureFlags{programs: make(map[uint16]*filter.Program)}
	c := &cobra.Command{
		Use:   "capture [FLAGS] [FILTER…] [--in-namespace COMMAND…]",
		Short: "Capture packets on an interface, or read a capture file",
		Long: "Capture packets on an interface, or read a file of pcapng or pcap, and print a line\n" +
			"for each or write them to a pcapng file. FILTER is in tcpdump's language.\n\n" +
			"Capturing needs a right (CAP_NET_RAW). Without it, --in-namespace runs COMMAND in a\n" +
			"private network that any user may capture: its loopback interface, and no way out.\n" +
			"The capture ends with COMMAND and passes on its exit code; COMMAND's own output goes\n" +
			"to stderr where packets go to stdout.\n\n" +
			"With --kernel-reasons each packet that the kernel of this host drops says why in a\n" +
			"comment. Those that no interface captured come on one named \"dropped\": their beginnings,\n" +
			"from IP on. Totals by reason are told at the end, on stderr, with --json on stdout; with\n" +
			"--account the account has them.",
		Example: "  rawlab capture -i lo 'udp port 9700'\n" +
			"  rawlab capture -i lo -w out.pcapng -c 1000 tcp port 9700 or 9701\n" +
			"  rawlab capture -i lo -w out.pcapng -C 100 -W 10\n" +
			"  rawlab capture -r out.pcapng --json host 127.0.0.1\n" +
			"  rawlab capture -i lo --live\n" +
			"  rawlab capture -i eth0 --account publisher.log\n" +
			"  sudo rawlab capture -i eth0 --kernel-reasons udp port 9700\n" +
			"  rawlab capture -w out.pcapng --in-namespace sh -c 'ping -c 3 127.0.0.1'",
		DisableFlagParsing:    true, // COMMAND's flags are not ours
		DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.parse(c, args); err != nil {
				return err
			}
			return f.run(c)
		},
	}
	s := c.Flags()
	s.StringArrayVarP(&f.devices, "interface", "i", []string{"lo"}, "capture on this `INTERFACE`; may be given again, and any is all that are up")
	s.StringVarP(&f.write, "write", "w", "", "write pcapng to this `FILE`, - for stdout, instead of printing")
	f.rotation.register(s)
	s.StringVarP(&f.read, "read", "r", "", "read this `FILE`, - for stdin, instead of capturing")
	s.IntVarP(&f.count, "count", "c", 0, "stop after this many packets")
	s.IntVarP(&f.snapLen, "snaplen", "s", 0, fmt.Sprintf("keep this many `bytes` of a packet (default %d)", capture.DefaultSnapLen))
	s.BoolVarP(&f.numeric, "numeric", "n", false, "do not look up names (they never are)")
	s.BoolVarP(&f.list, "list-interfaces", "D", false, "list the interfaces")
	s.BoolVarP(&f.hex, "hex", "X", false, "print each packet's bytes too, link header included")
	s.BoolVar(&f.json, "json", false, "print one JSON object a line")
	s.BoolVarP(&f.quiet, "quiet", "q", false, "print no packets but, at the end, what each layer of them took")
	s.StringVar(&f.account, "account", "", "print no packets but, at the end, what became of the events of this `LOG`, which 'rawlab emit --log' wrote")
	s.BoolVar(&f.reasons, "kernel-reasons", false, "as root: also ask the kernel (eBPF) why it drops packets here, event by event")
	s.BoolVar(&f.live, "live", false, "show packets, their layers and bytes on the whole terminal; ? tells the keys")
	s.BoolVar(&f.whole, "whole", false, "leave large packets, which are cut only after the capture (GSO), as they are")
	s.BoolVar(&f.inside, strings.TrimPrefix(insideFlag, "--"), false, "what follows is a COMMAND to run and capture in a private network")
	return c
}

// parse reads the arguments: ours, and behind --in-namespace the command's.
func (f *captureFlags) parse(c *cobra.Command, args []string) error {
	if i := slices.Index(args, insideFlag); i >= 0 {
		args, f.command, f.inside = args[:i], args[i+1:], true
	}
	if err := c.Flags().Parse(args); err != nil {
		return c.FlagErrorFunc()(c, err)
	}
	f.help, _ = c.Flags().GetBool("help")
	f.filter = strings.Join(c.Flags().Args(), " ")
	changed := c.Flags().Changed
	switch {
	case f.help:
		return nil
	case f.inside && len(f.command) == 0:
		return usagef("%s needs a command behind it", insideFlag)
	case f.read != "" && (changed("interface") || f.inside):
		return usagef("-r reads a file: leave out -i and %s", insideFlag)
	case f.write != "" && (f.json || f.hex):
		return usagef("-w writes packets instead of printing them: leave out --json and -X")
	case f.quiet && (f.write != "" || f.hex):
		return usagef("-q counts packets instead of printing or writing them: leave out -w and -X")
	case f.account != "" && (f.write != "" || f.hex || f.quiet || f.live):
		return usagef("--account counts events instead of showing or writing packets: leave out -w, -X, -q and --live")
	case f.reasons && f.read != "":
		return usagef("--kernel-reasons asks the kernel while it drops packets, and -r reads a file: leave out one of them")
	case f.reasons && f.snapLen > 0 && f.snapLen < leastSnap:
		return usagef("--kernel-reasons tells packets apart by their beginnings: -s must be %d or more", leastSnap)
	case f.live && (f.write != "" || f.hex || f.json || f.quiet):
		return usagef("--live shows packets on the terminal: leave out -w, -X, --json and -q")
	case f.rotates() && (f.write == "" || f.write == "-"):
		return usagef("-C, -G and -W are about files: name one with -w")
	case f.rotation.keep > 0 && !f.rotates():
		return usagef("-W keeps the last files of many: say with -C or -G when another begins")
	case f.count < 0 || f.snapLen < 0 || f.snapLen > capture.DefaultSnapLen:
		return usagef("-c must be 0 or more, -s from 0 to %d", capture.DefaultSnapLen)
	case f.read != "" && sameFile(f.read, f.write):
		return usagef("-w %s would overwrite the file that -r reads", f.write)
	}
	p, err := f.program(pcapng.LinkEthernet) // a mistake should show before anything is done
	if err == nil && f.read == "" {
		_, err = kernelProgram(p)
	}
	return err
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && x.Mode().IsRegular() && os.SameFile(x, y)
}

// program compiles the filter for a link type, once.
func (f *captureFlags) program(linkType uint16) (*filter.Program, error) {
	if p := f.programs[linkType]; p != nil {
		return p, nil
	}
	p, err := filter.Compile(f.filter, linkType)
	if err == nil {
		f.programs[linkType] = p
	}
	return p, asUsage(err)
}

// kernelProgram is a filter for a live capture.
func kernelProgram(p *filter.Program) ([]bpf.RawInstruction, error) {
	raw, err := p.Kernel()
	return raw, asUsage(err)
}

// asUsage makes a mistake in a filter one in how the command was called.
func asUsage(err error) error {
	if _, ok := errors.AsType[*filter.SyntaxError](err); ok {
		return usagef("%w", err)
	}
	return err
}

func (f *captureFlags) run(c *cobra.Command) error {
	if f.live && !f.help && !f.list {
		if _, err := live.Terminal(c.OutOrStdout()); err != nil {
			return &usageError{err}
		}
	}
	switch {
	case f.help:
		return c.Help()
	case f.list:
		return listInterfaces(c.OutOrStdout())
	case f.read != "":
		return f.runFile(c)
	case f.inside && !host.Isolated():
		return f.isolate(c.Context())
	}
	return f.runLive(c)
}

// isolate runs this command line again in a network of its own. The kernel is
// asked first whether it would tell its reasons there: it does outside of user
// namespaces.
func (f *captureFlags) isolate(ctx context.Context) error {
	if !f.reasons {
		return rerun(ctx, host.Isolate)
	}
	watch, err := askKernel()
	if err == nil {
		err = watch.Close()
	}
	if err != nil {
		return err
	}
	return rerun(ctx, host.IsolateAsRoot)
}

// listInterfaces prints what -i may name.
func listInterfaces(w io.Writer) error {
	interfaces, err := net.Interfaces()
	if err != nil {
		return fmt.Errorf("interfaces: %w", err)
	}
	for _, i := range interfaces {
		var addresses []string
		list, err := i.Addrs()
		if err != nil {
			return fmt.Errorf("addresses of %s: %w", i.Name, err)
		}
		for _, a := range list {
			addresses = append(addresses, a.String())
		}
		if _, err := fmt.Fprintf(w, "%d. %s [%s] %s\n", i.Index, i.Name, i.Flags, strings.Join(addresses, " ")); err != nil {
			return err
		}
	}
	return nil
}

// runFile prints or copies a capture file.
func (f *captureFlags) runFile(c *cobra.Command) error {
	in, name := c.InOrStdin(), "standard input"
	if f.read != "-" {
		file, err := os.Open(f.read)
		if err != nil {
			return fmt.Errorf("capture: %w", err)
		}
		defer file.Close()
		if f.talliesWhole(file) {
			return f.tallyFile(c, file)
		}
		in, name = file, f.read
	}
	source, err := capture.NewFile(in)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if f.live {
		return f.viewFile(c, source, name)
	}
	out, err := f.openOutput(c, source)
	if err != nil {
		return err
	}
	_, err = capture.Run(c.Context(), source, out.sink, &capture.RunConfig{
		Count: f.count, Live: f.read == "-", Filter: f.matcher(source),
	})
	err = out.close(err)
	out.name(c.ErrOrStderr())
	return named(name, err)
}

// named puts the file's name before what is wrong in it.
func named(file string, err error) error {
	_, cut := errors.AsType[*pcapng.TruncatedError](err)
	_, bad := errors.AsType[*pcapng.FormatError](err)
	if cut || bad {
		return fmt.Errorf("%s: %w", file, err)
	}
	return err
}

// matcher applies the filter, as the link type of each packet's interface demands.
func (f *captureFlags) matcher(source capture.Source) func(*capture.Packet) (bool, error) {
	if f.filter == "" {
		return nil
	}
	return func(p *capture.Packet) (bool, error) {
		program, err := f.program(source.Interfaces()[p.Interface].LinkType)
		if err != nil {
			return false, err
		}
		return capture.Match(program, p)
	}
}
