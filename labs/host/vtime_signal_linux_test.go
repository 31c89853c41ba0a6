package host

import (
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// TestRestsCountTheSignalsWaiter begins while signals come: the goroutine that
// takes them is then as often on its way as in the system call in which it
// waits, and is to be counted all the same.
func TestRestsCountTheSignalsWaiter(t *testing.T) {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGUSR1)
	defer signal.Stop(came)
	running.Lock()
	defer running.Unlock()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	begin := func() uint64 {
		b := newBarrier()
		b.begin()
		return b.outside
	}
	want := begin()
	if want == 0 {
		t.Fatal("nobody waits for signals")
	}
	flood := exec.Command("sh", "-c", "while kill -USR1 "+strconv.Itoa(os.Getpid())+"; do :; done")
	if err := flood.Start(); err != nil {
		t.Fatal(err)
	}
	defer flood.Wait()
	defer flood.Process.Kill()
	<-came
	begins := 4000 // one in some thousand meets the goroutine half way
	if testing.Short() {
		begins = 200
	}
	for i := range begins {
		if got := begin(); got != want {
			t.Fatalf("begin %d: %d goroutines outside, want %d", i, got, want)
		}
	}
}
