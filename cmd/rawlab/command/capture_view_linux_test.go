package command_test

import (
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"rawlab/labs/host"
)

// TestView goes through the view of a file, key by key.
func TestView(t *testing.T) {
	x := onTerminal(t, nil, "capture", "-r", eventFile(t), "--live")
	lines := x.wait(`all read.*Packet 1, layers.*Ethernet, bytes 0–13.*quit`)
	for line, want := range map[int]string{
		0:  ` rawlab · events.pcapng · 3 packets, at most 20,000 kept               all read`,
		1:  ` lost: kernel 0 · gaps 0 events of 1 origin · damaged 0 · unreadable 0`,
		2:  ` filter: none, f writes one                                             3 shown`,
		3:  `▶ No.   Time Source          Destination    Proto Len Info`,
		4:  `    1 0.0000 10.77.0.1:40000 10.77.0.2:9700 udp    87 emit 9223372036854775813:…`,
		12: `  ▸ Ethernet: Brings the packet to the next device on this one link; the checks…`,
	} {
		if got := strings.TrimRight(lines[line], " "); got != want {
			t.Errorf("line %d:\n got %q\nwant %q", line, got, want)
		}
	}
	x.waitLit(18, "02 00 00 00 00 02 02 00  00 00 00 01 08 00..............") // Ethernet's 14 bytes

	x.keys(keyTab + keyDown + keyDown) // in the layers, down to UDP
	x.wait(`▶ Packet 1, layers.*lit is UDP, bytes 34–41`)
	x.waitLit(20, "9c 40 25 e4 00 35  00 00.@%..5..")
	x.keys(keyRight + keyDown) // its fields, and the first of them
	x.wait(`▾ UDP.*lit is source port, bytes 34–35`)
	x.keys("]") // the same field of the next packet
	x.wait(`Packet 2, layers.*lit is source port`)
	x.waitLit(20, "9c 41.A")

	x.keys(keyTab + keyPageDown)
	x.wait(`▶ Bytes.*0050  `)
	x.keys("?")
	x.wait(`any key goes back.*ORIGIN:SEQUENCE`)
	x.keys("?")
	x.wait(`tab pane`)
	x.keys("q")
	x.ends(0)
}

// TestViewFinds: the filter, mistakes in it, and the lookup of an event.
func TestViewFinds(t *testing.T) {
	x := onTerminal(t, nil, "capture", "-r", eventFile(t), "--live")
	x.wait(`all read.*3 shown`)
	x.keys("fudp prot 7" + keyEnter)
	lines := x.wait(`"prot" is not supported here`)
	if at := strings.Index(lines[2], "prot"); !strings.HasPrefix(lines[3], strings.Repeat(" ", at)+"^~~~ ") {
		t.Errorf("the mark is not under the word:\n%s\n%s", lines[2], lines[3])
	}
	x.keys("\x05" + keyCtrlU + "src port 40001 or tcp" + keyEnter)
	x.wait(`filter: src port 40001 or tcp +1 shown.*    2 0\.0000 `)

	x.keys("/7" + keyEnter)
	x.wait(`"7" is no event: write two numbers`)
	x.keys(keyCtrlU + "9223372036854775813:3" + keyEnter)
	x.wait(`is in packet 3, which the filter hides`)
	x.keys("/9223372036854775813:4" + keyEnter)
	x.wait(`is in none of the 3 packets kept`)
	x.keys("f" + keyCtrlU + keyEnter)
	x.wait(`filter: none.*3 shown`)
	x.keys("/9223372036854775813:3" + keyEnter)
	x.wait(`event 9223372036854775813:3 is in packet 3; n and N.*`)
	x.wait(`Bytes: lit is rawlab `) // the event's own layer
	x.keys("n")
	x.wait(`no further packet`)
	x.keys("fnot udp" + keyEnter)
	x.wait(`the filter takes none of the 3 packets kept`)
	x.keys("f" + keyEscape)
	x.wait(`filter: not udp +0 shown`)
	x.keys("finbound" + keyEscape)
	x.wait(`filter: not udp +0 shown`)
	x.keys("f" + keyCtrlU + "inbound" + keyEnter)
	x.wait(`whether a packet is inbound`)
	x.keys(keyCtrlC)
	x.ends(0)
}

