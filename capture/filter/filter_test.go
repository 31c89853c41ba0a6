package filter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rawlab/capture/filter"
	"rawlab/capture/pcapng"
)

// TestRefusals holds Compile to refusing what it does not know, at its place.
func TestRefusals(t *testing.T) {
	for expr, column := range map[string]int{
		"vlan 4096":                     6,
		"vlan 1 or 2":                   11,
		"vlan port 7":                   6,
		"vlan[0] = 1":                   5,
		"udp and mpls":                  9,
		"port":                          5,
		"port 70000":                    6,
		"portrange 9000-x":              11,
		"port nosuchservice":            6,
		"host localhost":                6,
		"host 10.0.0":                   6,
		"host 1.2.3.4/24":               6,
		"net 10.0.0.1/24":               5,
		"net 10.0.0.0/33":               5,
		"net 10.0.0.0 mask 255.0.255.0": 5,
		"icmp port 7":                   11,
		"ip port 7":                     9,
		"tcp host 1.2.3.4":              10,
		"ip host ::1":                   9,
		"ip6 host 1.2.3.4":              10,
		"tcp proto 6":                   11,
		"src proto 6":                   11,
		"proto 256":                     7,
		"ether proto 5":                 13,
		"ether host 1.2.3.4":            12,
		"host 02:00:00:00:00:01":        6,
		"ip broadcast":                  1,
		"ether":                         6,
		"53":                            3,
		"udp 53":                        5,
		"udp port 53 or (icmp or 54)":   25,
		"(port 53 or 54) or 55":         20,
		"udp or 54":                     8,
		"tcp[0:3] = 1":                  7,
		"tcp[-1] = 1":                   5,
		"tcp[70000] = 1":                5,
		"tcp[0] / 0 = 1":                8,
		"tcp[0] << 32 = 1":              8,
		"tcp[0] << tcp[1] = 1":          8,
		"tcp[0] ~ 1 = 1":                8,
		"tcp[0] % 0 = 1":                8,
		"tcp[0] 1":                      8,
		"tcp[0] =":                      9,
		"tcp[0 = 1":                     7,
		"len > 0x1ffffffff":             7,
		"udp and":                       8,
		"and udp":                       1,
		"(udp":                          5,
		"udp)":                          4,
		"udp; tcp":                      4,
		"less x":                        6,
		"host \\":                       6,
		strings.Repeat("(", 300) + "udp" + strings.Repeat(")", 300): 201,
		strings.Repeat("not ", 300) + "udp":                         801,
		"host " + strings.Repeat("(", 300) + "::1":                  205,
	} {
		_, err := filter.Compile(expr, pcapng.LinkEthernet)
		se, ok := errors.AsType[*filter.SyntaxError](err)
		if !ok {
			t.Errorf("Compile(%.60q): %v, want a *SyntaxError", expr, err)
		} else if se.Column != column || se.Reason == "" {
			t.Errorf("Compile(%.60q): column %d, want %d: %v", expr, se.Column, column, err)
		}
	}
}

