package command_test

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rawlab/labs/testbed"
)

// newNet brings a net up that the test's end takes down. The test runs beside
// others: it mostly waits, and no net knows of another.
func newNet(t *testing.T, flags ...string) *marked {
	t.Helper()
	t.Parallel()
	m := newMarked(t, buildRawlab(t), t.Name())
	if out, code := m.run(append([]string{"net", "up"}, flags...)...); code != 0 {
		t.Fatalf("net up: exit code %d: %s", code, out)
	}
	t.Cleanup(func() {
		m.run("net", "down")
		if left := m.processes(); len(left) > 0 {
			t.Errorf("after net down, processes %v are left", left)
		}
	})
	return m
}

// status asks for it in JSON.
func (m *marked) status(t *testing.T, flags ...string) *testbed.Status {
	t.Helper()
	out, err := m.command(append([]string{"net", "status", "--json"}, flags...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var s testbed.Status
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return &s
}

func TestNetExec(t *testing.T) {
	m := newNet(t)
	folder := t.TempDir()
	for name, c := range map[string]struct {
		command, stdin string
		want           string
		code           int
	}{
		"output":             {"echo out; echo err >&2", "", "out\nerr\n", 0},
		"input":              {"tr a-z A-Z", "shout", "SHOUT", 0},
		"exit code":          {"exit 7", "", "", 7},
		"killed by a signal": {"kill -9 $$", "", "", 137},
		"folder":             {"pwd", "", folder + "\n", 0},
		"environment":        {"echo $RAWLAB_HOST $RAWLAB_TEST_WORD", "", "client word\n", 0},
		"a host's name":      {"grep -c 'server$' /etc/hosts", "", "2\n", 0},
		"only its processes": {"ls -d /proc/[0-9]* | wc -l | sed 's/^[0-9]$/few/'", "", "few\n", 0},
		"its interfaces":     {"ls /sys/class/net", "", "eth0\nlo\n", 0},
		"unknown command":    {"exec no-such-command-here", "", "not found\n", 127},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := m.command("net", "exec", "client", "--", "sh", "-c", c.command)
			cmd.Dir, cmd.Stdin = folder, strings.NewReader(c.stdin)
			cmd.Env = append(cmd.Env, "RAWLAB_TEST_WORD=word", "PWD="+folder)
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); !strings.HasSuffix(string(out), c.want) || code != c.code {
				t.Errorf("exit code %d and %q, want %d and %q", code, out, c.code, c.want)
			}
		})
	}
	if out, code := m.run("net", "exec", "nobody", "--", "true"); code != 1 || !strings.Contains(out, `no host "nobody"; there are client, server`) {
		t.Errorf("unknown host: exit code %d, %s", code, out)
	}
	if out, code := m.run("net", "exec", "client", "--", "no-such-program"); code != 1 || !strings.Contains(out, "no-such-program: executable file not found") {
		t.Errorf("unknown program: exit code %d, %s", code, out)
	}
}

// TestNetExecSignal has the program count the signals that its relay gets.
func TestNetExecSignal(t *testing.T) {
	m := newNet(t)
	file := filepath.Join(t.TempDir(), "ready")
	cmd := m.command("net", "exec", "server", "--", "sh", "-c", `trap 'echo caught; exit 3' TERM; touch "$0"; while :; do sleep 0.01; done`, file)
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the program runs", func() bool { _, err := os.Stat(file); return err == nil })
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 3 || out.String() != "caught\n" {
		t.Errorf("exit code %d and %q, want 3 and caught", code, out.String())
	}
}

// TestNetDownEndsPrograms ends those in the background too, also one that
// does not want to.
func TestNetDownEndsPrograms(t *testing.T) {
	m := newNet(t)
	if out, code := m.run("net", "exec", "server", "--", "sh", "-c", "sleep 1000 >/dev/null 2>&1 & (trap '' TERM; sleep 1001) >/dev/null 2>&1 &"); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	cmd := m.command("net", "exec", "client", "--", "sleep", "1002")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the client's program is listed", func() bool {
		p := m.status(t).Programs
		return len(p) == 1 && p[0].Host == "client" && strings.Join(p[0].Command, " ") == "sleep 1002"
	})
	if out, code := m.run("net", "down"); code != 0 {
		t.Errorf("net down: exit code %d: %s", code, out)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGTERM) {
		t.Errorf("the client's program ended with %d, want SIGTERM's 143", code)
	}
	if left := m.processes(); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came true: %s", what)
		}
	}
}

// sendOne sends a datagram from the client to nobody.
const sendOne = "echo x >/dev/udp/10.77.0.2/9"

