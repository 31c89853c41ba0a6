package command_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// marked runs the program in a folder for sockets and with an environment of
// its own, by which every process that comes of it is known.
type marked struct {
	program, folder, mark string
}

func newMarked(t *testing.T, program, name string) *marked {
	t.Helper()
	folder, err := os.MkdirTemp("", "rawlab-test-") // t.TempDir's path is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return &marked{program: program, folder: folder, mark: fmt.Sprintf("RAWLAB_TEST_MARK=%d-%s", os.Getpid(), name)}
}

func (m *marked) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, m.program, args...)
	cmd.Cancel = func() error { defer cancel(); return cmd.Process.Kill() }
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+m.folder, m.mark)
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// run returns everything that was printed, and the exit code.
func (m *marked) run(args ...string) (string, int) {
	cmd := m.command(args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return err.Error(), -1
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// processes lists those that came of m, wherever they are by now.
func (m *marked) processes() []int {
	return processesWhere(func(environment []string) bool { return slices.Contains(environment, m.mark) })
}

// networks returns the network namespaces of processes.
func networks(pids []int) map[string]bool {
	found := map[string]bool{}
	for _, pid := range pids {
		if name, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid)); err == nil {
			found[name] = true
		}
	}
	return found
}

// unmarked lists the processes of the program under test that belong to no
// round. Others do not count: a namespace's number is given again, to another
// round's or to those of tests that run at the same time.
func unmarked(program string) []int {
	all := processesWhere(func(environment []string) bool {
		return !slices.ContainsFunc(environment, func(s string) bool { return strings.HasPrefix(s, "RAWLAB_TEST_MARK=") })
	})
	return slices.DeleteFunc(all, func(pid int) bool {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		return err != nil || exe != program
	})
}

func processesWhere(fits func(environment []string) bool) []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		environment, _ := os.ReadFile("/proc/" + e.Name() + "/environ")
		if fits(strings.Split(string(environment), "\x00")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func interfaces(t *testing.T) string {
	t.Helper()
	list, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range list {
		names = append(names, i.Name)
	}
	return strings.Join(names, " ")
}

// killRounds is how often something is killed.
func killRounds() int {
	if testing.Short() {
		return 16
	}
	return 100
}

// TestKilledAnywhereLeavesNothing kills one process of a net or of a lab's
// run, any one at any moment, again and again. Nothing may be left, and
// nothing may stand in the way of the next net.
func TestKilledAnywhereLeavesNothing(t *testing.T) {
	program := buildRawlab(t)
	outside := interfaces(t)
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rounds := make(chan int)
	var workers sync.WaitGroup
	for range 4 { // a round mostly waits
		workers.Go(func() {
			for n := range rounds {
				k := &killRound{
					marked: newMarked(t, program, strconv.Itoa(n)), own: own,
					random: rand.New(rand.NewPCG(seed, uint64(n))),
				}
				if err := k.run(n); err != nil {
					t.Errorf("round %d, %s: %v", n, k.what, err)
				}
				if now := interfaces(t); now != outside {
					t.Errorf("round %d: interfaces outside are %s, were %s", n, now, outside)
				}
			}
		})
	}
	for n := range killRounds() {
		rounds <- n
	}
	close(rounds)
	workers.Wait()
}

type killRound struct {
	*marked
	random *rand.Rand
	own    string // this process's network namespace
	what   string // happened
}

func (k *killRound) run(n int) error {
	var started []*exec.Cmd
	var within time.Duration
	switch n % 3 {
	case 0:
		started, within = k.start(k.command("net", "up")), 150*time.Millisecond
	case 1:
		if out, code := k.marked.run("net", "up", "--loss", "1%"); code != 0 {
			return fmt.Errorf("net up: exit code %d: %s", code, out)
		}
		started = k.start(
			k.command("net", "exec", "client", "--", "sleep", "60"),
			k.command("net", "exec", "server", "--", "sh", "-c", "sleep 60 & sleep 60"))
		within = 60 * time.Millisecond
	case 2:
		started, within = k.start(k.command("lab", "run", "loss", "--events", "20000")), 500*time.Millisecond
	}
	time.Sleep(time.Duration(k.random.Int64N(int64(within))))
	before := networks(k.processes())
	delete(before, k.own)
	k.kill()
	switch n % 3 {
	case 0:
		wait(started)
	case 2:
		started[0].Process.Signal(syscall.SIGTERM) // a lab without its wire would wait for what never comes
	}
	if out, code := k.marked.run("net", "down"); code != 0 && !strings.Contains(out, "is not up") && !strings.Contains(out, "has ended") {
		return fmt.Errorf("net down: exit code %d: %s", code, out)
	}
	wait(started)
	if err := k.nothingLeft(before); err != nil {
		return err
	}
	if n%3 == 2 {
		return nil
	}
	return k.again()
}

func (k *killRound) start(commands ...*exec.Cmd) []*exec.Cmd {
	for _, c := range commands {
		if err := c.Start(); err != nil {
			panic(err)
		}
	}
	return commands
}

func wait(commands []*exec.Cmd) {
	for _, c := range commands {
		if c.ProcessState == nil {
			c.Wait()
		}
	}
}

// kill kills one of the round's processes.
func (k *killRound) kill() {
	pids := k.processes()
	if len(pids) == 0 {
		k.what = "nothing killed"
		return
	}
	pid := pids[k.random.IntN(len(pids))]
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	k.what = fmt.Sprintf("killed %q of %d processes", bytes.ReplaceAll(line, []byte{0}, []byte{' '}), len(pids))
	syscall.Kill(pid, syscall.SIGKILL)
}

// nothingLeft holds when all processes are gone, and with them the network
// namespaces that they had.
func (k *killRound) nothingLeft(before map[string]bool) error {
	var left []int
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if left = k.processes(); len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", left[0]))
			return fmt.Errorf("processes %v are left, the first %q", left, line)
		}
	}
	for name := range networks(unmarked(k.program)) {
		if before[name] {
			return fmt.Errorf("network namespace %s is left", name)
		}
	}
	return nil
}

// again makes the net once more where the last one died.
func (k *killRound) again() error {
	if out, code := k.marked.run("net", "up"); code != 0 {
		return fmt.Errorf("net up after it: exit code %d: %s", code, out)
	}
	if out, code := k.marked.run("net", "down"); code != 0 {
		return fmt.Errorf("net down after it: exit code %d: %s", code, out)
	}
	files, err := os.ReadDir(filepath.Join(k.folder, "rawlab"))
	if err != nil || len(files) > 0 {
		return fmt.Errorf("files left: %v, %v", files, err)
	}
	return k.nothingLeft(nil)
}
