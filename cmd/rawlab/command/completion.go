package command

import (
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rawlab/labs"
	"rawlab/labs/measure"
)

// completer proposes words behind those that are there already.
type completer = func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// Words that more than one place proposes.
var (
	rungWords    = []string{"none", "ack", "nack", "fec"}
	captureFiles = files("pcapng", "pcap")
)

// argumentWords are what commands take as arguments, by their path.
var argumentWords = map[string]completer{
	"rawlab lab run":    labWords,
	"rawlab lab verify": folders,
	"rawlab emit":       once(urlWords),
	"rawlab listen":     once(urlWords),
	"rawlab topics":     once(urlWords),
	"rawlab net exec":   once(words("client", "server", "client2", "client3", "client4")),
	"rawlab explain":    captureFiles,
	"rawlab capture":    captureWords,
	"rawlab man":        folders,
}

// flagWords are what flags take, by their names, on every command that has
// one of that name.
var flagWords = map[string]completer{
	"backend":      words("auto", "kernel", "virtual"),
	"reliability":  words(rungWords...),
	"fragments":    words("ip", "own"),
	"distribution": words("uniform", "normal", "pareto", "paretonormal"),
	"aqm":          words("taildrop", "codel"),
	"overflow":     words("drop-oldest", "disconnect", "block"),
	"delivery":     words("at-most-once", "at-least-once", "deduplicated"),
	"congestion": func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return congestions(), cobra.ShellCompDirectiveNoFileComp
	},
	"transport": words("tcp", "udp"),
	"cc": func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return labs.CongestionControls(), cobra.ShellCompDirectiveNoFileComp
	},
	"measure":   words(measure.Names()...),
	"fail-on":   conditionWords,
	"interface": interfaceWords,
	"read":      captureFiles,
	"write":     captureFiles,
	"scenario":  files("yaml", "yml"),
	"tokens":    files("yaml", "yml"),
	"output":    folders,
	"data":      folders,
}

// filterWords begin or join the expressions of tcpdump's language.
var filterWords = []string{
	"tcp", "udp", "icmp", "icmp6", "ip", "ip6", "arp", "ether", "host", "net", "port", "portrange", "src", "dst", "vlan",
	"inbound", "outbound", "less", "greater", "and", "or", "not", "proto", "multicast", "broadcast",
}

// addCompletions gives every command and flag its words.
func addCompletions(c *cobra.Command) {
	if of, ok := argumentWords[c.CommandPath()]; ok {
		c.ValidArgsFunction = of
	}
	for name, of := range flagWords {
		if c.Flags().Lookup(name) != nil {
			// fails for flags that are not there, or have words already: neither is so
			if err := c.RegisterFlagCompletionFunc(name, of); err != nil {
				panic(err)
			}
		}
	}
	for _, sub := range c.Commands() {
		addCompletions(sub)
	}
}

func words(list ...string) completer {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

// captureWords are those of a command that reads its flags itself.
func captureWords(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	last := ""
	if len(args) > 0 {
		last = args[len(args)-1]
	}
	switch {
	case slices.Contains(args, "--in-namespace"):
		return nil, cobra.ShellCompDirectiveDefault // a command's
	case last == "-i" || last == "--interface":
		return interfaceWords(c, args, begun)
	case last == "-r" || last == "--read" || last == "-w" || last == "--write":
		return captureFiles(c, args, begun)
	case !strings.HasPrefix(begun, "-"):
		return filterWords, cobra.ShellCompDirectiveNoFileComp
	}
	var list []string
	c.Flags().VisitAll(func(f *pflag.Flag) { list = append(list, "--"+f.Name+"\t"+f.Usage) })
	return list, cobra.ShellCompDirectiveNoFileComp
}

// once proposes for the first argument alone; behind it the shell's own
// words may follow, which are a command's.
func once(of completer) completer {
	return func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return of(c, args, begun)
	}
}

// urlWords are how a server's address begins.
func urlWords(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"tcp://", "udp://", "ws://", "tls://", "udps://"}, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}

func files(endings ...string) completer {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return endings, cobra.ShellCompDirectiveFilterFileExt
	}
}

func folders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// labWords are the labs that are not named yet, with what each asks.
func labWords(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var list []string
	for _, l := range labs.Catalog {
		if !slices.Contains(args, l.Name) {
			list = append(list, l.Name+"\t"+l.Question)
		}
	}
	if len(args) == 0 {
		list = append(list, allLabs+"\tevery lab, one after the other")
	}
	return list, cobra.ShellCompDirectiveDefault
}

// conditionWords are the names that a condition can begin with.
func conditionWords(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	prefixes := []string{"tcp.", "udp."}
	if i := strings.LastIndexByte(begun, '.'); i >= 0 {
		prefixes = []string{begun[:i+1]}
	}
	var list []string
	for _, p := range prefixes {
		for _, m := range measure.List {
			list = append(list, p+m.Name+"\t"+m.About)
		}
	}
	return list, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}

func interfaceWords(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	list := []string{"any"}
	all, err := net.Interfaces()
	if err != nil {
		return list, cobra.ShellCompDirectiveNoFileComp
	}
	for _, i := range all {
		list = append(list, i.Name)
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
