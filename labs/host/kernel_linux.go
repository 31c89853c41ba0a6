package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"

	"github.com/vishvananda/netlink"

	"rawlab/labs/wire"
)

// Kernel is a lab of two kernel hosts, client and server, with a wire between
// them. Direction 0 of the wire leads from the client to the server.
type Kernel struct {
	Client, Server *Host
	Wire           *wire.Process
}

// NewKernel makes the hosts and starts the wire, which passes everything
// until it is told otherwise. The process must be isolated; see [Isolate].
func NewKernel(c *Config) (*Kernel, error) {
	if c == nil {
		c = &Config{}
	}
	if !Isolated() {
		return nil, errors.New("host: kernel hosts need namespaces of their own; call Isolate first")
	}
	k := &Kernel{Client: newClient(0), Server: newServer()}
	if err := k.build(c); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

func (k *Kernel) build(c *Config) error {
	ends, err := connect(c, []*Host{k.Client, k.Server})
	if err != nil {
		return err
	}
	inherit, err := inheritance(k.Client, k.Server)
	if err != nil {
		return err
	}
	defer inherit.close()
	k.Wire, err = wire.StartProcess(&wire.Config{
		Interfaces: [2]string(ends), Seed: c.Seed, Forget: c.Forget,
	}, inherit.environment(), inherit.files...)
	return err
}

// connect makes hosts, each with a cable, and introduces them to each other.
// It returns the cables' other ends, which are in the caller's namespace.
func connect(c *Config, hosts []*Host) ([]string, error) {
	ends := wireEnds(len(hosts))
	for i, h := range hosts {
		if err := h.create(ends[i]); err != nil {
			return nil, fmt.Errorf("host %s: %w", h.Name, err)
		}
		if err := quietEnd(ends[i]); err != nil {
			return nil, fmt.Errorf("wire end of host %s: %w", h.Name, err)
		}
		if err := h.tune(c.Hosts[h.Name]); err != nil {
			return nil, fmt.Errorf("host %s: %w", h.Name, err)
		}
		if err := h.openQueue(); err != nil {
			return nil, fmt.Errorf("host %s: %w", h.Name, err)
		}
	}
	for _, h := range hosts {
		for _, other := range hosts {
			if h == other {
				continue
			}
			if err := h.neighbour(other); err != nil {
				return nil, fmt.Errorf("host %s: neighbour: %w", h.Name, err)
			}
		}
	}
	return ends, nil
}

// endsMade counts the wire's ends of this process, so that several labs can
// run at once.
var endsMade atomic.Int64

// wireEnds names n new interfaces.
func wireEnds(n int) []string {
	last := endsMade.Add(int64(n))
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("wire%d", last-int64(n-i))
	}
	return names
}

