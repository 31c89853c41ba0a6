package host

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Listen opens a TCP listener on the host. Plain TCP: Go's default would be
// MPTCP, whose options the lab does not want on the wire.
func (h *Host) Listen(ctx context.Context, network, address string) (l net.Listener, err error) {
	var c net.ListenConfig
	c.SetMultipathTCP(false)
	err = h.Do(func() error {
		l, err = c.Listen(ctx, network, address)
		return err
	})
	return l, err
}

// ListenPacket opens a UDP socket on the host.
func (h *Host) ListenPacket(ctx context.Context, network, address string) (c net.PacketConn, err error) {
	err = h.Do(func() error {
		c, err = new(net.ListenConfig).ListenPacket(ctx, network, address)
		return err
	})
	return c, err
}

// Dial connects from the host. The address must be numeric: names would be
// looked up on another thread, outside the host. Plain TCP, as with Listen.
func (h *Host) Dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	var d net.Dialer
	d.SetMultipathTCP(false)
	d.FallbackDelay = -1 // one address, one attempt, on this thread
	err = h.Do(func() error {
		c, err = d.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// Counters reads them.
func (h *Host) Counters() (Counters, error) {
	var text, text6, extended []byte
	err := h.Do(func() (err error) {
		if extended, err = os.ReadFile("/proc/thread-self/net/netstat"); err != nil {
			return err
		}
		if text6, err = os.ReadFile("/proc/thread-self/net/snmp6"); err != nil && !os.IsNotExist(err) {
			return err // without IPv6 in the kernel the file is not there
		}
		text, err = os.ReadFile("/proc/thread-self/net/snmp") // /proc/net is the main thread's
		return err
	})
	if err != nil {
		return nil, err
	}
	c, err := parseCounters(string(text) + string(extended))
	if err == nil {
		err = c.addIPv6(string(text6))
	}
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", h.Name, err)
	}
	link, err := h.netlink.LinkByName(Interface)
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", h.Name, err)
	}
	if s := link.Attrs().Statistics; s != nil {
		c["Link.TxDropped"], c["Link.RxDropped"] = int64(s.TxDropped), int64(s.RxDropped)
	}
	if cable, err := netlink.LinkByIndex(h.cable.Attrs().Index); err == nil && cable.Attrs().Statistics != nil {
		c["Cable.Dropped"] = int64(cable.Attrs().Statistics.TxDropped)
	}
	if c["Qdisc.Dropped"], err = h.queueDrops(link); err != nil {
		return nil, fmt.Errorf("host %s: queue: %w", h.Name, err)
	}
	return c, nil
}

// parseCounters reads pairs of lines: names, then values.
func parseCounters(text string) (Counters, error) {
	c := Counters{}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		if len(names) != len(values) || len(names) == 0 || names[0] != values[0] {
			return nil, fmt.Errorf("counters: lines %d and %d do not belong together", i+1, i+2)
		}
		for j := 1; j < len(names); j++ {
			v, err := strconv.ParseInt(values[j], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("counters: %s: %w", names[j], err)
			}
			c[strings.TrimSuffix(names[0], ":")+"."+names[j]] = v
		}
	}
	return c, nil
}

// addIPv6 reads lines of one name and value each, such as
// "Udp6RcvbufErrors 0".
func (c Counters) addIPv6(text string) error {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return fmt.Errorf("snmp6: line %q, want a name and a value", line)
		}
		v, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return fmt.Errorf("snmp6: %s: %w", fields[0], err)
		}
		if protocol, name, ok := strings.Cut(fields[0], "6"); ok {
			c[protocol+"6."+name] = v
		}
	}
	return nil
}

// Socket memory information, linux/sock_diag.h.
const (
	skMeminfoRmemAlloc = 0
	skMeminfoRcvbuf    = 1
	skMeminfoDrops     = 8
	skMeminfoVars      = 9
)

// ReceiveMemory asks the kernel about a socket (SO_MEMINFO).
func ReceiveMemory(conn syscall.Conn) (Memory, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Memory{}, err
	}
	var info [skMeminfoVars]uint32
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		size := uint32(unsafe.Sizeof(info))
		_, _, errno = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err == nil && errno != 0 {
		err = fmt.Errorf("SO_MEMINFO: %w", errno)
	}
	return Memory{
		Waiting: int(info[skMeminfoRmemAlloc]),
		Limit:   int(info[skMeminfoRcvbuf]),
		Drops:   info[skMeminfoDrops],
	}, err
}

// SetReceiveBuffer sets a socket's receive buffer to bytes, beyond
// net.core.rmem_max, as the administrator of the host may. The kernel doubles
// the value for its own bookkeeping (socket(7)).
func SetReceiveBuffer(conn syscall.Conn, bytes int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes)
		if set != nil {
			set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
		}
	})
	if err == nil && set != nil {
		err = fmt.Errorf("receive buffer of %d bytes: %w", bytes, set)
	}
	return err
}

// SetCongestionControl chooses that of a TCP socket. Unlike the host's
// default, it may be any that the kernel has (tcp(7), TCP_CONGESTION).
func SetCongestionControl(conn syscall.Conn, name string) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	})
	if err == nil && set != nil {
		err = fmt.Errorf("congestion control %s: %w", name, set)
	}
	return err
}

// CongestionControls lists what this kernel has for its TCP sockets.
func CongestionControls() []string { return words(tcpSysctls + "available_congestion_control") }

// CongestionControl reads the host's default TCP congestion control.
func (h *Host) CongestionControl() (string, error) {
	var text []byte
	err := h.Do(func() (err error) {
		text, err = os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
		return err
	})
	return strings.TrimSpace(string(text)), err
}
