package labs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rawlab/labs"
	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// TestDeathOfAWireEndsTheLab kills one of a lab's two wires, then the other,
// in the midst of the run.
func TestDeathOfAWireEndsTheLab(t *testing.T) {
	if !host.Isolated() {
		t.Skip("no right to private namespaces") // IsolateTests fails where they are required
	}
	for victim := range 2 {
		o := labs.Loss.Defaults
		o.Events = 200_000 // more than a minute's, were nobody killed
		var killed int
		var at time.Time
		var once sync.Once
		o.Progress = func(p labs.Progress) {
			if p.Done == 0 {
				return // not under way yet
			}
			once.Do(func() {
				killed, at = wires(t)[victim], time.Now()
				syscall.Kill(killed, syscall.SIGKILL)
			})
		}
		_, err := labs.Loss.Run(t.Context(), &o)
		took := time.Since(at)
		death, ok := errors.AsType[*wire.DeathError](err)
		if !ok || death.PID != killed || !strings.Contains(err.Error(), fmt.Sprintf("wire's process (pid %d) died: signal: killed", killed)) {
			t.Errorf("the lab ended by %v, want the death of %d", err, killed)
		}
		if strings.Count(err.Error(), "died") != 1 {
			t.Errorf("told more than once: %v", err)
		}
		if took > 10*time.Second { // it takes half a second; waiting for the wire's answers would take more than this
			t.Errorf("the lab ended %v after its wire", took)
		}
		if left := wires(t); len(left) > 0 {
			t.Errorf("the wires %v are left", left)
		}
	}
}

// wires lists this process's children that are a wire.
func wires(t *testing.T) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, f := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		stat, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "stat"))
		_, after, _ := strings.Cut(string(stat), ") ") // proc_pid_stat(5): then the state, then the parent
		fields := strings.Fields(after)
		if len(fields) < 2 || fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		environment, _ := os.ReadFile(f)
		if strings.Contains(string(environment), "RAWLAB_WIRE=") {
			pids = append(pids, pid)
		}
	}
	return pids
}
