package command_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rawlab/labs/testbed"
)

// link returns a link's two directions, up and down.
func link(t *testing.T, s *testbed.Status, name string) (up, down testbed.Direction) {
	t.Helper()
	for i, d := range s.Directions {
		if d.Link == name {
			return d, s.Directions[i+1]
		}
	}
	t.Fatalf("no link %s in %+v", name, s.Directions)
	return up, down
}

// sendTo sends datagrams to nobody at an address.
func (m *marked) sendTo(t *testing.T, from, to string, n int) {
	t.Helper()
	script := fmt.Sprintf("for ((i = 0; i < %d; i++)); do echo x >/dev/udp/%s/9; done", n, to)
	if out, code := m.run("net", "exec", from, "--", "bash", "-c", script); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
}

// TestNetClients has three clients, each behind a link of its own.
func TestNetClients(t *testing.T) {
	file := filepath.Join(t.TempDir(), "all.pcapng")
	m := newNet(t, "--clients", "3", "--delay", "1ms", "--seed", "7")
	s := m.status(t)
	var hosts []string
	for _, h := range s.Hosts {
		hosts = append(hosts, fmt.Sprintf("%s %v %v", h.Name, h.IPv4, h.IPv6))
	}
	if got, want := strings.Join(hosts, ", "), "client 10.77.0.1 fd77::1, client2 10.77.0.11 fd77::11, "+
		"client3 10.77.0.12 fd77::12, server 10.77.0.2 fd77::2"; got != want {
		t.Errorf("hosts %s, want %s", got, want)
	}
	out, code := m.run("net", "set", "--link", "client2", "--loss", "100%", "--to", "server")
	const same = "both ways  delay 1ms (seed 7)\n"
	if want := "client        " + same + "client2       to server  loss 100% delay 1ms (seed 7)\nclient2       to client  delay 1ms (seed 7)\n" +
		"client3       " + same + "server        both ways  none (seed 7)\n"; code != 0 || out != want {
		t.Errorf("net set: exit code %d, %s, want %s", code, out, want)
	}
	capture := m.command("net", "capture", "-w", file)
	if err := capture.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the capture runs", func() bool { i, err := os.Stat(file); return err == nil && i.Size() > 0 })
	before := m.status(t)
	m.sendTo(t, "client2", "10.77.0.2", 5)
	m.sendTo(t, "client3", "fd77::2", 5)
	m.sendTo(t, "client3", "client", 5)
	eventually(t, "every link has counted its datagrams", func() bool {
		s := m.status(t)
		lost := func(s *testbed.Status, name string) uint64 { up, _ := link(t, s, name); return up.Lost }
		passed := func(s *testbed.Status, name string) uint64 { up, _ := link(t, s, name); return up.Passed }
		got := func(s *testbed.Status, name string) uint64 { _, down := link(t, s, name); return down.Passed }
		return lost(s, "client2") >= lost(before, "client2")+5 && lost(s, "client3") == 0 && passed(s, "client3") >= passed(before, "client3")+10 &&
			got(s, "server") >= got(before, "server")+5 && got(s, "client") >= got(before, "client")+5
	})
	m.checkTaps(t, capture.Process.Signal, capture.Wait, file)
}

// checkTaps ends the capture and looks for each host's part in it.
func (m *marked) checkTaps(t *testing.T, signal func(os.Signal) error, wait func() error, file string) {
	t.Helper()
	seen := func(where string) int {
		out, _ := m.command("capture", "-r", file, "udp port 9 and "+where).Output()
		return strings.Count(string(out), "\n")
	}
	// Lost behind client2's tap; through the taps of client3 and of the host it went to.
	eventually(t, "the capture has every tap's packets", func() bool {
		return seen("src 10.77.0.11") == 5 && seen("dst fd77::2") == 10 && seen("dst 10.77.0.1 or dst fd77::1") == 10
	})
	signal(syscall.SIGINT)
	if err := wait(); err != nil {
		t.Errorf("net capture: %v", err)
	}
}

func TestNetClientsRefusals(t *testing.T) {
	m := newNet(t, "--clients", "2", "--link", "client2", "--loss", "1%", "--cc", "client2:reno")
	if out, code := m.run("net", "set", "--link", "client3", "--loss", "1%"); code != 2 || !strings.Contains(out, "no such link; there are: client, client2, server") {
		t.Errorf("unknown link: exit code %d, %s", code, out)
	}
	if out, code := m.run("net", "exec", "client3", "--", "true"); code != 1 || !strings.Contains(out, "there are client, client2, server") {
		t.Errorf("unknown host: exit code %d, %s", code, out)
	}
	out, code := m.run("net", "down", "--json")
	var s testbed.Status
	if err := json.Unmarshal([]byte(out), &s); err != nil || code != 0 {
		t.Fatalf("net down: exit code %d, %v, %s", code, err, out)
	}
	up, down := link(t, &s, "client2")
	other, _ := link(t, &s, "client")
	if up.Impairment != "loss 1%" || down.Impairment != "loss 1%" || other.Impairment != "none" || s.Hosts[1].CongestionControl != "reno" {
		t.Errorf("down tells %+v, %+v and %+v", up, down, s.Hosts)
	}
}
