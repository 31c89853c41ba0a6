package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func probe(f *Facts) {
	f.Kernel = release()
	f.RawSockets = tryRawSocket()
	f.PacketRing = f.RawSockets
	if f.RawSockets == nil {
		f.PacketRing = tryPacketRing()
	}
	f.Ping = tryPing()
	f.Offload = Offload{Send: tryUDP(unix.UDP_SEGMENT, 1400), Receive: tryUDP(unix.UDP_GRO, 1)}
	f.Receive = Buffers{Default: setting("net/core/rmem_default", 0), Max: setting("net/core/rmem_max", 0)}
	f.Send = Buffers{Default: setting("net/core/wmem_default", 0), Max: setting("net/core/wmem_max", 0)}
	f.Congestion = Congestion{
		Default:   text("net/ipv4/tcp_congestion_control"),
		Available: strings.Fields(text("net/ipv4/tcp_available_congestion_control")),
	}
	_, f.KernelTypes = os.Stat("/sys/kernel/btf/vmlinux")
	f.Namespaces = Namespaces{
		Max:        setting("user/max_user_namespaces", -1),
		Network:    setting("user/max_net_namespaces", -1),
		Mount:      setting("user/max_mnt_namespaces", -1),
		Clone:      setting("kernel/unprivileged_userns_clone", -1),
		Restricted: setting("kernel/apparmor_restrict_unprivileged_userns", -1),
	}
}

func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// text reads a setting below /proc/sys; "" if there is none.
func text(name string) string {
	b, err := os.ReadFile(filepath.Join("/proc/sys", name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// setting reads a number below /proc/sys; absent if there is none.
func setting(name string, absent int) int {
	n, err := strconv.Atoi(text(name))
	if err != nil {
		return absent
	}
	return n
}

func tryRawSocket() error {
	fd, err := packetSocket()
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// tryPing opens a socket for ICMP echoes alone, as ping does where it has no
// rights; net.ipv4.ping_group_range says to which groups the kernel gives it.
func tryPing() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return fmt.Errorf("ping socket: %w", err)
	}
	return unix.Close(fd)
}

// packetSocket opens a packet socket of protocol 0: it receives nothing.
func packetSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("packet socket: %w", err)
	}
	return fd, nil
}

// tryPacketRing sets up the smallest ring there can be.
func tryPacketRing() error {
	fd, err := packetSocket()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("TPACKET_V3: %w", err)
	}
	page := uint32(os.Getpagesize())
	ring := unix.TpacketReq3{Block_size: page, Block_nr: 1, Frame_size: page, Frame_nr: 1, Retire_blk_tov: 1}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &ring); err != nil {
		return fmt.Errorf("TPACKET_V3 ring: %w", err)
	}
	return nil
}

// tryUDP sets an option of a UDP socket that is never bound.
func tryUDP(option, value int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("UDP socket: %w", err)
	}
	defer unix.Close(fd)
	return unix.SetsockoptInt(fd, unix.IPPROTO_UDP, option, value)
}

// KernelAtLeast reports whether the kernel is of that version or later.
func KernelAtLeast(major, minor int) bool {
	var hasMajor, hasMinor int
	if n, _ := fmt.Sscanf(release(), "%d.%d", &hasMajor, &hasMinor); n < 2 {
		return false
	}
	return hasMajor > major || hasMajor == major && hasMinor >= minor
}
