package reasons

import (
	"fmt"
	"time"
)

// Drop is one packet that the kernel threw away.
type Drop struct {
	Time      time.Time
	Reason    string // in the kernel's words, without SKB_DROP_REASON_: NO_SOCKET
	Namespace uint32 // inode number of the network namespace, 0 if the packet no longer says
	Length    int    // bytes that the packet had, as the kernel counted them there
	Segment   int    // payload bytes of each datagram or segment that a large packet stands for (GSO, GRO); 0: it is one packet
	Packet    []byte // its first bytes, from the IP header on; at most PacketBytes
}

// PacketBytes is how much of a dropped packet is kept: IPv6's header, one for
// fragments, UDP's or TCP's and our frame's fit.
const PacketBytes = 128

// Config says what to watch. The zero value watches everything.
type Config struct {
	Namespaces []uint32 // of the network, by inode number; packets that no longer say theirs are told too
	RingBytes  int      // between the kernel and us, a power of two, default DefaultRing
}

// DefaultRing is the size of the ring buffer in bytes: room for 40,000 drops.
const DefaultRing = 8 << 20

// UnavailableError says why the kernel's reasons cannot be had here.
type UnavailableError struct {
	What string // is lacking, and what to do
	Err  error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("the kernel's drop reasons: %s: %v", e.What, e.Err)
}
func (e *UnavailableError) Unwrap() error { return e.Err }
