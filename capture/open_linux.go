package capture

import (
	"errors"
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"rawlab/capture/pcapng"
	"rawlab/internal/machine"
)

// OpenRing starts capturing in the network namespace of the calling thread;
// afterwards the ring may be used from any thread. Packets gather from now
// on. A process without the right gets a [*PermissionError].
func OpenRing(config *RingConfig) (*Ring, error) {
	c := config.withDefaults()
	r := &Ring{
		name: c.Interface, snapLen: uint32(c.SnapLen), ignoreOutgoing: c.IgnoreOutgoing,
		blockBytes: c.BlockBytes, blocks: c.Blocks, fd: -1, wake: -1,
	}
	if err := r.start(&c); err != nil {
		r.abandon()
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			return nil, &PermissionError{Err: err}
		}
		return nil, fmt.Errorf("capture on %s: %w", c.Interface, err)
	}
	return r, nil
}

// start opens the descriptors, the ring and, last, the tap: the socket has
// no protocol until it is bound, so not one packet comes in before the
// filter and the ring are there.
func (r *Ring) start(c *RingConfig) error {
	if c.Interface == "any" {
		return errors.New("one interface at a time; name it")
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	r.fd = fd
	if r.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	i, err := net.InterfaceByName(c.Interface)
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // without "route ip+net"
	}
	if err != nil {
		return err
	}
	if err := r.configure(c); err != nil {
		return err
	}
	if err := r.bind(i.Index); err != nil {
		return err
	}
	if !c.Promiscuous {
		return nil
	}
	m := unix.PacketMreq{Ifindex: int32(i.Index), Type: unix.PACKET_MR_PROMISC}
	return wrap("promiscuous mode", unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m))
}

// configure sets the options and maps the ring.
func (r *Ring) configure(c *RingConfig) error {
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("TPACKET_V3: %w", err)
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_RESERVE, vlanTag); err != nil {
		return fmt.Errorf("PACKET_RESERVE: %w", err)
	}
	if c.Split && machine.KernelAtLeast(6, 2) { // before, the kernel drops large datagrams that it would have to tell of
		if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
			return fmt.Errorf("PACKET_VNET_HDR: %w", err)
		}
		r.split = true
	}
	if c.IgnoreOutgoing {
		err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
		if err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
			return fmt.Errorf("PACKET_IGNORE_OUTGOING: %w", err)
		}
	}
	if err := r.attach(c.program()); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	// TPACKET_V3 packs packets of any size into a block; the frame size only
	// has to divide it.
	request := unix.TpacketReq3{
		Block_size: uint32(c.BlockBytes), Block_nr: uint32(c.Blocks),
		Frame_size: uint32(c.BlockBytes), Frame_nr: uint32(c.Blocks),
		Retire_blk_tov: uint32(retire.Milliseconds()),
	}
	if err := unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		return fmt.Errorf("ring of %d blocks of %d bytes: %w", c.Blocks, c.BlockBytes, err)
	}
	mem, err := unix.Mmap(r.fd, 0, c.BlockBytes*c.Blocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	r.mem = mem
	return wrap("mmap", err)
}

// bind attaches the socket to the interface and learns its link type.
func (r *Ring) bind(index int) error {
	const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8 // network byte order
	if err := unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: all & 0xffff, Ifindex: index}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if n, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil {
		return err
	} else if n != 0 {
		return unix.Errno(n) // ENETDOWN: the interface is down
	}
	name, err := unix.Getsockname(r.fd)
	if err != nil {
		return fmt.Errorf("getsockname: %w", err)
	}
	hardware := name.(*unix.SockaddrLinklayer).Hatype
	switch hardware {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		r.link = pcapng.LinkEthernet
	case unix.ARPHRD_NONE, unix.ARPHRD_PPP, unix.ARPHRD_RAWIP, unix.ARPHRD_TUNNEL, unix.ARPHRD_SIT:
		r.link = pcapng.LinkRaw
	default:
		return fmt.Errorf("its hardware type %d is not supported", hardware)
	}
	return nil
}

func (r *Ring) attach(program []bpf.RawInstruction) error {
	filters := make([]unix.SockFilter, len(program))
	for i, in := range program {
		filters[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return unix.SetsockoptSockFprog(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filters)), Filter: unsafe.SliceData(filters)})
}

// refuseAll lets nothing more into the ring, so that draining it has an end.
func (r *Ring) refuseAll() error {
	const returnConstant = 0x06
	return wrap("capture on "+r.name+": filter", r.attach([]bpf.RawInstruction{{Op: returnConstant}}))
}

// abandon frees what a failed start has opened.
func (r *Ring) abandon() {
	if r.mem != nil {
		unix.Munmap(r.mem)
	}
	for _, fd := range []int{r.fd, r.wake} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
