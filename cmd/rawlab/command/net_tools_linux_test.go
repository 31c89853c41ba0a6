package command_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// needTools skips the test where a program is not installed, unless
// RAWLAB_REQUIRE_TOOLS says that it has to be there.
func needTools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil && os.Getenv("RAWLAB_REQUIRE_TOOLS") != "" {
			t.Fatalf("RAWLAB_REQUIRE_TOOLS is set, but: %v", err)
		} else if err != nil {
			t.Skip(err)
		}
	}
}

// TestNetPing meets the wire's delay, and the same losses with the same seed.
func TestNetPing(t *testing.T) {
	needTools(t, "ping")
	m := newNet(t, "--delay", "10ms", "--loss", "20%")
	var runs []string
	for range 2 {
		if out, code := m.run("net", "set", "--seed", "5"); code != 0 {
			t.Fatalf("exit code %d: %s", code, out)
		}
		// With -w, ping goes on until 20 are answered; without, a late answer to its last one is none.
		out, _ := m.run("net", "exec", "client", "--", "ping", "-c", "20", "-i", "0.01", "-w", "10", "10.77.0.2")
		var answered []string
		for line := range strings.Lines(out) {
			if _, rest, ok := strings.Cut(line, "icmp_seq="); ok {
				sequence, _, _ := strings.Cut(rest, " ")
				if n, err := strconv.Atoi(sequence); err != nil || n > 20 {
					continue // how many more it sent is a matter of time
				}
				answered = append(answered, sequence)
				_, took, _ := strings.Cut(rest, "time=")
				ms, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(took), " ms"), 64)
				if err != nil || ms < 20 {
					t.Errorf("%q over a wire of 10ms each way", line)
				}
			}
		}
		runs = append(runs, strings.Join(answered, " "))
	}
	if runs[0] != runs[1] || runs[0] == "" || strings.Count(runs[0], " ") == 19 {
		t.Errorf("with one seed, ping got answers to\n%s\nand to\n%s", runs[0], runs[1])
	}
}

// TestNetNarrowedHost: what is too large for a host that somebody narrowed is
// refused and counted, and does not hold up what is not.
func TestNetNarrowedHost(t *testing.T) {
	needTools(t, "ping", "ip")
	m := newNet(t)
	ping := func(bytes string) (string, int) {
		return m.run("net", "exec", "client", "--", "ping", "-c", "1", "-W", "2", "-s", bytes, "10.77.0.2")
	}
	if out, code := ping("1400"); code != 0 {
		t.Fatalf("before: exit code %d: %s", code, out)
	}
	if out, code := m.run("net", "exec", "server", "--", "ip", "link", "set", "eth0", "mtu", "1280"); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if out, code := ping("1400"); code == 0 {
		t.Errorf("a packet of 1428 bytes crossed: %s", out)
	}
	if out, code := ping("56"); code != 0 {
		t.Errorf("small packets are held up: exit code %d: %s", code, out)
	}
	if d := m.status(t).Directions[0]; d.Refused == 0 {
		t.Errorf("nothing was refused: %+v", d)
	}
}

// serve runs a server on a host until the test ends.
func (m *marked) serve(t *testing.T, command ...string) {
	t.Helper()
	cmd := m.command(append([]string{"net", "exec", "server", "--"}, command...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.run("net", "down"); cmd.Wait() })
}

