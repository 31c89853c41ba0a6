package command_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"rawlab/cmd/rawlab/command"
	"rawlab/internal/machine"
	"rawlab/labs/host"
)

// roomy is a Linux machine on which everything works.
func roomy() *machine.Facts {
	return &machine.Facts{
		System: "linux/amd64", Kernel: "6.18.0", CPUs: 2,
		Receive: machine.Buffers{Default: 212992, Max: 4 << 20}, Send: machine.Buffers{Default: 212992, Max: 4 << 20},
		Congestion: machine.Congestion{Default: "bbr", Available: []string{"reno", "bbr", "cubic"}},
		Namespaces: machine.Namespaces{Max: 15000, Network: 15000, Mount: 15000, Clone: -1, Restricted: -1},
	}
}

func darwin() *machine.Facts {
	none := machine.ErrUnsupported
	return &machine.Facts{
		System: "darwin/arm64", CPUs: 8, RawSockets: none, PacketRing: none, Ping: none, KernelTypes: none,
		Offload:    machine.Offload{Send: none, Receive: none},
		Namespaces: machine.Namespaces{Max: -1, Network: -1, Mount: -1, Clone: -1, Restricted: -1},
	}
}

func change(f func(*machine.Facts)) *machine.Facts {
	facts := roomy()
	f(facts)
	return facts
}

var (
	refused = &host.IsolationError{Err: syscall.EPERM}
	noRight = error(syscall.EPERM)
)

func TestDiagnose(t *testing.T) {
	for name, test := range map[string]struct {
		facts     *machine.Facts
		isolation error
		asking    error
		program   string
		finding   string // looked at
		state     string
		mend      string
		kernel    bool
	}{
		"all well": {facts: roomy(), finding: "private namespaces", state: "ok", kernel: true},
		"no namespaces left": {
			facts: change(func(f *machine.Facts) { f.Namespaces.Max = 0 }), isolation: refused,
			finding: "private namespaces", state: "missing", mend: "sudo sysctl -w user.max_user_namespaces=15000",
		},
		"no network namespaces left": {
			facts: change(func(f *machine.Facts) { f.Namespaces.Network = 0 }), isolation: refused,
			finding: "private namespaces", state: "missing", mend: "sudo sysctl -w user.max_net_namespaces=15000 user.max_mnt_namespaces=15000",
		},
		"no right to eBPF": {
			facts: roomy(), asking: noRight, finding: "kernel reasons", state: "missing",
			mend: "sudo rawlab lab run loss --kernel-reasons", kernel: true,
		},
		"an old kernel": {facts: roomy(), asking: errors.New("no tracepoint"), finding: "kernel reasons", state: "missing", kernel: true},
		"no pings": {
			facts: change(func(f *machine.Facts) { f.Ping = noRight }), finding: "ping sockets", state: "limited",
			mend: "sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'", kernel: true,
		},
		"Debian of old": {
			facts: change(func(f *machine.Facts) { f.Namespaces.Clone = 0 }), isolation: refused,
			finding: "private namespaces", state: "missing", mend: "sudo sysctl -w kernel.unprivileged_userns_clone=1",
		},
		"Ubuntu": {
			facts: change(func(f *machine.Facts) { f.Namespaces.Restricted = 1 }), isolation: refused,
			finding: "private namespaces", state: "missing", mend: "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
		},
		"a container": {
			facts: roomy(), isolation: refused,
			finding: "private namespaces", state: "missing", mend: "docker run --security-opt seccomp=unconfined …",
		},
		"Ubuntu where it works all the same": {
			facts: change(func(f *machine.Facts) { f.Namespaces.Restricted = 1 }), finding: "private namespaces", state: "ok", kernel: true,
		},
		"no right to capture": {
			facts: change(func(f *machine.Facts) { f.RawSockets, f.PacketRing = noRight, noRight }), program: "/opt/rawlab",
			finding: "packet sockets", state: "missing", mend: "sudo setcap cap_net_raw+ep /opt/rawlab", kernel: true,
		},
		"no right to capture, go run": {
			facts:   change(func(f *machine.Facts) { f.RawSockets, f.PacketRing = noRight, noRight }),
			finding: "packet sockets", state: "missing",
			mend: "go build -o rawlab ./cmd/rawlab && sudo setcap cap_net_raw+ep ./rawlab", kernel: true,
		},
		"no packet ring": {
			facts:   change(func(f *machine.Facts) { f.PacketRing = syscall.ENOPROTOOPT }),
			finding: "packet ring", state: "missing", kernel: true,
		},
		"small receive buffers": {
			facts:   change(func(f *machine.Facts) { f.Receive.Max = 212992 }),
			finding: "receive buffer", state: "limited", mend: "sudo sysctl -w net.core.rmem_max=4194304", kernel: true,
		},
		"small send buffers": {
			facts:   change(func(f *machine.Facts) { f.Send.Max = 212992 }),
			finding: "send buffer", state: "limited", mend: "sudo sysctl -w net.core.wmem_max=4194304", kernel: true,
		},
		"one CPU": {facts: change(func(f *machine.Facts) { f.CPUs = 1 }), finding: "CPUs", state: "limited", kernel: true},
		"no GRO": {
			facts:   change(func(f *machine.Facts) { f.Offload.Receive = syscall.ENOPROTOOPT }),
			finding: "UDP batches", state: "limited", kernel: true,
		},
		"no BTF": {
			facts:   change(func(f *machine.Facts) { f.KernelTypes = syscall.ENOENT }),
			finding: "kernel types", state: "missing", kernel: true,
		},
		"darwin": {facts: darwin(), isolation: &host.IsolationError{Err: errors.New("kernel hosts need Linux")}, finding: "private namespaces", state: "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			d := command.Diagnose(test.facts, test.isolation, test.asking, test.program, []string{"loss"})
			for _, f := range d.Findings {
				if f.Name != test.finding {
					continue
				}
				if f.State != test.state || f.Mend != test.mend || d.KernelHosts != test.kernel || !d.LabsRun || !d.Labs[0].Works {
					t.Errorf("%s = %q, mend %q, kernel hosts: %t, labs run: %t, want %q, %q, %t", f.Name, f.State, f.Mend, d.KernelHosts, d.LabsRun, test.state, test.mend, test.kernel)
				}
				return
			}
			t.Errorf("no finding %q", test.finding)
		})
	}
}

