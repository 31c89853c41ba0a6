package command_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// startAndSay starts a command and waits until it has said something on
// stderr, of which the rest is passed over.
func startAndSay(t *testing.T, c *exec.Cmd, words string) {
	t.Helper()
	said, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if strings.Contains(lines.Text(), words) {
			go func() {
				for lines.Scan() {
				}
			}()
			return
		}
	}
	t.Fatalf("%v ended without having said %q: %v", c.Args, words, c.Wait())
}

// A group's datagrams leave the server once, and reach all clients.
func TestNetMulticast(t *testing.T) {
	const events = 200
	m := newNet(t, "--clients", "3")
	for _, group := range []string{"239.255.0.1:9701%eth0", "[ff02::77]:9701%eth0"} {
		serve := m.command("net", "exec", "server", "--", m.program, "serve", "--udp", "10.77.0.2:9700", "--insecure",
			"--udp-multicast", group, "--multicast-topics", "news.>")
		startAndSay(t, serve, "sending to udp+multicast://"+group)
		var listeners []*exec.Cmd
		for _, host := range []string{"client", "client2", "client3"} {
			l := m.command("net", "exec", host, "--", m.program, "listen", "udp+multicast://"+group, "news.a", "--count", fmt.Sprint(events))
			l.Stdout = new(bytes.Buffer)
			startAndSay(t, l, "listening to news.a")
			listeners = append(listeners, l)
		}
		before, _ := link(t, m.status(t), "server")
		for _, topic := range []string{"news.a", "other"} {
			fate := map[string]string{"news.a": "forwarded to 1", "other": "offline"}[topic]
			out, code := m.run("net", "exec", "client", "--", m.program, "emit", "udp://10.77.0.2:9700", topic, "hello", "--count", fmt.Sprint(events), "--report")
			if code != 0 || !strings.Contains(out, "200 emitted = 200 arrived at the server; 0 unexplained") || !strings.Contains(out, fate) {
				t.Errorf("emit to %s: exit code %d: %s", topic, code, out)
			}
		}
		for _, l := range listeners {
			if err := l.Wait(); err != nil {
				t.Error(err)
			}
			if got := l.Stdout.(*bytes.Buffer).String(); got != strings.Repeat("hello\n", events) {
				t.Errorf("%v: %d lines, want %d", l.Args, strings.Count(got, "\n"), events)
			}
		}
		eventually(t, "the server's link has counted", func() bool {
			after, _ := link(t, m.status(t), "server")
			return after.Passed >= before.Passed+events
		})
		if after, _ := link(t, m.status(t), "server"); after.Packets > before.Packets+2*events {
			t.Errorf("%s: the server sent %d packets for %d events to 3 listeners", group, after.Packets-before.Packets, events)
		}
		serve.Process.Signal(syscall.SIGINT)
		if err := serve.Wait(); err != nil {
			t.Error(err)
		}
	}
}
