package host

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// tune gives a host what its Config says, once its link is there.
func (h *Host) tune(t Tuning) error {
	if err := t.Validate(); err != nil {
		return err
	}
	if err := h.setMTU(t.mtu()); err != nil {
		return fmt.Errorf("MTU of %d bytes: %w", t.mtu(), err)
	}
	return h.Do(func() error {
		if t.CongestionControl != "" {
			if err := setCongestionControl(t.CongestionControl); err != nil {
				return err
			}
		}
		for _, name := range t.sysctls() {
			if err := setSysctl(name, t.Sysctls[name]); err != nil {
				return err
			}
		}
		return nil
	})
}

// setMTU sets it at both ends of the cable: the kernel drops what is too
// large for the receiving one without a word.
func (h *Host) setMTU(bytes int) error {
	eth, err := h.netlink.LinkByName(Interface)
	if err != nil {
		return err
	}
	return errors.Join(h.netlink.LinkSetMTU(eth, bytes), netlink.LinkSetMTU(h.cable, bytes))
}

const tcpSysctls = "/proc/sys/net/ipv4/tcp_"

// setCongestionControl runs in the namespace. The kernel lets namespaces
// choose only from what the administrator of the machine allows everybody.
func setCongestionControl(name string) error {
	err := os.WriteFile(tcpSysctls+"congestion_control", []byte(name), 0o644)
	if err == nil {
		return nil
	}
	allowed, available := words(tcpSysctls+"allowed_congestion_control"), words(tcpSysctls+"available_congestion_control")
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("congestion control %q: this machine allows hosts only %s; its administrator can allow it with "+
			"'sysctl -w net.ipv4.tcp_allowed_congestion_control=\"%s %s\"'", name, strings.Join(allowed, ", "), strings.Join(allowed, " "), name)
	}
	return fmt.Errorf("congestion control %q: this kernel has %s, and allows hosts %s (%w)",
		name, strings.Join(available, ", "), strings.Join(allowed, ", "), err)
}

// words reads a file of words; none if it cannot be read.
func words(path string) []string {
	text, _ := os.ReadFile(path)
	return strings.Fields(string(text))
}

// HasSysctl reports whether this machine's kernel has a setting, such as
// net.ipv4.tcp_sack.
func HasSysctl(name string) bool {
	path, err := sysctlPath(name)
	if err == nil {
		_, err = os.Stat("/proc/sys/" + path)
	}
	return err == nil
}

// setSysctl runs in the namespace, whose own settings /proc/sys/net shows.
func setSysctl(name, value string) error {
	path, err := sysctlPath(name)
	if err != nil {
		return err
	}
	err = os.WriteFile("/proc/sys/"+path, []byte(value), 0o644)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return fmt.Errorf("sysctl %s: a host cannot have that of its own; the kernel keeps it for the whole machine, or not at all", name)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("sysctl %s: the kernel refuses the value %q", name, value)
	case err != nil:
		return fmt.Errorf("sysctl %s=%s: %w", name, value, err)
	}
	return nil
}
