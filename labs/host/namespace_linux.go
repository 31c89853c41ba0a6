package host

import (
	"fmt"
	"runtime"

	"github.com/safchain/ethtool"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const nodad = unix.IFA_F_NODAD // an address usable at once, RFC 4862 section 5.4 left out

// namespace is a network namespace that lives as long as its handle.
type namespace struct{ handle netns.NsHandle }

// newNamespace makes an empty network namespace. The thread that makes it is
// locked and thrown away, so that no other goroutine ever runs inside.
func newNamespace() (namespace, error) {
	var n namespace
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		handle, err := netns.Get()
		n.handle = handle
		return err
	})
	return n, err
}

func (n *namespace) close() error {
	if !n.handle.IsOpen() || n.handle == 0 {
		return nil
	}
	return n.handle.Close()
}

// Namespace returns the inode number of the host's network namespace, by which
// the kernel names it.
func (h *Host) Namespace() (uint32, error) {
	var s unix.Stat_t
	if err := unix.Fstat(int(h.ns.handle), &s); err != nil {
		return 0, fmt.Errorf("host %s: namespace: %w", h.Name, err)
	}
	return uint32(s.Ino), nil
}

// Do runs f on a thread inside the host's namespace. Sockets that f opens
// belong to the host wherever they are used afterwards.
func (h *Host) Do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(h.ns.handle); err != nil {
			return fmt.Errorf("enter host %s: %w", h.Name, err)
		}
		return f()
	})
}

// onThread runs f on an operating-system thread that ends with it.
func onThread(f func() error) error {
	done := make(chan error, 1) // one answer; a panic in f ends the program as it should
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime ends the thread
		done <- f()
	}()
	return <-done
}

// offloads are the interface features that would let the kernel pass packets
// larger than the wire's, or with checksums not yet filled in.
var offloads = []string{
	"tx-checksum-ip-generic", "tx-checksum-sctp", "rx-checksum",
	"tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp-mangleid-segmentation",
	"tx-udp-segmentation", "tx-generic-segmentation", "tx-gso-list", "tx-sctp-segmentation",
	"tx-scatter-gather", "tx-scatter-gather-fraglist", "rx-gro", "rx-gro-list", "rx-udp-gro-forwarding",
}

// disableOffloads turns them off for an interface of the thread's namespace
// and reads them again, since a driver may refuse without an error.
func disableOffloads(name string) error {
	tool, err := ethtool.NewEthtool()
	if err != nil {
		return fmt.Errorf("ethtool: %w", err)
	}
	defer tool.Close()
	have, err := tool.Features(name)
	if err != nil {
		return fmt.Errorf("features of %s: %w", name, err)
	}
	off := map[string]bool{}
	for _, f := range offloads {
		if have[f] {
			off[f] = false
		}
	}
	if err := tool.Change(name, off); err != nil {
		return fmt.Errorf("offloads of %s: %w", name, err)
	}
	if have, err = tool.Features(name); err != nil {
		return fmt.Errorf("features of %s: %w", name, err)
	}
	for f := range off {
		if have[f] {
			return fmt.Errorf("%s of %s cannot be turned off", f, name)
		}
	}
	return nil
}
