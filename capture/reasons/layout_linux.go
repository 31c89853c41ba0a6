package reasons

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// layout is where the running kernel keeps what the program reads, as offsets
// in bytes.
type layout struct {
	head, tail, end, network, length, protocol, device, socket int32 // in a sk_buff
	segment                                                    int32 // in a skb_shared_info, which is at the end
	deviceNet                                                  int32 // in a net_device
	socketNet                                                  int32 // in a sock
	inode                                                      int32 // in a net

	receiver bool // the tracepoint says for which socket the packet was (since Linux 6.11)
	reasons  map[uint32]string
}

// readLayout asks the kernel's type information.
func readLayout(spec *btf.Spec) (*layout, error) {
	l := &layout{reasons: map[uint32]string{}}
	for _, f := range []struct {
		to   *int32
		path string // a type's name and its members', each in the one before
	}{
		{&l.head, "sk_buff.head"}, {&l.tail, "sk_buff.tail"}, {&l.end, "sk_buff.end"}, {&l.network, "sk_buff.network_header"},
		{&l.length, "sk_buff.len"}, {&l.protocol, "sk_buff.protocol"}, {&l.device, "sk_buff.dev"}, {&l.socket, "sk_buff.sk"},
		{&l.segment, "skb_shared_info.gso_size"},
		{&l.deviceNet, "net_device.nd_net.net"}, {&l.socketNet, "sock.__sk_common.skc_net.net"}, {&l.inode, "net.ns.inum"},
	} {
		at, err := offsetOf(spec, f.path)
		if err != nil {
			return nil, err
		}
		*f.to = at
	}
	var reasons *btf.Enum
	if err := spec.TypeByName("skb_drop_reason", &reasons); err != nil {
		return nil, fmt.Errorf("enum skb_drop_reason: %w", err) // before Linux 5.17 there are none
	}
	for _, v := range reasons.Values {
		l.reasons[uint32(v.Value)] = strings.TrimPrefix(v.Name, "SKB_DROP_REASON_")
	}
	return l, l.readArguments(spec)
}

// readArguments looks at what the tracepoint passes.
func (l *layout) readArguments(spec *btf.Spec) error {
	var call *btf.Typedef
	if err := spec.TypeByName("btf_trace_kfree_skb", &call); err != nil {
		return fmt.Errorf("tracepoint kfree_skb: %w", err)
	}
	pointer, ok := call.Type.(*btf.Pointer)
	if !ok {
		return fmt.Errorf("tracepoint kfree_skb is a %T", call.Type)
	}
	function, ok := pointer.Target.(*btf.FuncProto)
	if !ok || len(function.Params) < 4 { // context, packet, place, reason
		return fmt.Errorf("tracepoint kfree_skb does not pass a reason")
	}
	l.receiver = len(function.Params) > 4
	return nil
}

// offsetOf finds a member of a structure; those in unnamed structures and
// unions of it are its own.
func offsetOf(spec *btf.Spec, path string) (int32, error) {
	names := strings.Split(path, ".")
	var s *btf.Struct
	if err := spec.TypeByName(names[0], &s); err != nil {
		return 0, fmt.Errorf("struct %s: %w", names[0], err)
	}
	var at uint32
	var in btf.Type = s
	for _, name := range names[1:] {
		m, from, ok := member(in, name)
		if !ok {
			return 0, fmt.Errorf("%s: the kernel has no member %s", path, name)
		}
		at, in = at+from, m
	}
	return int32(at), nil
}

func member(in btf.Type, name string) (btf.Type, uint32, bool) {
	var members []btf.Member
	switch t := btf.UnderlyingType(in).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		if m.Name == name {
			return m.Type, m.Offset.Bytes(), true
		}
		if m.Name == "" {
			if t, at, ok := member(m.Type, name); ok {
				return t, m.Offset.Bytes() + at, true
			}
		}
	}
	return nil, 0, false
}
