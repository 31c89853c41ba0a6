package machine_test

import (
	"runtime"
	"slices"
	"testing"

	"rawlab/internal/machine"
)

func TestProbe(t *testing.T) {
	f := machine.Probe()
	if want := runtime.GOOS + "/" + runtime.GOARCH; f.System != want || f.CPUs < 1 {
		t.Errorf("Probe = %s with %d CPUs, want %s with some", f.System, f.CPUs, want)
	}
	if runtime.GOOS != "linux" {
		if f.RawSockets == nil || f.Offload.Send == nil || f.Namespaces.Max != -1 {
			t.Errorf("Probe on %s claims what only Linux has: %+v", runtime.GOOS, f)
		}
		return
	}
	if f.Kernel == "" || f.Receive.Default <= 0 || f.Receive.Max < 4096 || f.Send.Default <= 0 || f.Send.Max < 4096 {
		t.Errorf("Probe = kernel %q, receive %+v, send %+v, want all known", f.Kernel, f.Receive, f.Send)
	}
	if f.RawSockets != nil && f.PacketRing == nil {
		t.Error("Probe finds a packet ring without the right to packet sockets")
	}
	if f.Congestion.Default == "" || !slices.Contains(f.Congestion.Available, f.Congestion.Default) {
		t.Errorf("Probe = %+v, want the default to be one of those available", f.Congestion)
	}
}

func TestCPUTime(t *testing.T) {
	before, err := machine.CPUTime()
	if err != nil {
		t.Fatal(err)
	}
	for after := before; after <= before; { // ends because looking uses time too
		if after, err = machine.CPUTime(); err != nil {
			t.Fatal(err)
		}
	}
}
