package filter_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/filter"
	"rawlab/capture/pcapng"
)

// expressions are compared with tcpdump over the sample.
var expressions = []string{
	"", "udp", "tcp", "icmp", "icmp6", "ip", "ip6", "arp", "rarp", "igmp", "sctp",
	"udp port 9000", "tcp port 9000", "sctp port 9000", "port 9000", "src port 9000", "dst port 9000", "udp src port 9000", "src or dst port 53", "src and dst port 53", "dst and src port 9000",
	"host 127.0.0.1", "src host 10.77.0.1", "dst host 10.77.0.2", "src 10.77.0.1", "ip host 10.77.0.1", "arp host 10.77.0.2", "rarp src host 127.0.0.1", "host fd77::1", "ip6 host fd77::2", "dst ::1", "src and dst host 127.0.0.1",
	"net 10.77.0.0/24", "src net 10.77.0.0/24", "net 10", "net 10.77", "net 192.168.1", "dst net 10.77.0.0 mask 255.255.255.0", "net 10.77.0.0/31", "net fd77::/64", "src net fd77::2/127", "ip6 dst net ff00::/8", "net 0.0.0.0/0", "net ::/0", "net 10.77.0.2", "ip net 224.0.0.0/4",
	"udp port 9000 and host 127.0.0.1", "tcp port 9000 or udp port 9005", "udp portrange 9000-9010", "portrange 9000-9010", "portrange 9010-9000", "src portrange 8999-9005", "portrange 53",
	"tcp port 9000 or udp portrange 9000-9010", "not arp", "not udp port 9000", "udp and not port 53", "!(udp)", "!udp && !tcp", "(udp or tcp) and port 9000",
	"(udp port 9000 or icmp) and host 10.77.0.1", "udp && port 9000", "udp || icmp", "icmp or udp and port 53", "udp and port 53 or icmp",
	"port 9000 or 9005", "port 9000 or 9005 and not 53", "udp dst port 9000 or 9005 or 80", "host 10.77.0.1 or 10.77.0.2", "host 10.77.0.1 and (127.0.0.1 or 192.168.1.9)", "port (53 or 80)", "port not 53", "port 53 or (udp and port 80) or 9000", "src host (10.77.0.1 or fd77::1)", "host 10.77.0.1 and not (10.77.0.2 or 127.0.0.1)",
	"tcp[tcpflags] & tcp-syn != 0", "tcp[13] & 2 != 0", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "tcp[tcpflags] == tcp-syn|tcp-ack", "tcp[tcpflags] = tcp-ack + tcp-fin", "icmp[icmptype] == icmp-echo", "icmp[icmptype] != icmp-echo and icmp[icmpcode] = 3", "icmp6[icmp6type] = icmp6-echo", "icmp6[0] = 129",
	"ip[6:2] & 0x1fff != 0", "ip[6] & 0x20 != 0", "udp[8:4] = 7", "udp[8:4] = 0x05050505", "udp[4:2] > 30", "ip[0] & 0xf > 5", "ip[0] & 0xf != 5", "not ip[0] & 0xf = 5", "ip[8] = 64", "ip6[6] = 17", "ip6[40:2] = 53", "arp[6:2] = 1", "ether[0] & 1 = 1", "ether[12:2] = 0x8100", "ether[0:4] > 0x02000000",
	"tcp[(tcp[12] & 0xf0) >> 2] = 7", "tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x06060606", "udp[0:2] = udp[2:2]", "udp[0:2] < udp[2:2]", "tcp[2:2] - tcp[0:2] > 100", "ip[2:2] - ((ip[0] & 0xf) << 2) >= 40", "ip[2:2] + 14 = len", "len - 14 <= ip[2:2]", "(ip[8] + 2) * 2 = 132", "ip[8] / 2 = 32", "ip[ip[9]] = 0", "-1 = 0xffffffff and udp", "1 = 1", "1 > 2", "0x50 = 80 and 010 = 8",
	"ip proto 17", "ip proto \\udp", "ip proto gre", "proto 17", "ip6 proto 6", "ip6 proto 44", "proto \\icmp", "ether proto 0x0806", "ether proto \\ip6", "ip proto (1 or 2)",
	"greater 100", "less 60", "len > 100", "len <= 60", "not greater 60", "len = 42 or len = 46", "less 60 and udp",
	"ether host 02:00:00:00:00:01", "ether src 02:00:00:00:00:01", "ether dst ff:ff:ff:ff:ff:ff", "broadcast", "ether broadcast", "multicast", "ether multicast", "ip multicast", "ip6 multicast",
	"port domain", "tcp port http", "udp port domain", "host 127.0.0.1 and port 9000 and udp", "tcp and src port 9000 and dst port 80", "udp port 9000 and (host 10.77.0.1 or host 10.77.0.2)", "icmp or icmp6 or udp port 9000",
	"not (not (not udp))", "not not udp", "((udp))", "(udp or (tcp and (port 53 or port 80)))", "not port 53", "not host 10.77.0.1", "not tcp[13] & 2 != 0", "not ip6[6] = 17",
}

