package labs_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/pcapng"
	"rawlab/labs"
	"rawlab/labs/host"
	"rawlab/labs/report"
	"rawlab/udpq"
)

// options returns a lab's defaults, made smaller and faster.
func options(l *labs.Lab, events int) labs.Options {
	o := l.Defaults
	o.Events, o.Pace = events, 4000
	o.Impairment.Delay = min(o.Impairment.Delay, 2*time.Millisecond)
	return o
}

func run(t *testing.T, l *labs.Lab, o labs.Options) *labs.Outcome {
	t.Helper()
	if !host.Isolated() {
		t.Skip("no right to private namespaces") // IsolateTests fails where they are required
	}
	out, err := l.Run(t.Context(), &o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range out.Result.Runs {
		if r := &out.Result.Runs[i]; !r.Balances() || r.Unexplained != 0 {
			t.Errorf("%s %s does not balance: %+v", r.Transport, r.Variant, *r)
		}
	}
	return out
}

// udp returns the run over UDP: the second, or the only one.
func udp(out *labs.Outcome) *report.Run { return &out.Result.Runs[min(1, len(out.Result.Runs)-1)] }

func TestLossBalancesUnderEveryImpairment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*labs.Options)
		fate   account.Fate // that must occur over UDP
	}{
		"loss":      {func(o *labs.Options) {}, account.WireLoss},
		"corrupt":   {func(o *labs.Options) { o.Impairment.Corrupt = 0.05 }, account.WireCorrupt},
		"duplicate": {func(o *labs.Options) { o.Impairment.Duplicate = 0.1 }, account.WireLoss},
		"reorder":   {func(o *labs.Options) { o.Impairment.Reorder = 0.1; o.Impairment.Jitter = time.Millisecond }, account.WireLoss},
		"queue": {func(o *labs.Options) {
			o.Impairment.Loss, o.Impairment.Rate, o.Impairment.Queue = 0, 2_000_000, 5
			o.Events = 500
		}, account.WireQueue},
		"small buffer":      {func(o *labs.Options) { o.ReaderDelay = time.Millisecond; o.ReceiveBuffer = 4096; o.Events = 500 }, account.ReceiveBuffer},
		"IPv6":              {func(o *labs.Options) { o.IPv6 = true }, account.WireLoss},
		"fragments of IPv6": {func(o *labs.Options) { o.IPv6 = true; o.Size = 6000; o.Events = 300 }, account.FragmentLost},
		"own fragments": {func(o *labs.Options) {
			o.Fragments, o.Size, o.Events = udpq.FragmentsOwn, 6000, 300
			o.Impairment.Duplicate, o.Impairment.Jitter = 0.02, time.Millisecond
		}, account.FragmentLost},
		"fragments": {func(o *labs.Options) { o.Size = 6000; o.Events = 300 }, account.FragmentLost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(labs.Loss, 1000)
			c.change(&o)
			if testing.Short() {
				o.Events = min(o.Events, 400)
			}
			out := run(t, labs.Loss, o)
			r := udp(out)
			if r.Fates[string(c.fate)] == 0 {
				t.Errorf("no event has the fate %s: %v", c.fate, r.Fates)
			}
			if name == "duplicate" && r.Duplicates == 0 {
				t.Error("no event was delivered twice")
			}
			if tcp := out.Result.Runs[0]; tcp.Delivered != tcp.Emitted {
				t.Errorf("TCP delivered %d of %d", tcp.Delivered, tcp.Emitted)
			}
		})
	}
}

func TestSameSeedLosesTheSame(t *testing.T) {
	t.Parallel()
	digests := map[uint64]string{}
	for _, seed := range []uint64{1, 1, 2, 2} {
		o := options(labs.Loss, 1000)
		o.Seed, o.Transport = seed, "udp"
		o.Impairment.Jitter = time.Millisecond
		out := run(t, labs.Loss, o)
		if !out.Result.Reproducible {
			t.Errorf("seed %d: not reproducible: %v", seed, out.Result.Reasons)
		}
		got := udp(out).LostDigest
		if before, ok := digests[seed]; ok && before != got {
			t.Errorf("seed %d: digest %s, before %s", seed, got, before)
		}
		digests[seed] = got
	}
	if digests[1] == digests[2] {
		t.Error("two seeds lost the same events")
	}
}

func TestCatalogHolds(t *testing.T) {
	t.Parallel()
	catalog := labs.Catalog
	if testing.Short() {
		catalog = []*labs.Lab{labs.Handshake, labs.MissedEvent, labs.Corrupt} // virtual hosts run all of them
	}
	for _, l := range catalog {
		if l == labs.Fairness {
			continue // it has tests of its own, with a wire for itself
		}
		t.Run(l.Name, func(t *testing.T) {
			if l != labs.Rebinding { // whose clients lose patience within 350 ms: it goes before the others
				t.Parallel()
			}
			o := l.Defaults
			if testing.Short() {
				o.Events = min(o.Events, 300)
			}
			out := run(t, l, o)
			holds(t, out)
			fitsATerminal(t, out)
		})
	}
}

