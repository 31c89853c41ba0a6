package command_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"rawlab/capture/reasons"
	"rawlab/framing"
	"rawlab/internal/tools"
)

// trafficEnv makes this test binary the traffic of TestCaptureKernelReasons.
const trafficEnv = "RAWLAB_TEST_TRAFFIC"

func init() {
	if os.Getenv(trafficEnv) == "" {
		return
	}
	if err := makeTraffic(); err != nil {
		fmt.Fprintln(os.Stderr, "traffic:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// What the traffic is, by sequence of origin 1.
const (
	overflowEvents = 40 // from 1 on, to a socket that holds a few of them
	closedFirst    = 101
	closedEvents   = 5 // to a port without a socket
	filteredFirst  = 201
	filteredEvents = 4 // to one that a firewall guards
	silencedFirst  = 301
	silencedEvents = 3 // to one whose packets it does not let out
	damagedFirst   = 401
	damagedEvents  = 2 // with a wrong checksum, to a socket that reads
	takenFirst     = 501
	takenEvents    = 6 // to the same
)

// trafficCounters is what the traffic's kernel counted.
type trafficCounters struct {
	Overflow, Closed, Damaged int
	Read                      int // events that the overflowing socket still had
}

// makeTraffic sends events that a kernel drops, each for a reason of its own,
// and tells what the kernel counted.
func makeTraffic() error {
	full, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9700})
	if err == nil {
		err = full.SetReadBuffer(1) // the kernel's least
	}
	if err != nil {
		return err
	}
	defer full.Close()
	reading, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9704})
	if err != nil {
		return err
	}
	defer reading.Close()
	for _, g := range []struct{ port, first, count int }{
		{9700, 1, overflowEvents}, {9701, closedFirst, closedEvents}, {9702, filteredFirst, filteredEvents}, {9703, silencedFirst, silencedEvents}, {9704, takenFirst, takenEvents},
	} {
		if err := sendEvents(g.port, g.first, g.count); err != nil {
			return err
		}
	}
	if err := sendDamaged(); err != nil {
		return err
	}
	c := trafficCounters{}
	if _, err := drain(reading); err != nil {
		return err
	}
	if c.Read, err = drain(full); err != nil {
		return err
	}
	if err := c.count(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(&c)
}

// sendEvents sends each of some events in a datagram of its own, from a socket
// that learns nothing of refusals.
func sendEvents(port, first, count int) error {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	defer c.Close()
	for s := first; s < first+count; s++ {
		b, err := trafficFrame(uint64(s))
		if err != nil {
			return err
		}
		_, err = c.WriteToUDP(b, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil && !errors.Is(err, os.ErrPermission) { // what the firewall does not let out
			return err
		}
	}
	return nil
}

func trafficFrame(sequence uint64) ([]byte, error) {
	f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Sequence: sequence, Time: 1, Topic: []byte("news"), Payload: make([]byte, 300)}
	return f.Append(nil)
}

// sendDamaged writes whole IP packets, whose UDP checksums are wrong.
func sendDamaged() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for s := damagedFirst; s < damagedFirst+damagedEvents; s++ {
		frame, err := trafficFrame(uint64(s))
		if err != nil {
			return err
		}
		b := append([]byte{0x45, 0, 0, 0, 0, byte(s), 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1}, 0x9c, 0x40, 0x25, 0xe8, 0, 0, 0xba, 0xd0)
		binary.BigEndian.PutUint16(b[24:], uint16(8+len(frame)))
		if err := unix.Sendto(fd, append(b, frame...), 0, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return err
		}
	}
	return nil
}

// drain reads what a socket has.
func drain(c *net.UDPConn) (n int, err error) {
	b := make([]byte, 1<<16)
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(fd uintptr) {
		for {
			if _, _, err := unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT); err == unix.EAGAIN {
				return
			} else if err == nil {
				n++
			}
		}
	})
	return n, err
}

func (c *trafficCounters) count() error {
	text, err := os.ReadFile("/proc/thread-self/net/snmp")
	if err != nil {
		return err
	}
	var names, values []string
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); f[0] == "Udp:" {
			names, values = values, f
		}
	}
	for i, name := range names {
		to := map[string]*int{"RcvbufErrors": &c.Overflow, "NoPorts": &c.Closed, "InCsumErrors": &c.Damaged}[name]
		if to != nil {
			fmt.Sscan(values[i], to)
		}
	}
	return nil
}

