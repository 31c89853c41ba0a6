// Package reasons asks the kernel why it drops packets.
//
// Wherever Linux throws a packet away it passes the tracepoint skb:kfree_skb,
// with a reason since Linux 5.17. A small eBPF program there copies the reason
// and the beginning of the packet, from its IP header on, far enough for our
// frame's origin, sequence and time:
//
//	kfree_skb ─ program ─ ring buffer ─ Watch.Take
//	               └ counts what the ring has no room for: Watch.Lost
//
// The program is assembled here, for the kernel that runs: where a field lies
// and what a reason is called its own type information (BTF) says. No compiler
// is needed, but a right is (CAP_BPF and CAP_PERFMON), in the machine's first
// user namespace. The package knows nothing of events and fates.
package reasons