func TestNetSetAndStatus(t *testing.T) {
	m := newNet(t, "--delay", "1ms", "--seed", "7", "--mtu", "1300", "--sysctl", "server:net.ipv4.tcp_sack=0")
	if out, code := m.run("net", "set", "--loss", "100%", "--to", "server"); code != 0 ||
		out != "to server  loss 100% delay 1ms (seed 7)\nto client  delay 1ms (seed 7)\n" {
		t.Errorf("net set: exit code %d, %q", code, out)
	}
	before := m.status(t).Directions[0]
	if out, code := m.run("net", "exec", "client", "--", "bash", "-c", sendOne); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	eventually(t, "the wire has lost the datagram", func() bool { return m.status(t).Directions[0].Lost > before.Lost })
	s := m.status(t)
	if d := s.Directions[0]; d.From != "client" || d.To != "server" || d.Impairment != "loss 100% delay 1ms" || d.Packets != d.Passed+d.Lost {
		t.Errorf("status tells %+v", d)
	}
	if len(s.Hosts) != 2 || s.Hosts[0].MTU != 1300 || s.Hosts[0].IPv4.String() != "10.77.0.1" || s.Directions[1].Seed != 7 {
		t.Errorf("status tells %+v", s)
	}
	if out, code := m.run("net", "set", "--clear"); code != 0 || out != "both ways  none (seed 7)\n" {
		t.Errorf("net set --clear: exit code %d, %q", code, out)
	}
	if out, _ := m.run("net", "exec", "server", "--", "cat", "/proc/sys/net/ipv4/tcp_sack"); out != "0\n" {
		t.Errorf("the server's tcp_sack is %q", out)
	}
	if out, code := m.run("net", "status"); code != 0 || !strings.Contains(out, "client → server") {
		t.Errorf("net status: exit code %d, %s", code, out)
	}
}

func TestNetCapture(t *testing.T) {
	folder := t.TempDir()
	always, asked := filepath.Join(folder, "always.pcapng"), filepath.Join(folder, "asked.pcapng")
	m := newNet(t, "--capture", always)
	cmd := m.command("net", "capture", "-w", asked)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the capture runs", func() bool { i, err := os.Stat(asked); return err == nil && i.Size() > 0 })
	if out, code := m.run("net", "exec", "client", "--", "bash", "-c", sendOne); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	datagrams := func(file string) int {
		out, _ := m.command("capture", "-r", file, "udp port 9").Output()
		return strings.Count(string(out), "\n")
	}
	// One at the client, one at the server; each ring hands over what it has within 100 ms.
	eventually(t, "the capture has both packets", func() bool { return datagrams(asked) == 2 })
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("net capture: %v", err)
	}
	if s := m.status(t); s.Capture == nil || s.Capture.Packets < 2 || s.Capture.Dropped != 0 {
		t.Errorf("status tells of the capture: %+v", s.Capture)
	}
	m.run("net", "down")
	if n := datagrams(always); n != 2 {
		t.Errorf("%d datagrams in the capture of 'up', want 2", n)
	}
}

func TestNetUpAndDownTwice(t *testing.T) {
	m := newNet(t)
	if out, code := m.run("net", "up"); code != 1 || !strings.Contains(out, "is up already") {
		t.Errorf("second up: exit code %d, %s", code, out)
	}
	if out, code := m.run("net", "up", "--name", "other"); code != 0 || !strings.Contains(out, "--name other exec") {
		t.Errorf("other net: exit code %d, %s", code, out)
	}
	for _, name := range []string{"net", "other"} {
		if out, code := m.run("net", "down", "--name", name); code != 0 {
			t.Errorf("down %s: exit code %d, %s", name, code, out)
		}
		for _, verb := range [][]string{{"down"}, {"status"}, {"exec", "client", "true"}, {"set", "--loss", "1%"}, {"capture", "-w", "-"}} {
			if out, code := m.run(append([]string{"net", "--name", name}, verb...)...); code != 1 || !strings.Contains(out, "is not up") {
				t.Errorf("%v after down: exit code %d, %s", verb, code, out)
			}
		}
	}
}

// TestNetDownDespiteSilence has a client that connects and says nothing.
func TestNetDownDespiteSilence(t *testing.T) {
	m := newNet(t)
	c, err := net.Dial("unix", filepath.Join(m.folder, "rawlab", "net.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if out, code := m.run("net", "down"); code != 0 {
		t.Errorf("net down: exit code %d: %s", code, out)
	}
}

// TestNetFolderOfOthers refuses a folder that others could put a socket into.
func TestNetFolderOfOthers(t *testing.T) {
	m := newMarked(t, buildRawlab(t), t.Name())
	if err := os.Mkdir(filepath.Join(m.folder, "rawlab"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(m.folder, "rawlab"), 0o777); err != nil {
		t.Fatal(err)
	}
	if out, code := m.run("net", "up"); code != 1 || !strings.Contains(out, "has mode 0777: it must be a folder of yours") {
		t.Errorf("exit code %d, %s", code, out)
	}
}

func TestNetUsage(t *testing.T) {
	m := newMarked(t, buildRawlab(t), t.Name())
	for line, want := range map[string]string{
		"net up --loss 101%":                "must be 0% to 100%",
		"net up --mtu 9000":                 "MTU of 9000 bytes",
		"net up --sysctl net.ipv4.tcp_sack": "want [HOST:]NAME=VALUE",
		"net up --cc mars:reno":             `no host "mars"`,
		"net up --name ../x":                "want letters",
		"net up --to mars --loss 1%":        "a link leads to client and to server",
		"net up --clients many":             `invalid argument "many" for "--clients" flag: want a whole number`,
		"net up --clients 17":               "must be 1 to 16",
		"net up --link mars --loss 1%":      "--link mars: no such link; there are: client",
		"net set":                           "nothing to set",
		"net capture":                       "-w FILE",
		"net exec client":                   "requires at least 2 arg(s)",
		"net exec client --":                "no command",
		"net status --interval 0s --watch":  "at least 10ms",
	} {
		if out, code := m.run(strings.Fields(line)...); code != 2 || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d, %s; want 2 and %q", line, code, out, want)
		}
	}
}
