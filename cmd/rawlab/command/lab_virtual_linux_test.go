package command_test

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestVirtualLabsRepeatThoughStopped stops the process every few milliseconds
// for long enough that the runtime's scheduler interrupts whatever goroutine
// is running: the bytes must be those of an undisturbed run.
func TestVirtualLabsRepeatThoughStopped(t *testing.T) {
	events := "900"
	if testing.Short() {
		events = "150" // the race detector makes virtual hosts slow
	}
	for _, lab := range []string{"loss", "missed-event"} {
		run := func(name string, disturb bool) map[string][]byte {
			folder := filepath.Join(t.ArtifactDir(), lab+"-"+name)
			cmd := rawlab(t, "lab", "run", lab, "--backend", "virtual", "--events", events, "-o", folder)
			cmd.Env = append(cmd.Env, "RAWLAB_ALONE=1") // so that it is this process that stops
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			for stops := 0; ; stops++ {
				select {
				case err := <-ended:
					if err != nil {
						t.Fatal(err)
					}
					if disturb && stops < 3 {
						t.Errorf("stopped only %d times", stops)
					}
					return bundle(t, folder)
				case <-time.After(time.Duration(1+stops%5) * time.Millisecond):
				}
				if disturb {
					cmd.Process.Signal(syscall.SIGSTOP)
					time.Sleep(22 * time.Millisecond) // the runtime interrupts after 10
					cmd.Process.Signal(syscall.SIGCONT)
				}
			}
		}
		want, got := run("undisturbed", false), run("stopped", true)
		for name := range want {
			if !bytes.Equal(got[name], want[name]) {
				t.Errorf("%s: %s differs; both bundles are in %s", lab, name, t.ArtifactDir())
			}
		}
	}
}

// TestVirtualLabEndsOnInterrupt interrupts at the lab's first word, before its
// hosts are made, and once it is under way.
func TestVirtualLabEndsOnInterrupt(t *testing.T) {
	for _, word := range []string{"lab loss, seed", "lab loss: "} {
		t.Run(word, func(t *testing.T) { interruptAt(t, word) })
	}
}

func interruptAt(t *testing.T, word string) {
	t.Parallel() // beside the other, so that there is some disorder
	cmd := rawlab(t, "lab", "run", "loss", "--backend", "virtual", "--events", "2000000")
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr := bufio.NewScanner(pipe)
	for stderr.Scan() && !strings.Contains(stderr.Text(), word) {
	}
	cmd.Process.Signal(os.Interrupt) // the outer process alone, as kill does
	began := time.Now()
	var said strings.Builder
	for stderr.Scan() {
		said.WriteString(stderr.Text())
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(said.String(), "interrupted") {
		t.Errorf("exit code %d, stderr %s, want 1 and that it was interrupted", code, said.String())
	}
	if took := time.Since(began); took > 30*time.Second { // far more than it takes, so that a busy machine does not fail
		t.Errorf("it ended %v after the interrupt", took)
	}
}
