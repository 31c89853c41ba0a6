package labs_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"rawlab/capture/account"
	"rawlab/labs"
	"rawlab/labs/report"
	"rawlab/labs/wire"
	"rawlab/udpq"
)

// runVirtual runs a lab on virtual hosts.
func runVirtual(t *testing.T, l *labs.Lab, o labs.Options) *labs.Outcome {
	t.Helper()
	o.Backend = labs.BackendVirtual
	out, err := l.Run(t.Context(), &o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range out.Result.Runs {
		if r := &out.Result.Runs[i]; !r.Balances() {
			t.Errorf("%s %s does not balance: %+v", r.Transport, r.Variant, *r)
		}
	}
	if !out.Result.Reproducible {
		t.Errorf("not reproducible: %v", out.Result.Reasons)
	}
	return out
}

func holds(t *testing.T, out *labs.Outcome) {
	t.Helper()
	for _, c := range out.Result.Checks {
		if !c.Held {
			t.Errorf("%s: measured %s", c.Claim, c.Measured)
		}
	}
}

// impaired are the loss lab's options, one impairment each, and the fate over
// UDP that must come of it.
var impaired = map[string]struct {
	change func(*labs.Options)
	fate   account.Fate
}{
	"loss":      {func(o *labs.Options) {}, account.WireLoss},
	"corrupt":   {func(o *labs.Options) { o.Impairment.Corrupt = 0.05 }, account.WireCorrupt},
	"duplicate": {func(o *labs.Options) { o.Impairment.Duplicate = 0.1 }, account.WireLoss},
	"reorder":   {func(o *labs.Options) { o.Impairment.Reorder = 0.1; o.Impairment.Jitter = time.Millisecond }, account.WireLoss},
	"queue": {func(o *labs.Options) {
		o.Impairment.Loss, o.Impairment.Rate, o.Impairment.Queue = 0, 2_000_000, 5
		o.Events = 500
	}, account.WireQueue},
	"small buffer":  {func(o *labs.Options) { o.ReaderDelay = time.Millisecond; o.ReceiveBuffer = 4096; o.Events = 500 }, account.ReceiveBuffer},
	"fragments":     {func(o *labs.Options) { o.Size = 6000; o.Events = 300 }, account.FragmentLost},
	"own fragments": {func(o *labs.Options) { o.Size = 6000; o.Events = 300; o.Fragments = udpq.FragmentsOwn }, account.FragmentLost},
	"own fragments, small buffer": {func(o *labs.Options) {
		o.Size, o.Events, o.Fragments = 6000, 300, udpq.FragmentsOwn
		o.ReaderDelay, o.ReceiveBuffer = time.Millisecond, 16<<10
	}, account.ReceiveBuffer},
	"many fragments": {func(o *labs.Options) { o.Size = 20_000; o.Events = 500 }, account.FragmentLost},
	"CoDel": {func(o *labs.Options) {
		o.Impairment.Loss, o.Impairment.Rate, o.Impairment.AQM = 0, 3_000_000, wire.CoDel
	}, account.WireQueue},
	"phases": {func(o *labs.Options) {
		o.Impairment.Schedule = wire.Schedule{Phases: []wire.Phase{
			{For: 100 * time.Millisecond},
			{For: 50 * time.Millisecond, Impairment: wire.Impairment{Loss: 0.3, Delay: 5 * time.Millisecond}},
			{For: 20 * time.Millisecond, Impairment: wire.Impairment{Down: true}},
		}}
	}, account.WireLoss},
	"IPv6": {func(o *labs.Options) { o.IPv6 = true; o.Size = 3000 }, account.FragmentLost},
}

func TestVirtualBalancesUnderEveryImpairment(t *testing.T) {
	for name, c := range impaired {
		t.Run(name, func(t *testing.T) {
			o := options(labs.Loss, 1000)
			c.change(&o)
			switch {
			case testing.Short() && o.Size > 1500:
				o.Events = min(o.Events, 40) // every one of them is many packets
			case testing.Short() && name == "phases":
				o.Events = 450 // beyond the first
			case testing.Short():
				o.Events = min(o.Events, 250)
			}
			out := runVirtual(t, labs.Loss, o)
			holds(t, out)
			if udp(out).Fates[string(c.fate)] == 0 {
				t.Errorf("no event has the fate %s: %v", c.fate, udp(out).Fates)
			}
		})
	}
}

func TestVirtualLabsHold(t *testing.T) {
	for _, l := range labs.Catalog {
		if l == labs.Fairness {
			continue // it has tests of its own
		}
		o := l.Defaults
		if testing.Short() {
			o.Events = min(o.Events, 120)
		}
		out := runVirtual(t, l, o)
		holds(t, out)
		fitsATerminal(t, out)
		fitsAPage(t, out)
		if out.Result.Backend != labs.BackendVirtual {
			t.Errorf("%s: backend %q", l.Name, out.Result.Backend)
		}
	}
}

// TestVirtualDelayIsExact: nothing but the wire takes time.
func TestVirtualDelayIsExact(t *testing.T) {
	o := options(labs.Loss, 500)
	o.Impairment.Delay = 7 * time.Millisecond
	l := udp(runVirtual(t, labs.Loss, o)).LatencyUS
	if l.P50 != 14_000 || l.Max != 14_000 {
		t.Errorf("UDP latency %+v, want twice 7 ms", *l)
	}
}

// bundleOf writes a run's bundle and returns its files' bytes.
func bundleOf(t *testing.T, out *labs.Outcome, folder string) map[string][]byte {
	t.Helper()
	b, err := report.OpenBundle(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.WriteBundle(b); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range b.Files() {
		if files[name], err = os.ReadFile(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestVirtualRepeatsToTheByte runs the loss lab 50 times under every
// impairment at once, the second half of them on a machine that is busy with
// other things.
func TestVirtualRepeatsToTheByte(t *testing.T) {
	runs := 50
	if testing.Short() {
		runs = 3
	}
	o := options(labs.Loss, 300)
	o.Impairment.Jitter, o.Impairment.Reorder = time.Millisecond, 0.05
	o.Impairment.Duplicate, o.Impairment.Corrupt, o.Impairment.Rate = 0.02, 0.02, 20_000_000
	repeatsToTheByte(t, o, runs)
}

func repeatsToTheByte(t *testing.T, o labs.Options, runs int) {
	var first map[string][]byte
	for i := range runs {
		if i == runs/2 {
			burn(t)
		}
		folder := filepath.Join(t.ArtifactDir(), "run")
		got := bundleOf(t, runVirtual(t, labs.Loss, o), folder)
		if first == nil {
			first = got
		}
		for name := range first {
			if !bytes.Equal(got[name], first[name]) {
				kept := filepath.Join(t.ArtifactDir(), "first-"+name)
				os.WriteFile(kept, first[name], 0o666)
				t.Fatalf("run %d: %s is not that of the first run; both are in %s", i+1, name, t.ArtifactDir())
			}
		}
	}
}

// burn keeps every processor busy several times over until the test ends.
func burn(t *testing.T) {
	t.Helper()
	for range 3 * runtime.NumCPU() {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), burnEnv+"=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
	}
}

// burnEnv makes the test binary do nothing but keep a processor busy.
const burnEnv = "RAWLAB_TEST_BURN"

// TestVirtualHostsLoseWhatKernelHostsLose: a datagram's fate is the seed's
// and the event's, whatever carries it.
func TestVirtualHostsLoseWhatKernelHostsLose(t *testing.T) {
	o := options(labs.Loss, 1000)
	o.Transport = "udp"
	kernel, virtual := run(t, labs.Loss, o), runVirtual(t, labs.Loss, o)
	if k, v := udp(kernel).LostDigest, udp(virtual).LostDigest; k != v {
		t.Errorf("kernel hosts lost %s, virtual ones %s", k, v)
	}
}