// TestViewSizes: the screen follows the terminal's size, down to one that is
// too small.
func TestViewSizes(t *testing.T) {
	x := onTerminal(t, nil, "capture", "-r", eventFile(t), "--live")
	x.wait(`all read`)
	x.resize(120, 40)
	lines := x.wait(`emit 9223372036854775813:2 news.*ends here.*tab pane`)
	if len(lines) != 40 || !strings.Contains(lines[39], "tab pane") {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
	x.resize(50, 10)
	x.wait(`▶ No\..*filter · / e`)
	x.resize(20, 5)
	x.wait(`the terminal is too`)
	x.resize(80, 24)
	x.wait(`all read.*Bytes: lit`)
	x.cmd.Process.Signal(unix.SIGTERM)
	x.ends(0)
}

var colour = regexp.MustCompile(`\x1b\[([0-9;]*;)?(3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]`)

// TestViewColours: there are some, and with NO_COLOR none.
func TestViewColours(t *testing.T) {
	for env, want := range map[string]bool{"NO_COLOR=": true, "NO_COLOR=1": false} {
		x := onTerminal(t, []string{env}, "capture", "-r", eventFile(t), "--live")
		x.wait(`all read.*lit is Ethernet`)
		x.waitLit(18, "02 00 00 00 00 02 02 00  00 00 00 01 08 00..............")
		x.keys("q")
		x.ends(0)
		if got := colour.Match(x.written()); got != want {
			t.Errorf("%s: colours are drawn: %t, want %t", env, got, want)
		}
	}
}

// TestViewLive watches what a command sends on a private loopback. What it
// says comes out when the screen is gone.
func TestViewLive(t *testing.T) {
	if err := host.CanIsolate(); err != nil {
		buildRawlab(t) // says whether to skip
	}
	const send = "echo said this; for i in 1 2 3; do echo hello >/dev/udp/127.0.0.1/9; done; exit 7"
	x := onTerminal(t, nil, "capture", "--live", "udp port 9", "--in-namespace", "bash", "-c", send)
	x.wait(`rawlab · lo · 3 packets.* ended.*kernel 0.*\(of udp port 9\).*3 shown.*    3 .*127\.0\.0\.1:9 +udp +48 +6 bytes`)
	x.until("the last packet, selected", func() bool { return strings.HasPrefix(x.lit(6), "    3 ") })
	x.keys("q")
	x.ends(7)
	x.wait(`said this\s+3 packets captured, 0 dropped by the kernel`)
}

// TestViewRefuses: without a terminal that can be drawn on, and beside what
// prints.
func TestViewRefuses(t *testing.T) {
	file := eventFile(t)
	for want, args := range map[string][]string{
		"draws on a terminal, and stdout is none": {"-r", file, "--live"},
		"leave out -w, -X, --json and -q":         {"-r", file, "--live", "-q"},
	} {
		if code, stdout, stderr := runCapture(t, nil, args...); code != 2 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("capture %q: exit %d, stdout %q, stderr %q, want 2 and %q", args, code, stdout, stderr, want)
		}
	}
	x := onTerminal(t, []string{"TERM=dumb"}, "capture", "-r", file, "--live")
	x.ends(2)
	x.wait(`TERM=dumb says`)
}

// TestFilterMark: on a terminal a mistake in a filter is marked.
func TestFilterMark(t *testing.T) {
	x := onTerminal(t, nil, "capture", "-r", "x", "udp prot 9700")
	x.ends(2)
	x.wait(`column 5: "prot" is not supported here\s+  udp prot 9700 *\n      \^~~~`)
}
