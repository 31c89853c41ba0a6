package machine

import (
	"errors"
	"runtime"
)

// ErrUnsupported means that this operating system has no such thing.
var ErrUnsupported = errors.New("not on " + runtime.GOOS)

// Facts are what Probe found. An error tells why something is not there; nil
// means that it works.
type Facts struct {
	System string // GOOS/GOARCH
	Kernel string // release of the kernel, "" if unknown
	CPUs   int    // that this process may run on

	RawSockets error // opening a packet socket in this process's network
	PacketRing error // a TPACKET_V3 ring; not tried without the right to RawSockets
	Ping       error // opening a socket that sends pings, without CAP_NET_RAW
	Offload    Offload

	Receive, Send Buffers // of sockets
	Congestion    Congestion
	KernelTypes   error // BTF: the layout of kernel types, which eBPF programs need
	Namespaces    Namespaces
}

// Offload tells whether one system call carries many UDP datagrams.
type Offload struct {
	Send    error // UDP_SEGMENT (generic segmentation offload)
	Receive error // UDP_GRO (generic receive offload)
}

// Buffers are sizes in bytes; 0 if unknown.
type Buffers struct {
	Default int // what a socket gets that does not ask
	Max     int // what it may ask for
}

// Congestion are TCP's congestion controls.
type Congestion struct {
	Default   string
	Available []string // loaded in the kernel
}

// Namespaces are the settings by which a machine forbids user namespaces; -1
// where it has no such setting.
type Namespaces struct {
	Max        int // user.max_user_namespaces
	Network    int // user.max_net_namespaces
	Mount      int // user.max_mnt_namespaces
	Clone      int // kernel.unprivileged_userns_clone (Debian)
	Restricted int // kernel.apparmor_restrict_unprivileged_userns (Ubuntu)
}

// Probe finds out.
func Probe() *Facts {
	f := &Facts{System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU()}
	probe(f)
	return f
}
