package host_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"rawlab/labs/host"
)

// failing makes virtual hosts whose time is expected to stop, and what tells why.
func failing(t *testing.T) (*host.Virtual, <-chan error) {
	t.Helper()
	failed := make(chan error, 1)
	v, err := host.NewVirtual(&host.VirtualConfig{Tap: func(int, time.Time, bool, []byte) {}, Fail: func(err error) { failed <- err }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v, failed
}

func TestVirtualStallIsTold(t *testing.T) {
	v, failed := failing(t)
	l, err := v.Server.Listen(t.Context(), "tcp", echoAddress)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("Accept succeeded, want the stall")
	}
	why := <-failed
	stall, ok := errors.AsType[*host.StallError](why)
	if !ok || !strings.Contains(why.Error(), "stalled") || !strings.Contains(stall.Where, "Accept") {
		t.Errorf("failed by %v, want a stall in Accept", why)
	}
}

func TestVirtualWaitOutsideIsTold(t *testing.T) {
	v, failed := failing(t)
	wake := make(chan struct{})
	go func() {
		time.Sleep(50 * time.Millisecond) // the machine's time, which does not count here
		close(wake)
	}()
	l, err := v.Server.Listen(t.Context(), "tcp", echoAddress)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("Accept succeeded, want an error")
	}
	if err, ok := errors.AsType[*host.OutsideError](<-failed); !ok || !strings.Contains(err.Where, "TestVirtualWaitOutsideIsTold") {
		t.Errorf("failed by %v, want the sleeper to be found", err)
	}
	<-wake
}