// quietEnd sets up the wire's end of a cable: it must say nothing itself and
// hand over packets as they are.
func quietEnd(name string) error {
	path := "/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6"
	if err := os.WriteFile(path, []byte("1"), 0o644); err != nil && !os.IsNotExist(err) {
		return err // without IPv6 in the kernel the file is not there
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetARPOff(link); err != nil {
		return err
	}
	if err := disableOffloads(name); err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}

// Close ends the wire, if it still runs, and gives the hosts back.
func (k *Kernel) Close() error {
	var errs []error
	if k.Wire != nil {
		errs = append(errs, k.Wire.Close())
	}
	for _, h := range []*Host{k.Client, k.Server} {
		errs = append(errs, h.close())
	}
	return errors.Join(errs...)
}

// fragmentBytes bounds the memory in which a host keeps fragments until all of
// a datagram have come: 512 MiB.
const fragmentBytes = "536870912"

// Interface is the name of every host's interface to the wire.
const Interface = "eth0"

// Host is one machine of a lab: a network namespace with one interface.
type Host struct {
	Name       string
	IPv4, IPv6 netip.Addr
	ns         namespace
	netlink    *netlink.Handle
	hardware   net.HardwareAddr
	cable      netlink.Link // its end outside the namespace
}

// newClient names the i-th client host, from 0.
func newClient(i int) *Host { return newHost(clientName(i), clientNumber(i)) }

func newServer() *Host { return newHost(serverName, serverNumber) }

func newHost(name string, number byte) *Host {
	h := &Host{Name: name}
	h.IPv4, h.IPv6 = addresses(number)
	return h
}

// create makes the namespace and a cable whose other end, peer, is in the
// caller's namespace.
func (h *Host) create(peer string) error {
	var err error
	if h.ns, err = newNamespace(); err != nil {
		return err
	}
	if h.netlink, err = netlink.NewHandleAt(h.ns.handle); err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = peer
	cable := &netlink.Veth{LinkAttrs: attrs, PeerName: Interface, PeerNamespace: netlink.NsFd(int(h.ns.handle))}
	if err := netlink.LinkAdd(cable); err != nil {
		return fmt.Errorf("veth %s: %w", peer, err)
	}
	h.cable = cable
	if err := h.Do(h.quiet); err != nil {
		return err
	}
	return h.address()
}

// quiet keeps the kernel's own chatter off the wire; it runs in the namespace.
func (h *Host) quiet() error {
	for _, s := range []struct{ path, value string }{
		{"net/ipv6/conf/all/accept_dad", "0"},
		{"net/ipv6/conf/default/accept_dad", "0"},
		{"net/ipv6/conf/" + Interface + "/accept_dad", "0"},
		{"net/ipv6/conf/" + Interface + "/router_solicitations", "0"},
		{"net/ipv4/icmp_ratelimit", "0"}, // every refusal is told, none held back
		{"net/ipv6/icmp/ratelimit", "0"},
		{"net/ipv4/icmp_msgs_per_sec", "1000000"}, // a host's own since Linux 6.12; before, the machine's
		{"net/ipv4/icmp_msgs_burst", "1000000"},
		{"net/ipv4/ipfrag_high_thresh", fragmentBytes}, // the default holds what a lossy wire leaves of 2,000 datagrams
		{"net/ipv6/ip6frag_high_thresh", fragmentBytes},
		{"net/ipv4/ipfrag_time", "3"},     // seconds; longer, and the 16-bit identification comes round while pieces wait (RFC 4963)
		{"net/ipv4/ipfrag_max_dist", "0"}, // fragments that jitter mixes are put together however many others came between
	} {
		if err := os.WriteFile("/proc/sys/"+s.path, []byte(s.value), 0o644); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("sysctl %s: %w", s.path, err)
		}
	}
	return disableOffloads(Interface)
}

func (h *Host) address() error {
	lo, err := h.netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	eth, err := h.netlink.LinkByName(Interface)
	if err != nil {
		return err
	}
	h.hardware = eth.Attrs().HardwareAddr
	for _, p := range []netip.Prefix{netip.PrefixFrom(h.IPv4, 24), netip.PrefixFrom(h.IPv6, 64)} {
		addr, err := netlink.ParseAddr(p.String())
		if err != nil {
			return err
		}
		if p.Addr().Is6() {
			addr.Flags = nodad
		}
		if err := h.netlink.AddrAdd(eth, addr); err != nil && p.Addr().Is4() {
			return fmt.Errorf("address %v: %w", p, err)
		}
	}
	return errors.Join(h.netlink.LinkSetUp(lo), h.netlink.LinkSetUp(eth))
}

// neighbour tells h the other's hardware address for good: a lost ARP
// request would otherwise silently cost events.
func (h *Host) neighbour(other *Host) error {
	eth, err := h.netlink.LinkByName(Interface)
	if err != nil {
		return err
	}
	for _, a := range []netip.Addr{other.IPv4, other.IPv6} {
		family := netlink.FAMILY_V4
		if a.Is6() {
			family = netlink.FAMILY_V6
		}
		err := h.netlink.NeighSet(&netlink.Neigh{
			LinkIndex: eth.Attrs().Index, Family: family, State: netlink.NUD_PERMANENT,
			IP: a.AsSlice(), HardwareAddr: other.hardware,
		})
		if err != nil && a.Is4() {
			return err
		}
	}
	return nil
}

// close takes the host away. The cable goes at once: the kernel takes apart
// a namespace only some time after its last handle.
func (h *Host) close() error {
	var err error
	if h.cable != nil {
		err = netlink.LinkDel(h.cable)
	}
	if h.netlink != nil {
		h.netlink.Close()
	}
	return errors.Join(err, h.ns.close())
}