// tool finds a program that the test compares with. Without it the test is
// skipped, unless RAWLAB_REQUIRE_TOOLS says that it has to be there.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("RAWLAB_REQUIRE_TOOLS") != "" {
		t.Fatalf("RAWLAB_REQUIRE_TOOLS is set, but: %v", err)
	} else if err != nil {
		t.Skip(err)
	}
	return path
}

// file puts packets into a capture, the n-th at second n.
func file(t *testing.T, packets [][]byte, linkType uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapng.NewWriter(&b, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddInterface(pcapng.Interface{LinkType: linkType, SnapLen: 65535}); err != nil {
		t.Fatal(err)
	}
	for i, p := range packets {
		if err := w.WritePacket(&pcapng.Packet{Time: time.Unix(int64(i), 0), Data: p}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// theirs returns the numbers of the packets that tcpdump accepts. Its
// optimizer (off by -O) reorders tests, which changes what becomes of packets
// that are too short for one of them; we test in the order written.
func theirs(tcpdump, expr string, capture []byte) ([]int, error) {
	cmd := exec.Command(tcpdump, "-O", "-r", "-", "-w", "-", "--", expr)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(capture), &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("tcpdump: %w: %s", err, stderr.Bytes())
	}
	r, err := pcapng.NewReader(bytes.NewReader(out))
	if err != nil {
		return nil, err
	}
	var accepted []int
	for {
		p, err := r.Next()
		if err == io.EOF {
			return accepted, nil
		} else if err != nil {
			return nil, err
		}
		accepted = append(accepted, int(p.Time.Unix()))
	}
}

func ours(expr string, packets [][]byte, linkType uint16) ([]int, error) {
	p, err := filter.Compile(expr, linkType)
	if err != nil {
		return nil, err
	}
	var accepted []int
	for i, b := range packets {
		if p.Match(b) {
			accepted = append(accepted, i)
		}
	}
	return accepted, nil
}

func compare(t *testing.T, tcpdump, expr string, packets [][]byte, capture []byte, linkType uint16) {
	t.Helper()
	want, err := theirs(tcpdump, expr, capture)
	if err != nil {
		t.Errorf("%q: %v", expr, err)
		return
	}
	got, err := ours(expr, packets, linkType)
	if err != nil {
		t.Errorf("Compile(%q): %v, but tcpdump accepts it", expr, err)
	} else if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%q accepts %d packets, tcpdump %d (-tcpdump +ours):\n%s", expr, len(got), len(want), d)
	}
}

func TestAgainstTcpdump(t *testing.T) {
	tcpdump := tool(t, "tcpdump")
	packets := sample()
	capture := file(t, packets, pcapng.LinkEthernet)
	for _, expr := range expressions {
		compare(t, tcpdump, expr, packets, capture, pcapng.LinkEthernet)
	}
}

// TestOtherLinksAgainstTcpdump takes the Ethernet header off, or puts another
// one in its place.
func TestOtherLinksAgainstTcpdump(t *testing.T) {
	tcpdump := tool(t, "tcpdump")
	headers := map[uint16]func(etherType []byte) []byte{
		pcapng.LinkRaw: func([]byte) []byte { return nil },
		113:            func(e []byte) []byte { return append(make([]byte, 14), e...) },
		276:            func(e []byte) []byte { return append(bytes.Clone(e), make([]byte, 18)...) },
	}
	for linkType, header := range headers {
		var packets [][]byte
		for _, p := range sample() {
			if len(p) > 14 && (linkType != pcapng.LinkRaw || p[12] == 8 && p[13] == 0 || p[12] == 0x86) {
				packets = append(packets, append(header(p[12:14]), p[14:]...))
			}
		}
		capture := file(t, packets, linkType)
		for _, expr := range []string{"ip", "ip6", "arp", "udp port 9000 or 53", "host 10.77.0.1", "net fd77::/64", "tcp[13] & 2 != 0", "icmp6[0] = 128", "ip[6:2] & 0x1fff != 0", "not udp", "ip6 proto 17"} {
			compare(t, tcpdump, expr, packets, capture, linkType)
		}
	}
}

// TestRandomAgainstTcpdump joins expressions at random.
func TestRandomAgainstTcpdump(t *testing.T) {
	tcpdump := tool(t, "tcpdump")
	packets := sample()
	capture := file(t, packets, pcapng.LinkEthernet)
	random := rand.New(rand.NewPCG(1, 0))
	for range 60 {
		compare(t, tcpdump, randomExpression(random, 3), packets, capture, pcapng.LinkEthernet)
	}
}

func randomExpression(r *rand.Rand, depth int) string {
	if depth == 0 || r.IntN(5) == 0 {
		return expressions[1+r.IntN(len(expressions)-1)]
	}
	a := randomExpression(r, depth-1)
	switch r.IntN(5) {
	case 0:
		return "not (" + a + ")"
	case 1:
		return "(" + a + ") or (" + randomExpression(r, depth-1) + ")"
	case 2:
		return "(" + a + ") and (" + randomExpression(r, depth-1) + ")"
	case 3:
		return a + " or " + randomExpression(r, depth-1)
	}
	return a + " and " + randomExpression(r, depth-1)
}
