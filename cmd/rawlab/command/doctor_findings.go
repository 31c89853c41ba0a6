package command

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"rawlab/internal/machine"
	"rawlab/labs/host"
)

// diagnose says what the facts mean. isolation is why no private namespaces
// can be made, asking why the kernel cannot be asked why it drops packets, nil
// if that works; program is the path of this program, "" if it has no lasting
// one.
func diagnose(f *machine.Facts, isolation, asking error, program string, labNames []string) *diagnosis {
	d := &diagnosis{System: f.System, Kernel: f.Kernel, CPUs: f.CPUs, LabsRun: true, KernelHosts: isolation == nil}
	d.Findings = []finding{namespacesFinding(f, isolation), rawFinding(f, isolation, program), cpuFinding(f.CPUs)}
	if f.RawSockets == nil {
		d.Findings = append(d.Findings, ringFinding(f.PacketRing))
	}
	if f.Receive.Max > 0 {
		d.Findings = append(d.Findings,
			bufferFinding("receive buffer", "rmem", f.Receive, "UDP datagrams that find it full are lost"),
			bufferFinding("send buffer", "wmem", f.Send, "a sender that fills it waits"))
	}
	d.Findings = append(d.Findings, offloadFinding(f.Offload))
	if f.Congestion.Default != "" {
		d.Findings = append(d.Findings, congestionFinding(f.Congestion))
	}
	if !errors.Is(f.KernelTypes, machine.ErrUnsupported) {
		d.Findings = append(d.Findings, typesFinding(f.KernelTypes), reasonsFinding(asking), pingFinding(f.Ping, isolation))
	}
	d.Labs, d.Verbs = verdicts(f, isolation, labNames)
	return d
}

func namespacesFinding(f *machine.Facts, isolation error) finding {
	n := finding{Name: "private namespaces", State: stateOK, Found: "any user may make them", Means: "labs build their hosts and wires in them, without root"}
	if isolation == nil {
		return n
	}
	n.State, n.Found, n.Means = stateMissing, "the kernel refuses", "labs run on virtual hosts, not on kernel ones"
	n.Refused, n.Instead = refusal(isolation), "rawlab lab run loss --backend virtual"
	switch {
	case errors.Is(f.RawSockets, machine.ErrUnsupported):
		n.Found = "only Linux has them"
	case f.Namespaces.Max == 0:
		n.Mend = "sudo sysctl -w user.max_user_namespaces=15000"
	case f.Namespaces.Network == 0 || f.Namespaces.Mount == 0:
		n.Mend = "sudo sysctl -w user.max_net_namespaces=15000 user.max_mnt_namespaces=15000"
	case f.Namespaces.Clone == 0:
		n.Mend = "sudo sysctl -w kernel.unprivileged_userns_clone=1"
	case f.Namespaces.Restricted == 1:
		n.Mend = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
	default: // no setting forbids it: the container does
		n.Found = "the kernel refuses, as in most containers"
		n.Mend = "docker run --security-opt seccomp=unconfined …"
	}
	return n
}

func rawFinding(f *machine.Facts, isolation error, program string) finding {
	r := finding{Name: "packet sockets", State: stateOK, Found: "this process has CAP_NET_RAW", Means: "'capture -i' reads any interface"}
	if f.RawSockets == nil {
		return r
	}
	r.State, r.Found, r.Means = stateMissing, "this process lacks CAP_NET_RAW", "'capture -i' cannot read an interface"
	if errors.Is(f.RawSockets, machine.ErrUnsupported) {
		r.Found = "only Linux has them"
		return r
	}
	r.Refused, r.Instead = refusal(f.RawSockets), "sudo tcpdump -i any -w - | rawlab capture -r -"
	if isolation == nil {
		r.Means += "; 'capture --in-namespace' can, and labs can"
		r.Instead = "rawlab capture --in-namespace -w out.pcapng COMMAND"
	}
	r.Mend = "go build -o rawlab ./cmd/rawlab && sudo setcap cap_net_raw+ep ./rawlab"
	if program != "" {
		r.Mend = "sudo setcap cap_net_raw+ep " + program
	}
	return r
}

func cpuFinding(cpus int) finding {
	c := finding{Name: "CPUs", State: stateOK, Found: fmt.Sprint(cpus), Means: "sender, wire and receiver run side by side"}
	if cpus == 1 {
		c.State, c.Means = stateLimited, "sender, wire and receiver take turns, so latencies are longer than the network's"
	}
	return c
}

func ringFinding(err error) finding {
	if err != nil {
		return finding{Name: "packet ring", State: stateMissing, Found: err.Error(), Means: "'capture -i' needs TPACKET_V3, Linux 3.2 or later"}
	}
	return finding{Name: "packet ring", State: stateOK, Found: "TPACKET_V3", Means: "the kernel hands packets to 'capture -i' in blocks"}
}

// roomyBuffer is enough for the bursts that benchmarks and labs send.
const roomyBuffer = 4 << 20