func TestRefusesSizes(t *testing.T) {
	for name, expr := range map[string]string{
		"text":         strings.Repeat(" ", 70_000),
		"instructions": "port 1" + strings.Repeat(" or 1", 2000),
		"scratch":      strings.Repeat("ip[0]+", 20) + "ip[0] = 1",
	} {
		if _, err := filter.Compile(expr, pcapng.LinkEthernet); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := filter.Compile("udp", 105); err == nil {
		t.Error("link type 105 was accepted")
	}
}

// TestLongJumps compiles filters whose jumps pass 255 instructions: each one
// port of a long list must be found, and none that is not listed.
func TestLongJumps(t *testing.T) {
	for _, n := range []int{2, 9, 10, 11, 12, 13, 14, 15, 50, 100} {
		list := []string{"port 1000"}
		for i := 1; i < n; i++ {
			list = append(list, fmt.Sprint(1000+i))
		}
		p, err := filter.Compile("udp and not tcp and ("+strings.Join(list, " or ")+")", pcapng.LinkEthernet)
		if err != nil {
			t.Fatal(err)
		}
		for port := 998; port < 1000+n+2; port++ {
			want := port >= 1000 && port < 1000+n
			if got := p.Match(udp(port, 7)); got != want {
				t.Errorf("%d ports: Match(port %d) = %v, want %v", n, port, got, want)
			}
		}
	}
}

// udp builds a frame by hand.
func udp(source, target int) []byte {
	b := make([]byte, 14+20+8)
	b[12], b[14], b[23] = 8, 0x45, 17
	b[34], b[35], b[36], b[37] = byte(source>>8), byte(source), byte(target>>8), byte(target)
	return b
}

// TestMatchPacketCut holds length tests to the length that a cut packet had.
func TestMatchPacketCut(t *testing.T) {
	for expr, want := range map[string]bool{"greater 1000": true, "less 999": false, "len = 1000 and udp": true, "udp port 9": true} {
		p, err := filter.Compile(expr, pcapng.LinkEthernet)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.MatchPacket(filter.Packet{Data: udp(9, 7), Length: 1000})
		if got != want || err != nil {
			t.Errorf("%s: MatchPacket = %v, %v, want %v", expr, got, err, want)
		}
	}
}

// TestDirection: which way a packet went is asked only where the expression
// does, and a packet that does not tell is an error then.
func TestDirection(t *testing.T) {
	for expr, want := range map[string][3]string{ // in, out, not known
		"inbound":                     {"yes", "no", "error"},
		"outbound":                    {"no", "yes", "error"},
		"not outbound and udp":        {"yes", "no", "error"},
		"tcp or outbound and len = 9": {"no", "yes", "error"},
		"udp":                         {"yes", "yes", "yes"},
	} {
		p, err := filter.Compile(expr, pcapng.LinkEthernet)
		if err != nil {
			t.Fatal(err)
		}
		for i, direction := range []filter.Direction{filter.Inbound, filter.Outbound, filter.DirectionUnknown} {
			ok, err := p.MatchPacket(filter.Packet{Data: udp(9, 7), Length: 9, Direction: direction})
			got := map[bool]string{true: "yes", false: "no"}[ok]
			if errors.Is(err, filter.ErrDirection) && !ok {
				got = "error"
			}
			if got != want[i] {
				t.Errorf("%s of a packet of direction %d: %s, want %s (%v)", expr, direction, got, want[i], err)
			}
		}
	}
}

func TestMark(t *testing.T) {
	long := strings.Repeat("udp or ", 20)
	for expr, want := range map[string]string{
		"udp prot 9700":     "udp prot 9700\n    ^~~~",
		"tcp[0:3] = 1":      "tcp[0:3] = 1\n      ^",
		"udp and":           "udp and\n       ^",
		"host\tbücher.de":   "host b?cher.de\n      ^",
		long + "prot or ip": "…" + long[len(long)-32:] + "prot or ip\n" + strings.Repeat(" ", 33) + "^~~~",
	} {
		_, err := filter.Compile(expr, pcapng.LinkEthernet)
		se, ok := errors.AsType[*filter.SyntaxError](err)
		if !ok {
			t.Errorf("Compile(%q): %v, want a *SyntaxError", expr, err)
		} else if got := se.Mark(); got != want {
			t.Errorf("Mark of %q:\n%s\nwant\n%s", expr, got, want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, e := range expressions() {
		f.Add(e)
	}
	packets := sample()
	f.Fuzz(func(t *testing.T, expr string) {
		p, err := filter.Compile(expr, pcapng.LinkEthernet)
		if err != nil {
			return
		}
		raw, err := p.Kernel()
		if err == nil && len(raw) == 0 {
			t.Fatalf("%q compiles to nothing", expr)
		}
		for _, b := range packets {
			p.Match(b)
		}
	})
}

func ExampleCompile() {
	p, err := filter.Compile("udp port 9700", pcapng.LinkEthernet)
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Match(udp(40000, 9700)), p.Match(udp(40000, 9701)))
	_, err = filter.Compile("udp prot 9700", pcapng.LinkEthernet)
	fmt.Println(err)
	// Output:
	// true false
	// filter "udp prot 9700", column 5: "prot" is not supported here
}
