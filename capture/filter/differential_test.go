package filter_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/filter"
	"rawlab/capture/pcapng"
	"rawlab/internal/tools"
)

// TestAgainstTcpdump: every expression accepts the packets that it accepts in
// tcpdump, whole ones, cut ones and those of no sense at all.
func TestAgainstTcpdump(t *testing.T) {
	tcpdump := tools.Find(t, "tcpdump")
	exprs := expressions()
	compareAll(t, exprs, compileAll(tcpdump, exprs, pcapng.LinkEthernet, "-O"), sample(), pcapng.LinkEthernet)
	t.Logf("%d expressions on %d packets", len(exprs), len(sample()))
}

// TestAgainstTcpdumpOptimized: on whole packets tcpdump's optimizer changes
// nothing, so that what it does by default is what we do.
func TestAgainstTcpdumpOptimized(t *testing.T) {
	tcpdump := tools.Find(t, "tcpdump")
	compareAll(t, handwritten, compileAll(tcpdump, handwritten, pcapng.LinkEthernet), wholeSample(), pcapng.LinkEthernet)
}

// TestOtherLinksAgainstTcpdump takes the Ethernet header off, or puts another
// one in its place. What names Ethernet is refused there by both.
func TestOtherLinksAgainstTcpdump(t *testing.T) {
	tcpdump := tools.Find(t, "tcpdump")
	for linkType, packets := range otherLinks() {
		exprs := slices.Clone(handwritten)
		if linkType != pcapng.LinkRaw { // a cooked header tells
			exprs = append(exprs, "inbound", "outbound", "not inbound and udp", "outbound or tcp")
		}
		compareAll(t, exprs, compileAll(tcpdump, exprs, linkType, "-O"), packets, linkType)
	}
}

// stride is how many packets a test of all expressions goes on after each:
// one, but under the race detector's short run several, others for each
// expression.
func stride() int {
	if testing.Short() {
		return 5
	}
	return 1
}

// some returns the packets that are looked at for the n-th expression.
func some(packets [][]byte, n int) (few [][]byte) {
	for i := n % stride(); i < len(packets); i += stride() {
		few = append(few, packets[i])
	}
	return few
}

// compareAll holds our programs to tcpdump's.
func compareAll(t *testing.T, exprs []string, theirs []program, packets [][]byte, linkType uint16) {
	t.Helper()
	for i, expr := range exprs {
		p, err := filter.Compile(expr, linkType)
		switch {
		case theirs[i].err != nil && err == nil:
			t.Errorf("Compile(%q) for link type %d: no error, but %v", expr, linkType, theirs[i].err)
			continue
		case theirs[i].err != nil:
			continue
		case err != nil && linkType != pcapng.LinkEthernet && strings.Contains(err.Error(), "these packets have no Ethernet header"):
			continue // they take ether[…] as bytes of whatever header there is
		case err != nil:
			t.Errorf("Compile(%q) for link type %d: %v, but tcpdump accepts it", expr, linkType, err)
			continue
		}
		var got []int
		few := some(packets, i)
		for n, b := range few {
			if p.Match(b) {
				got = append(got, n)
			}
		}
		if d := cmp.Diff(accepted(t, theirs[i].vm, few), got); d != "" {
			t.Errorf("%q for link type %d accepts %d packets (-tcpdump +ours):\n%s", expr, linkType, len(got), d)
		}
	}
}

// TestTcpdumpByItself shows that the comparison above is one with tcpdump: a
// program that it prints, run by us, accepts what tcpdump accepts when it
// reads the same packets from a file.
func TestTcpdumpByItself(t *testing.T) {
	tcpdump := tools.Find(t, "tcpdump")
	exprs, packets := expressions(), sample()
	capture := file(t, packets, pcapng.LinkEthernet)
	for i := 0; i < len(exprs); i += 5 * stride() {
		want, err := acceptedByItself(tcpdump, exprs[i], capture)
		if err != nil {
			t.Errorf("%q: %v", exprs[i], err)
			continue
		}
		p := compile(tcpdump, exprs[i], pcapng.LinkEthernet, "-O")
		if p.err != nil {
			t.Errorf("%q: %v", exprs[i], p.err)
		} else if d := cmp.Diff(want, accepted(t, p.vm, packets)); d != "" {
			t.Errorf("%q (-tcpdump by itself +its program):\n%s", exprs[i], d)
		}
	}
}

// otherLinks gives the sample with the headers of other link types.
func otherLinks() map[uint16][][]byte {
	headers := map[uint16]func(i int, etherType []byte) []byte{
		pcapng.LinkRaw: func(int, []byte) []byte { return nil },
		113:            func(i int, e []byte) []byte { return append([]byte{0, byte(i % 5), 13: 0}, e...) },
		276:            func(i int, e []byte) []byte { return append(bytes.Clone(e), []byte{8: byte(i % 5), 17: 0}...) },
	}
	all := make(map[uint16][][]byte)
	for linkType, header := range headers {
		for i, p := range sample() {
			if len(p) > 14 && (linkType != pcapng.LinkRaw || p[12] == 8 && p[13] == 0 || p[12] == 0x86) {
				all[linkType] = append(all[linkType], append(header(i, p[12:14]), p[14:]...))
			}
		}
	}
	return all
}