// TestDoctorSaysWhatWasRefused: with what the system said, and what does
// without.
func TestDoctorSaysWhatWasRefused(t *testing.T) {
	facts := change(func(f *machine.Facts) {
		f.RawSockets, f.PacketRing, f.Ping, f.Receive.Max = noRight, noRight, noRight, 212992
	})
	var out bytes.Buffer
	if err := command.Diagnose(facts, refused, noRight, "", []string{"loss"}).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  private namespaces: operation not permitted\n", "    or do without: rawlab lab run loss --backend virtual\n",
		"  packet sockets: operation not permitted\n", "    or do without: sudo tcpdump -i any -w - | rawlab capture -r -\n",
		"  kernel reasons: operation not permitted\n", "  ping sockets: operation not permitted\n", "    or do without: sudo rawlab serve\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	d := command.Diagnose(facts, nil, noRight, "", []string{"loss"})
	for _, f := range d.Findings {
		if f.Name == "packet sockets" && f.Instead != "rawlab capture --in-namespace -w out.pcapng COMMAND" {
			t.Errorf("with namespaces, packet sockets are done without by %q", f.Instead)
		}
	}
}

func TestDoctorFitsAScreen(t *testing.T) {
	small := change(func(f *machine.Facts) {
		f.RawSockets, f.PacketRing, f.KernelTypes, f.CPUs, f.Receive.Max = noRight, noRight, noRight, 1, 212992
		f.Offload.Send = noRight
	})
	for name, d := range map[string]*command.Diagnosis{
		"roomy":  command.Diagnose(roomy(), nil, nil, "/opt/rawlab", []string{"loss", "missed-event"}),
		"small":  command.Diagnose(small, refused, noRight, "", []string{"loss", "missed-event"}),
		"darwin": command.Diagnose(darwin(), refused, noRight, "", []string{"loss", "missed-event"}),
	} {
		var out bytes.Buffer
		if err := d.WriteText(&out); err != nil {
			t.Fatal(err)
		}
		tables, _, _ := strings.Cut(out.String(), "\nto mend\n") // commands stay whole
		for line := range strings.Lines(tables) {
			if line = strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(line) > 80 {
				t.Errorf("%s: a line of %d characters: %q", name, utf8.RuneCountInString(line), line)
			}
		}
	}
}

func TestDoctorRuns(t *testing.T) {
	var out, errs bytes.Buffer
	if code := command.Main(t.Context(), []string{"doctor", "--json"}, nil, &out, &errs); code != 0 || errs.Len() > 0 {
		t.Fatalf("doctor --json = %d, %q", code, errs.String())
	}
	var d command.Diagnosis
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatalf("doctor --json printed %q: %v", out.String(), err)
	}
	if len(d.Findings) == 0 || len(d.Labs) == 0 || len(d.Verbs) == 0 {
		t.Errorf("doctor --json = %+v, want findings, labs and verbs", d)
	}
	want := 3
	if d.KernelHosts {
		want = 0
	}
	if code := command.Main(t.Context(), []string{"doctor", "--check"}, nil, &out, &errs); code != want {
		t.Errorf("doctor --check = %d, want %d", code, want)
	}
	if code := command.Main(t.Context(), []string{"doctor", "now"}, nil, &out, &errs); code != 2 {
		t.Errorf("doctor with an argument = %d, want 2", code)
	}
}