func bufferFinding(name, setting string, b machine.Buffers, means string) finding {
	f := finding{Name: name, State: stateOK, Found: fmt.Sprintf("%s, up to %s on request", kibibytes(b.Default), kibibytes(b.Max)), Means: means}
	if b.Max < roomyBuffer {
		f.State = stateLimited
		f.Mend = fmt.Sprintf("sudo sysctl -w net.core.%s_max=%d", setting, roomyBuffer)
		if setting == "rmem" {
			f.Instead = "sudo rawlab serve" // an administrator's sockets get what they ask for
		}
	}
	return f
}

func kibibytes(n int) string { return fmt.Sprintf("%d KiB", n>>10) }

func offloadFinding(o machine.Offload) finding {
	f := finding{Name: "UDP batches", State: stateOK, Found: "GSO and GRO", Means: "the kernel can take and give many datagrams in one system call"}
	switch {
	case o.Send != nil && o.Receive != nil:
		f.Found = "neither GSO nor GRO"
	case o.Send != nil:
		f.Found = "GRO, no GSO"
	case o.Receive != nil:
		f.Found = "GSO, no GRO"
	default:
		return f
	}
	f.State, f.Means = stateLimited, "many small datagrams cost a system call each; Linux 5.0 has both"
	return f
}

func congestionFinding(c machine.Congestion) finding {
	others := make([]string, 0, len(c.Available))
	for _, name := range c.Available {
		if name != c.Default {
			others = append(others, name)
		}
	}
	f := finding{Name: "TCP congestion", State: stateOK, Found: c.Default, Means: "every TCP run here uses it"}
	if len(others) > 0 {
		f.Means += "; also loaded: " + strings.Join(others, ", ")
	}
	return f
}

func typesFinding(err error) finding {
	f := finding{Name: "kernel types", State: stateOK, Found: "BTF", Means: "eBPF programs can be loaded without a compiler; no lab needs it"}
	if err != nil {
		f.State, f.Found, f.Means = stateMissing, "no BTF", "a kernel built with CONFIG_DEBUG_INFO_BTF has it; no lab needs it"
	}
	return f
}

// reasonsFinding is about --kernel-reasons.
func reasonsFinding(asking error) finding {
	f := finding{Name: "kernel reasons", State: stateOK, Found: "eBPF programs are taken", Means: "'lab run' and 'capture' with --kernel-reasons ask the kernel why it drops each packet"}
	if asking == nil {
		return f
	}
	f.State, f.Found, f.Means = stateMissing, "no eBPF program is taken", "'lab run' and 'capture' with --kernel-reasons cannot ask the kernel; labs account for every event without"
	f.Refused, f.Instead = refusal(asking), "rawlab lab run loss"
	if errors.Is(asking, fs.ErrPermission) {
		f.Mend = "sudo rawlab lab run loss --kernel-reasons"
	}
	return f
}

// pingFinding is about ping without rights.
func pingFinding(ping, isolation error) finding {
	f := finding{Name: "ping sockets", State: stateOK, Found: "this user's groups may have them", Means: "ping works without more rights; rawlab itself needs none"}
	if ping == nil {
		return f
	}
	f.State, f.Found, f.Means = stateLimited, "not for this user's groups", "a ping without CAP_NET_RAW is refused; rawlab itself needs none"
	f.Refused, f.Mend = refusal(ping), "sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'"
	if isolation == nil {
		f.Instead = "rawlab net up && rawlab net exec client -- ping 10.77.0.2"
	}
	return f
}

// refusal is what the system said, without advice of our own.
func refusal(err error) string {
	if e, ok := errors.AsType[*host.IsolationError](err); ok {
		err = e.Err
	}
	return err.Error()
}

// verdicts tells what each lab and verb does here.
func verdicts(f *machine.Facts, isolation error, labNames []string) (labs, verbs []verdict) {
	lab := verdict{Works: true, How: "two hosts and a wire in private namespaces"}
	namespace := verdict{Name: "capture --in-namespace", Works: true, How: "runs a command where any user may capture"}
	if isolation != nil {
		lab.How = "on virtual hosts, for want of private namespaces"
		namespace.Works, namespace.How = false, "needs private namespaces"
	}
	for _, name := range labNames {
		lab.Name = name
		labs = append(labs, lab)
	}
	live := verdict{Name: "capture -i", Works: true, How: "reads an interface of this machine"}
	if f.RawSockets != nil {
		live.Works, live.How = false, "needs CAP_NET_RAW"
		if errors.Is(f.RawSockets, machine.ErrUnsupported) {
			live.How = "reads interfaces on Linux only"
		}
	} else if f.PacketRing != nil {
		live.Works, live.How = false, "needs a packet ring"
	}
	return labs, []verdict{
		live,
		namespace,
		{"capture -r, explain", true, "read files of rawlab, tcpdump or Wireshark"},
		{"serve, emit, listen", true, "over TCP and UDP, as any user"},
		{"bench", true, "on loopback, as any user"},
	}
}
