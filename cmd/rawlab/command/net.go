package command

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"rawlab/labs/testbed"
)

const netHelp = `Two hosts, client and server, with a bad network between them, for any program:
netem for people without root or netem. Any Linux user may have as many as they
like; nothing outside them changes, and nothing outside can be reached.

  rawlab net up --loss 2% --delay 20ms
  rawlab net exec server -- python3 -m http.server 80 &
  rawlab net exec client -- curl http://server/
  rawlab net set --loss 10%
  rawlab net status
  rawlab net down

With --clients 3 the hosts are client, client2, client3 and server, on a switch.
Each has a link of its own, which 'set --link client2' changes alone. Without
--link, what is said holds for every client's link; the link of the server, over
which all of them go, is impaired only by --link server. From one client to
another a packet crosses two links.

What programs find there: an interface eth0 and lo, the hosts' names in
/etc/hosts, and no other network, so no DNS. Files, folder, environment and
terminal are those of whoever calls 'exec'.

For an ordinary user, programs look as if they ran as root and may do what root
may to their host's network: ports below 1024, ping, tcpdump, ip, tc. To files
they are that one user, and they cannot become another:

  nginx    add -g 'user root;' and -p DIR with a configuration that keeps its
           pid and its *_temp_path in DIR; it complains of initgroups and runs
  sshd     wants root's folders and a user of its own: run rawlab as root

Called by root, programs may become other users as ever.`

// netFlags are what every verb of 'net' takes.
type netFlags struct{ name string }

func newNet() *cobra.Command {
	c := &cobra.Command{Use: "net", Short: "Put any program on hosts with a bad network between them", Long: netHelp}
	group(c)
	var f netFlags
	c.PersistentFlags().StringVar(&f.name, "name", testbed.DefaultName, "which net, where there are several")
	c.AddCommand(newNetUp(&f), newNetExec(&f), newNetSet(&f), newNetStatus(&f), newNetCapture(&f), newNetDown(&f), newNetInit(), newNetKeeper())
	return c
}

// check refuses a name before anything is done.
func (f *netFlags) check() error {
	if err := testbed.CheckName(f.name); err != nil {
		return usagef("--name: %w", err)
	}
	return nil
}

func newNetExec(f *netFlags) *cobra.Command {
	c := &cobra.Command{
		Use:   "exec HOST -- COMMAND…",
		Short: "Run a command on a host of the net",
		Long: "Run a command on a host of the net, such as 'client', and pass on its exit code.\n" +
			"On a terminal the command gets one of its own there, so that shells and editors work\n" +
			"as they do over ssh. A command whose 'exec' is killed gets SIGHUP, then SIGTERM. What\n" +
			"it leaves in the background runs until 'rawlab net down'.",
		Example: "  rawlab net exec client -- bash\n  rawlab net exec server -- iperf3 -s &\n  rawlab net exec client -- ping -c 5 server",
		Args:    positional(cobra.MinimumNArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			words := args[1:]
			if words[0] == "--" {
				words = words[1:]
			}
			if len(words) == 0 {
				return usagef("no command; usage: %s", c.UseLine())
			}
			code, err := testbed.Run(f.name, args[0], words)
			if err != nil {
				return err
			}
			if code != exitOK {
				return &exitError{code}
			}
			return nil
		},
	}
	c.Flags().SetInterspersed(false) // the command's flags are its own, with or without --
	return c
}

func newNetSet(f *netFlags) *cobra.Command {
	var i impairFlags
	c := &cobra.Command{
		Use:   "set [FLAGS]",
		Short: "Change what links do to packets, at once",
		Long: "Change what links do to packets, at once. What is not named stays as it is, unless\n" +
			"--clear takes everything away first. Packets under way keep the fate they have.",
		Example: "  rawlab net set --loss 3%\n  rawlab net set --clear --delay 50ms --to client\n  rawlab net set --link client2 --loss 3%\n  rawlab net set --clear",
		Args:    positional(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if !i.given(c) {
				return usagef("nothing to set; see '%s --help'", c.CommandPath())
			}
			before, err := testbed.Ask(c.Context(), f.name, false)
			if err != nil {
				return err
			}
			links, err := i.change(c, before.Directions)
			if err != nil {
				return err
			}
			after, err := testbed.Set(c.Context(), f.name, links)
			if err != nil {
				return err
			}
			return writeImpairments(c.OutOrStdout(), after)
		},
	}
	i.register(c)
	c.Flags().BoolVar(&i.clear, "clear", false, "take everything away first")
	return c
}

func newNetCapture(f *netFlags) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "capture -w FILE",
		Short: "Capture at every host until interrupted",
		Long: "Capture at every host into one pcapng file, with an interface for each host, until\n" +
			"interrupted (Ctrl-C) or until the net goes down. Other programs need no stop for it.",
		Example: "  rawlab net capture -w out.pcapng\n  rawlab net capture -w - | tshark -r -",
		Args:    positional(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if file == "" {
				return usagef("-w FILE says where to write; - is stdout")
			}
			return netCapture(c, f.name, file)
		},
	}
	c.Flags().StringVarP(&file, "write", "w", "", "write pcapng to this `FILE`, - for stdout")
	return c
}

func netCapture(c *cobra.Command, name, path string) error {
	s, err := testbed.Ask(c.Context(), name, false)
	if err != nil {
		return err // before a file is emptied
	}
	out := os.Stdout
	if path != "-" {
		if out, err = os.Create(path); err != nil {
			return fmt.Errorf("capture: %w", err)
		}
		defer out.Close()
	}
	came, err := testbed.Record(c.Context(), name, out, func() { fmt.Fprintf(c.ErrOrStderr(), "capturing at %s; Ctrl-C ends it\n", s.HostNames()) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.ErrOrStderr(), "%d packets captured, %d dropped by the kernel\n", came.Packets, came.Dropped)
	return err
}

func newNetDown(f *netFlags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "down",
		Short: "End the net and every program on it",
		Long:  "End the net and every program on it, and print the last counters. Programs get\nSIGTERM first and three seconds to end by themselves.",
		Args:  positional(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			s, err := testbed.Down(c.Context(), f.name)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), s)
			}
			fmt.Fprintf(c.ErrOrStderr(), "net %q is down\n", s.Name)
			return writeDirections(c.OutOrStdout(), s)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

// The processes of a net; see package testbed.

func newNetInit() *cobra.Command {
	return &cobra.Command{
		Use: "init SOCKET ARGS…", Hidden: true, Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return testbed.RunInit(c.Context(), args[0], args[1:]) },
	}
}

func newNetKeeper() *cobra.Command {
	return &cobra.Command{
		Use: "keeper", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return testbed.RunKeeper(c.Context()) },
	}
}
