package command

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"rawlab/labs/host"
	"rawlab/labs/testbed"
)

// netUpFlags are what a user said about a new net.
type netUpFlags struct {
	net     *netFlags
	clients int
	impair  impairFlags
	mtu     int
	control []string
	sysctls []string
	capture string
	json    bool
}

func newNetUp(n *netFlags) *cobra.Command {
	f := netUpFlags{net: n}
	c := &cobra.Command{
		Use:   "up [FLAGS]",
		Short: "Make two or more hosts and a network that stay up",
		Long: "Make two hosts and a wire, or with --clients more hosts on a switch, that stay up until\n" +
			"'rawlab net down', and return. See 'rawlab net --help' for what can be done with them.",
		Example: "  rawlab net up\n  rawlab net up --loss 2% --delay 20ms --jitter 5ms --rate 10Mbit\n" +
			"  rawlab net up --clients 3 --link client3 --rate 1Mbit\n" +
			"  rawlab net up --mtu 1400 --cc reno --sysctl client:net.ipv4.tcp_sack=0 --capture all.pcapng",
		Args: positional(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	s := c.Flags()
	s.IntVar(&f.clients, "clients", 1, fmt.Sprintf("how many client hosts, 1 to %d: client, client2 and so on", testbed.MaxClients))
	f.impair.register(c)
	s.IntVar(&f.mtu, "mtu", host.MaxMTU, fmt.Sprintf("of all links, `bytes`, %d to %d", host.MinMTU, host.MaxMTU))
	s.StringArrayVar(&f.control, "cc", nil, "TCP congestion control, `[HOST:]NAME`; without HOST for all")
	s.StringArrayVar(&f.sysctls, "sysctl", nil, "`[HOST:]NAME=VALUE`, such as client:net.ipv4.tcp_sack=0; may be repeated")
	s.StringVar(&f.capture, "capture", "", "capture at every host into this `FILE` (pcapng) until the net goes down")
	s.BoolVar(&f.json, "json", false, "print one JSON object: the net as 'status' tells it")
	return c
}

func (f *netUpFlags) run(c *cobra.Command) (err error) {
	config, err := f.config(c)
	if err != nil {
		return err
	}
	if _, err := testbed.Ask(c.Context(), f.net.name, false); err == nil {
		return fmt.Errorf("net %q is up already; 'rawlab net down' ends it, --name makes a second one", f.net.name)
	}
	var file *os.File
	if f.capture != "" {
		if file, err = os.Create(f.capture); err != nil {
			return fmt.Errorf("capture: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
	}
	s, err := testbed.Up(c.Context(), config, []string{"net", "init"}, []string{"net", "keeper"})
	if err != nil {
		return fmt.Errorf("net up: %w", err)
	}
	if file != nil {
		if err := testbed.StartCapture(c.Context(), f.net.name, file); err != nil {
			_, downErr := testbed.Down(c.Context(), f.net.name)
			return errors.Join(err, downErr)
		}
	}
	if f.json {
		return writeJSON(c.OutOrStdout(), s)
	}
	return f.writeUp(c.OutOrStdout(), s)
}

func (f *netUpFlags) config(c *cobra.Command) (*testbed.Config, error) {
	if err := f.net.check(); err != nil {
		return nil, err
	}
	if f.clients < 1 || f.clients > testbed.MaxClients {
		return nil, usagef("--clients %d: must be 1 to %d", f.clients, testbed.MaxClients)
	}
	links, err := f.links(c)
	if err != nil {
		return nil, err
	}
	config := &testbed.Config{Name: f.net.name, Clients: f.clients, Links: links, Hosts: map[string]host.Tuning{}}
	for _, name := range host.Names(f.clients) {
		t := host.Tuning{MTU: f.mtu, Sysctls: map[string]string{}}
		if err := f.tune(name, &t); err != nil {
			return nil, err
		}
		if err := t.Validate(); err != nil {
			return nil, usagef("%w", err)
		}
		config.Hosts[name] = t
	}
	return config, nil
}

// links returns what every link is to do.
func (f *netUpFlags) links(c *cobra.Command) (map[string]testbed.Setting, error) {
	all := map[string]testbed.Setting{}
	var new []testbed.Direction
	for _, name := range testbed.Links(f.clients) {
		all[name] = testbed.Setting{Seed: f.impair.seed}
		one := testbed.Direction{Link: name, Seed: f.impair.seed, Impairment: "none"}
		new = append(new, one, one)
	}
	said, err := f.impair.change(c, new)
	maps.Copy(all, said)
	return all, err
}

// tune takes what is said of one host, or of all.
func (f *netUpFlags) tune(name string, t *host.Tuning) error {
	for _, s := range f.control {
		of, control, err := f.ofHost(s)
		if err != nil {
			return usagef("--cc %s: %w", s, err)
		}
		if of == "" || of == name {
			t.CongestionControl = control
		}
	}
	for _, s := range f.sysctls {
		of, setting, err := f.ofHost(s)
		if err != nil {
			return usagef("--sysctl %s: %w", s, err)
		}
		key, value, ok := strings.Cut(setting, "=")
		if !ok || key == "" || value == "" {
			return usagef("--sysctl %s: want [HOST:]NAME=VALUE, such as net.ipv4.tcp_sack=0", s)
		}
		if of == "" || of == name {
			t.Sysctls[key] = value
		}
	}
	return nil
}

// ofHost splits [HOST:]REST.
func (f *netUpFlags) ofHost(s string) (name, rest string, err error) {
	names := host.Names(f.clients)
	for _, h := range names {
		if rest, ok := strings.CutPrefix(s, h+":"); ok {
			return h, rest, nil
		}
	}
	if before, _, ok := strings.Cut(s, ":"); ok && !strings.Contains(before, "=") {
		return "", "", fmt.Errorf("no host %q; there are %s", before, strings.Join(names, ", "))
	}
	return "", s, nil
}

func (f *netUpFlags) writeUp(w io.Writer, s *testbed.Status) error {
	var b strings.Builder
	for _, h := range s.Hosts {
		fmt.Fprintf(&b, "%-8s %v, %v\n", h.Name, h.IPv4, h.IPv6)
	}
	if err := writeImpairments(&b, s); err != nil {
		return err
	}
	name := ""
	if s.Name != testbed.DefaultName {
		name = " --name " + s.Name
	}
	fmt.Fprintf(&b, "\nnow try:\n"+
		"  rawlab net%[1]s exec client -- ping -c 3 server\n"+
		"  rawlab net%[1]s exec client -- bash\n"+
		"  rawlab net%[1]s set --loss 3%%\n"+
		"  rawlab net%[1]s status --watch\n"+
		"  rawlab net%[1]s down\n", name)
	_, err := io.WriteString(w, b.String())
	return err
}