// askable skips a test where this kernel does not tell its reasons to this
// user, unless RAWLAB_REQUIRE_KERNEL says that it must, to root.
func askable(t *testing.T) {
	t.Helper()
	w, err := reasons.Open(nil)
	if err == nil {
		err = w.Close()
	} else if os.Geteuid() != 0 || os.Getenv("RAWLAB_REQUIRE_KERNEL") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// askedRun captures the traffic in a network of its own, with a firewall.
func askedRun(t *testing.T, args ...string) (counted trafficCounters, stdout string) {
	t.Helper()
	askable(t)
	tools.Find(t, "nft")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const rules = `add table inet t
add chain inet t in { type filter hook input priority 0; }
add chain inet t out { type filter hook output priority 0; }
add rule inet t in udp dport 9702 drop
add rule inet t out udp dport 9703 drop`
	args = append([]string{"capture", "-i", "lo", "--kernel-reasons"}, args...)
	cmd := exec.Command(buildRawlab(t), append(args, "--in-namespace", "sh", "-c", `nft "$RULES" && exec "$SELF"`)...)
	cmd.Env = append(os.Environ(), "RULES="+rules, "SELF="+self, trafficEnv+"=1")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	for line := range strings.Lines(said.String()) {
		if json.Unmarshal([]byte(line), &counted) == nil && counted.Overflow > 0 {
			return counted, out.String()
		}
	}
	t.Fatalf("the traffic says nothing of what was counted: %s", said.String())
	return counted, ""
}

// reasonsTold are what 'capture --kernel-reasons --json' ends with.
type reasonsTold struct {
	Reasons []struct {
		Reason, Fate, Events string
		Packets              int
	} `json:"kernel_reasons"`
	Untold int
}

// TestCaptureKernelReasons: of each event that a kernel drops, its reason is
// told with the packet, and as many of each as the kernel counts itself.
func TestCaptureKernelReasons(t *testing.T) {
	counted, stdout := askedRun(t, "--json")
	perEvent := map[string]string{}
	var told reasonsTold
	lines := bufio.NewScanner(strings.NewReader(stdout))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var p struct {
			Interface string
			Comments  []string
			Frames    []struct{ Event string }
		}
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(lines.Text(), "kernel_reasons") {
			if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range p.Comments {
			if len(p.Frames) > 0 {
				perEvent[p.Frames[0].Event] = strings.TrimPrefix(c, "dropped by the kernel: ")
			} else if reason, name, ok := strings.Cut(strings.TrimPrefix(c, "dropped by the kernel: "), "; event "); ok && p.Interface == "dropped" {
				perEvent[name] = reason
			}
		}
	}
	want := map[string]string{}
	fill := func(reason string, first, count int) {
		for s := first; s < first+count; s++ {
			want[fmt.Sprintf("1:%d", s)] = reason
		}
	}
	fill("SOCKET_RCVBUFF", 1+counted.Read, overflowEvents-counted.Read)
	fill("NO_SOCKET", closedFirst, closedEvents)
	fill("NETFILTER_DROP", filteredFirst, filteredEvents)
	fill("NETFILTER_DROP", silencedFirst, silencedEvents)
	fill("UDP_CSUM", damagedFirst, damagedEvents)
	if d := cmp.Diff(want, perEvent); d != "" {
		t.Errorf("reasons by event (-want +got):\n%s", d)
	}
	totals := map[string]int{}
	for _, r := range told.Reasons {
		totals[r.Reason] = r.Packets
	}
	wantTotals := map[string]int{
		"SOCKET_RCVBUFF": counted.Overflow, "NO_SOCKET": counted.Closed, "UDP_CSUM": counted.Damaged, "NETFILTER_DROP": filteredEvents + silencedEvents,
	}
	if d := cmp.Diff(wantTotals, totals); d != "" || told.Untold != 0 {
		t.Errorf("totals, %d untold (-want, by the kernel's counters, +got):\n%s", told.Untold, d)
	}
	if counted.Overflow == 0 || counted.Overflow != overflowEvents-counted.Read || counted.Closed != closedEvents || counted.Damaged != damagedEvents {
		t.Errorf("the kernel counted %+v: this is not the traffic that was meant", counted)
	}
}

// TestCaptureAccountAsks: with the kernel's reasons an account knows of every
// event of this host what became of it, up to the sockets.
func TestCaptureAccountAsks(t *testing.T) {
	var log strings.Builder
	for _, g := range [][2]int{{1, overflowEvents}, {closedFirst, closedEvents}, {filteredFirst, filteredEvents}, {silencedFirst, silencedEvents}, {damagedFirst, damagedEvents}, {takenFirst, takenEvents}} {
		for s := g[0]; s < g[0]+g[1]; s++ {
			fmt.Fprintf(&log, `{"origin":"1","sequence":%d,"time":"2026-01-01T00:00:00Z","topic":"news","bytes":300}`+"\n", s)
		}
	}
	path := filepath.Join(t.TempDir(), "publisher.log")
	if err := os.WriteFile(path, []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	counted, stdout := askedRun(t, "--json", "--account", path)
	var a struct {
		Together map[string]int
		Kernel   struct {
			Source string
			Lost   []struct {
				Reason, Fate, Events string
				Count                int
			}
		}
		Unknown []string
	}
	if err := json.Unmarshal([]byte(stdout), &a); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	want := map[string]int{
		"forwarded": 0, "whole": counted.Read + takenEvents, "dropped": counted.Overflow + filteredEvents + silencedEvents,
		"refused": closedEvents, "damaged": damagedEvents, "incomplete": 0, "never seen": 0,
	}
	if d := cmp.Diff(want, a.Together); d != "" {
		t.Errorf("together (-want +got):\n%s", d)
	}
	lost := map[string]string{}
	for _, l := range a.Kernel.Lost {
		lost[l.Reason+" "+l.Fate] = l.Events
	}
	wantLost := map[string]string{
		"SOCKET_RCVBUFF receive-buffer": fmt.Sprintf("1:%d–%d", 1+counted.Read, overflowEvents),
		"NO_SOCKET no-socket":           fmt.Sprintf("1:%d–%d", closedFirst, closedFirst+closedEvents-1),
		"NETFILTER_DROP filtered":       fmt.Sprintf("1:%d–%d, 1:%d–%d", filteredFirst, filteredFirst+filteredEvents-1, silencedFirst, silencedFirst+silencedEvents-1),
		"UDP_CSUM checksum":             fmt.Sprintf("1:%d–%d", damagedFirst, damagedFirst+damagedEvents-1),
	}
	if d := cmp.Diff(wantLost, lost); d != "" || !strings.Contains(a.Kernel.Source, "kfree_skb") {
		t.Errorf("lost, by %q (-want +got):\n%s", a.Kernel.Source, d)
	}
}

// TestCaptureKernelReasonsRefused: who may not ask is told what is missing,
// before anything is captured or run.
func TestCaptureKernelReasonsRefused(t *testing.T) {
	cmd := rawlab(t, "capture", "--kernel-reasons", "--in-namespace", "echo", "run")
	cmd.Dir = "/"
	if os.Geteuid() == 0 {
		path, err := openToAll(t)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Path = path
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "need root, or CAP_BPF and CAP_PERFMON") || strings.Contains(string(out), "run\n") || strings.Contains(string(out), "listening") {
		t.Errorf("%v: %s", err, out)
	}
	for want, args := range map[string][]string{
		"-r reads a file":             {"--kernel-reasons", "-r", eventFile(t)},
		"-s must be 128 or more":      {"--kernel-reasons", "-s", "96"},
		"the kernel tells from IP on": {"--kernel-reasons", "ether host 00:00:00:00:00:01"},
	} {
		if code, _, stderr := runCapture(t, nil, args...); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("capture %q: exit code %d, %s", args, code, stderr)
		}
	}
}

// openToAll copies the program to where another user may run it.
func openToAll(t *testing.T) (string, error) {
	t.Helper()
	from, err := builtRawlab()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "rawlab-open-")
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	path := filepath.Join(dir, "rawlab")
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(out, in); err != nil {
		return "", err
	}
	if err := out.Close(); err != nil {
		return "", err
	}
	return path, os.Chmod(dir, 0o755)
}
