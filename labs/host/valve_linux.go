package host

import (
	"fmt"
	"os"
	"strconv"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A host's packets wait for the wire in a queue of the host's own, a token
// bucket that is normally wide open. When the wire cannot keep up it closes
// the bucket almost: then senders wait, as they would for a slow network
// card, and no packet is lost on the way to the wire. What the queue itself
// has to drop it counts ("Qdisc.Dropped").
const (
	openRate = 100e9 // bits per second, far beyond what a host can send
	heldRate = 16e6  // slow enough to stop it, fast enough to notice the release within a frame's time
	// bucketTicks is how long the bucket fills, in the kernel's 64 ns: a
	// millisecond, for which a frame of any MTU fits at either rate.
	bucketTicks = 1e6 / 64
	// queueBytes bounds the queue. Every socket's send buffer is far smaller
	// and makes its sender wait first.
	queueBytes = 64 << 20
)

func setRate(handle *netlink.Handle, link netlink.Link, bits uint64) error {
	return handle.QdiscReplace(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       bits, Limit: queueBytes, Buffer: bucketTicks,
	})
}

// openQueue puts the queue before the host's cable.
func (h *Host) openQueue() error {
	eth, err := h.netlink.LinkByName(Interface)
	if err == nil {
		err = setRate(h.netlink, eth, openRate)
	}
	if err != nil {
		return fmt.Errorf("queue before the cable: %w", err)
	}
	return nil
}

// queueDrops counts what the queue before the cable had no room for.
func (h *Host) queueDrops(eth netlink.Link) (int64, error) {
	queues, err := h.netlink.QdiscList(eth)
	if err != nil {
		return 0, err
	}
	drops := int64(0)
	for _, q := range queues {
		if a := q.Attrs(); a.Parent == netlink.HANDLE_ROOT && a.Statistics != nil && a.Statistics.Queue != nil {
			drops += int64(a.Statistics.Queue.Drops)
		}
	}
	return drops, nil
}

// inherited are hosts' namespaces for the wire's process, by port.
type inherited struct{ files []*os.File }

func inheritance(hosts ...*Host) (*inherited, error) {
	i := &inherited{}
	for _, h := range hosts {
		fd, err := unix.FcntlInt(uintptr(h.ns.handle), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			i.close()
			return nil, fmt.Errorf("host %s: duplicate its namespace: %w", h.Name, err)
		}
		i.files = append(i.files, os.NewFile(uintptr(fd), h.Name))
	}
	return i, nil
}

// environment tells the process what it is, and how much it inherits.
func (i *inherited) environment() string { return wireEnv + "=" + strconv.Itoa(len(i.files)) }

func (i *inherited) close() {
	for _, f := range i.files {
		f.Close()
	}
}

// inheritedFrom is the first descriptor that a process inherits beside the
// three that all have.
const inheritedFrom = 3

// valves are the queues of hosts, as the wire's process holds them: by port.
type valves struct {
	handles []*netlink.Handle
	links   []netlink.Link
}

// inheritValves opens the queues of as many hosts as count says.
func inheritValves(count string) (*valves, error) {
	n, err := strconv.Atoi(count)
	if err != nil {
		return nil, fmt.Errorf("hosts to inherit: %w", err)
	}
	v := &valves{}
	for i := range n {
		handle, err := netlink.NewHandleAt(netns.NsHandle(inheritedFrom + i))
		if err != nil {
			return nil, fmt.Errorf("host %d: netlink: %w", i, err)
		}
		link, err := handle.LinkByName(Interface)
		if err != nil {
			return nil, fmt.Errorf("host %d: %w", i, err)
		}
		v.handles, v.links = append(v.handles, handle), append(v.links, link)
	}
	return v, nil
}

// hold lets the host of a port wait, or go on. A host that is just being
// taken away needs neither.
func (v *valves) hold(port int, stop bool) {
	rate := uint64(openRate)
	if stop {
		rate = heldRate
	}
	if port < len(v.links) {
		setRate(v.handles[port], v.links[port], rate)
	}
}