func TestNetHTTP(t *testing.T) {
	needTools(t, "python3", "curl")
	folder := t.TempDir()
	want := strings.Repeat("a line of text\n", 20_000)
	if err := os.WriteFile(filepath.Join(folder, "text"), []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
	m := newNet(t, "--loss", "2%", "--delay", "5ms")
	m.serve(t, "python3", "-m", "http.server", "--directory", folder, "80")
	got, err := m.command("net", "exec", "client", "--", "curl", "-s", "--retry", "20", "--retry-connrefused", "--retry-delay", "1",
		"--max-time", "40", "http://server/text").Output()
	if err != nil || string(got) != want {
		t.Errorf("curl got %d bytes, %v, want %d", len(got), err, len(want))
	}
	if d := m.status(t).Directions[1]; d.Lost == 0 || d.Bytes < uint64(len(want)) {
		t.Errorf("the wire to the client tells %+v", d)
	}
}

func TestNetIperf3(t *testing.T) {
	needTools(t, "iperf3")
	m := newNet(t, "--rate", "20Mbit")
	m.serve(t, "iperf3", "-s")
	var r struct {
		End struct {
			Received struct {
				Rate  float64 `json:"bits_per_second"`
				Bytes uint64  `json:"bytes"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	eventually(t, "iperf3 measures", func() bool {
		out, _ := m.command("net", "exec", "client", "--", "iperf3", "-c", "10.77.0.2", "-t", "3", "-J").Output()
		return json.Unmarshal(out, &r) == nil && r.End.Received.Rate > 0
	})
	// 20 Mbit/s of frames of 1514 bytes hold 19.1 Mbit/s of TCP payload; a busy
	// machine reaches less, and none more.
	if mbit := r.End.Received.Rate / 1e6; mbit > 20 {
		t.Errorf("iperf3 measured %.1f Mbit/s over a wire of 20", mbit)
	}
	if d := m.status(t).Directions[0]; d.Bytes < r.End.Received.Bytes {
		t.Errorf("iperf3 received %d bytes, and the wire to it passed %d", r.End.Received.Bytes, d.Bytes)
	}
	m.run("net", "set", "--rate", "0")
	cmd := m.command("net", "exec", "client", "--", "iperf3", "-c", "10.77.0.2", "-t", "5")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "status shows iperf3's connection", func() bool {
		for _, c := range m.status(t, "--tcp").Hosts[0].Connections {
			if c.State == "ESTABLISHED" && c.Remote.Port() == 5201 && c.CongestionWindow > 10 && c.RTT > 0 {
				return true
			}
		}
		return false
	})
	m.run("net", "down")
	cmd.Wait()
}

// TestNetTerminal runs a shell with job control on a terminal, as a person
// would.
func TestNetTerminal(t *testing.T) {
	m := newNet(t)
	master, slave := terminal(t)
	defer master.Close()
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 77}); err != nil {
		t.Fatal(err)
	}
	cmd := m.command("net", "exec", "client", "--", "bash", "--norc", "-i")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	screen := watch(master)
	for _, step := range []struct{ keys, until string }{
		{"stty size\n", "33 77"},
		{"echo be''gun; sleep 1000\n", "begun"}, {"\x1a", "Stopped"}, {"kill %1; wait; echo en''ded\n", "ended"},
		{"echo a''gain; sleep 1000\n", "again"}, {"\x03echo code $?\n", "code 130"},
		{"exit 5\n", "exit"},
	} {
		if _, err := master.WriteString(step.keys); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the screen shows "+step.until, func() bool { return strings.Contains(screen.text(), step.until) })
		time.Sleep(200 * time.Millisecond) // what follows echo has started, too
	}
	cmd.Wait()
	text := screen.text()
	if code := cmd.ProcessState.ExitCode(); code != 5 {
		t.Errorf("exit code %d, want the shell's 5", code)
	}
	for _, no := range []string{"no job control", "cannot set terminal process group"} {
		if strings.Contains(text, no) {
			t.Errorf("the shell complained of %q", no)
		}
	}
}

// screen is everything that a terminal has shown.
type screen struct {
	mu  sync.Mutex
	all strings.Builder
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// watch reads a terminal until it closes.
func watch(master *os.File) *screen {
	s := &screen{}
	go func() {
		for b := make([]byte, 4096); ; {
			n, err := master.Read(b)
			s.mu.Lock()
			s.all.Write(b[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// terminal opens a pair as pty(7) describes.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(filepath.Join("/dev/pts", strconv.Itoa(number)), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}