// TestCatalogTeaches: every lab says all that a reader needs, and asks for a
// prediction that its run then answers.
func TestCatalogTeaches(t *testing.T) {
	for _, l := range labs.Catalog {
		for _, text := range []string{l.Name, l.Question, l.Varies, l.Held, l.Expect, l.Predict.Unit, l.Predict.Question(&l.Defaults)} {
			if text == "" || strings.Contains(text, "%!") || strings.Contains(text, "%s") {
				t.Errorf("%s: it says %q", l.Name, text)
			}
		}
		if len(l.Next) == 0 || len(l.Reading) == 0 {
			t.Errorf("%s: what to try and read next: %q, %q", l.Name, l.Next, l.Reading)
		}
		for _, line := range l.Next {
			if len(line) > 78 {
				t.Errorf("%s: %q is too long for a terminal", l.Name, line)
			}
		}
	}
}

func TestBundle(t *testing.T) {
	t.Parallel()
	out := run(t, labs.Loss, options(labs.Loss, 300))
	folder := filepath.Join(t.ArtifactDir(), "bundle")
	bundle, err := report.OpenBundle(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.WriteBundle(bundle); err != nil {
		t.Fatal(err)
	}
	var result report.Result
	b, err := os.ReadFile(filepath.Join(folder, "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &result); err != nil || result.Lab != "loss" || len(result.Runs) != 2 {
		t.Errorf("result.json = %.200s, %v", b, err)
	}
	lost := countLedger(t, filepath.Join(folder, "ledger.csv"))
	if lost != udp(out).Fates["wire-loss"] {
		t.Errorf("ledger.csv has %d events lost by the wire, result %d", lost, udp(out).Fates["wire-loss"])
	}
	ends, packets := countCapture(t, filepath.Join(folder, "capture.pcapng"))
	taps := 0
	for _, e := range out.Evidence {
		taps += len(e.Taps[0].Packets) + len(e.Taps[1].Packets)
	}
	// Over UDP each event lost is one packet that ends; TCP's lost packets come on top.
	if packets != taps || ends < lost {
		t.Errorf("capture.pcapng has %d packets, %d of which end on the wire; the taps saw %d, %d events were lost", packets, ends, taps, lost)
	}
}

// countLedger returns how many events of UDP the wire lost.
func countLedger(t *testing.T, path string) int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(lines[0][:6], ","); got != "origin,sequence,transport,fate,latency_us,packets" {
		t.Errorf("header %s", got)
	}
	if len(lines) != 601 {
		t.Errorf("%d lines, want a header and 600 events", len(lines))
	}
	lost := 0
	for _, l := range lines[1:] {
		if l[2] == "udp" && l[3] == "wire-loss" {
			lost++
		}
	}
	return lost
}

// countCapture returns how many packets end on the wire, and how many there are.
func countCapture(t *testing.T, path string) (ends, packets int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapng.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return ends, packets
		}
		if err != nil {
			t.Fatal(err)
		}
		packets++
		if strings.Contains(strings.Join(p.Comments, " "), "wire-loss") {
			ends++
		}
	}
}

// fitsATerminal holds what a person reads against a terminal's width.
func fitsATerminal(t *testing.T, out *labs.Outcome) {
	t.Helper()
	var b bytes.Buffer
	if err := out.Result.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
			t.Errorf("%s: %d columns: %s", out.Result.Lab, n, line)
		}
	}
}

func TestOptionsRefuseNonsense(t *testing.T) {
	for name, change := range map[string]func(*labs.Options){
		"no events":       func(o *labs.Options) { o.Events = 0 },
		"too many events": func(o *labs.Options) { o.Events = 1 << 30 },
		"event too large": func(o *labs.Options) { o.Size = 65_536 },
		"no pace":         func(o *labs.Options) { o.Pace = 0 },
		"loss":            func(o *labs.Options) { o.Impairment.Loss = 2 },
		"buffer":          func(o *labs.Options) { o.ReceiveBuffer = -1 },
		"reader":          func(o *labs.Options) { o.ReaderDelay = -1 },
		"transport":       func(o *labs.Options) { o.Transport = "sctp" },
	} {
		o := labs.Loss.Defaults
		change(&o)
		if _, ok := errors.AsType[*labs.OptionError](o.Validate()); !ok {
			t.Errorf("%s: Validate() accepts %+v", name, o)
		}
	}
}

// TestOneTransport runs each transport of the loss lab alone.
func TestOneTransport(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		o := options(labs.Loss, 200)
		o.Transport = transport
		out := runVirtual(t, labs.Loss, o)
		holds(t, out)
		if runs := out.Result.Runs; len(runs) != 1 || runs[0].Transport != transport || len(out.Result.Story) == 0 {
			t.Errorf("--transport %s: runs %+v, story %q", transport, runs, out.Result.Story)
		}
	}
}

// TestRefusesToTakeLong: TCP would make an emitter wait for a slow reader.
func TestRefusesToTakeLong(t *testing.T) {
	o := labs.Loss.Defaults
	o.Backend, o.Events, o.ReaderDelay = labs.BackendKernel, 200_000, time.Millisecond
	_, err := labs.Loss.Run(t.Context(), &o)
	if _, ok := errors.AsType[*labs.OptionError](err); !ok || !strings.Contains(err.Error(), "3m20s") {
		t.Errorf("Run() = %v, want an OptionError that tells 3m20s", err)
	}
}
