package capture

import (
	"encoding/binary"
	"fmt"

	"rawlab/capture/pcapng"
)

// offload is what a system says of a packet that hardware, or the system
// itself further down, is still to cut: struct virtio_net_hdr of
// <linux/virtio_net.h>.
type offload struct {
	kind      byte
	size      int // bytes of payload in each piece
	transport int // where TCP's or UDP's header begins
}

// offloadBytes is the size of the header that tells it.
const offloadBytes = 10

// Kinds of offload. Bit 7 says that TCP uses ECN.
const (
	cutTCP4 = 1
	cutTCP6 = 4
	cutUDP  = 5
	cutECN  = 0x80
)

// parseOffload reads the header of the system. It reports false for a packet
// that is not to be cut.
func parseOffload(b []byte) (o offload, ok bool) {
	o = offload{
		kind: b[1] &^ cutECN, size: int(binary.NativeEndian.Uint16(b[4:])), transport: int(binary.NativeEndian.Uint16(b[6:])),
	}
	return o, o.kind != 0 && o.size > 0
}

// cutter cuts large packets into those that they stand for. Their bytes are
// valid until reset.
type cutter struct {
	room    []byte
	network int // where IP's header begins
	header  int // bytes before the payload
}

func (c *cutter) reset() { c.room = c.room[:0] }

// cut appends the pieces of p to batch: each with the headers it will have, a
// comment that says what it is cut from, and a checksum that is not computed,
// as the system leaves it. What is not understood stays whole, and says so.
func (c *cutter) cut(batch []Packet, p *Packet, o offload, link uint16) []Packet {
	if !c.understand(p.Data, o, link) || p.Length <= c.header+o.size {
		if p.Length > c.header+o.size {
			whole := *p
			whole.Comments = []string{"large packet, not yet cut when it was captured"}
			return append(batch, whole)
		}
		return append(batch, *p)
	}
	pieces := (p.Length - c.header + o.size - 1) / o.size
	for i := range pieces {
		from := c.header + i*o.size
		to := min(from+o.size, p.Length)
		piece := *p
		piece.Data = c.piece(p.Data, min(from, len(p.Data)), min(to, len(p.Data)), i, to-from, i == pieces-1, o)
		piece.Length = c.header + to - from
		piece.Comments = []string{fmt.Sprintf("%d of %d, cut from a large packet of %d bytes", i+1, pieces, p.Length)}
		batch = append(batch, piece)
	}
	return batch
}

// understand finds where the headers of a packet begin and end.
func (c *cutter) understand(b []byte, o offload, link uint16) bool {
	c.network = 0
	if link == pcapng.LinkEthernet {
		for c.network = 12; len(b) >= c.network+2 && isVLAN(binary.BigEndian.Uint16(b[c.network:])); c.network += vlanTag {
		}
		c.network += 2
	}
	if len(b) < o.transport+20 || o.transport < c.network+20 {
		return false
	}
	ip := b[c.network:]
	protocol := ip[9]
	switch o.kind {
	case cutTCP4:
		if ip[0]>>4 != 4 || protocol != 6 || c.network+int(ip[0]&15)*4 != o.transport {
			return false
		}
	case cutTCP6:
		if ip[0]>>4 != 6 || o.transport < c.network+40 {
			return false
		}
	case cutUDP:
		if ip[0]>>4 == 4 && (protocol != 17 || c.network+int(ip[0]&15)*4 != o.transport) || ip[0]>>4 == 6 && o.transport < c.network+40 {
			return false
		}
		c.header = o.transport + 8
		return true
	default:
		return false
	}
	c.header = o.transport + int(b[o.transport+12]>>4)*4
	return c.header >= o.transport+20 && c.header <= len(b)
}

// vlanTag is the size of what stands between the addresses and the type of
// a frame in a virtual network (IEEE 802.1Q).
const vlanTag = 4

func isVLAN(etherType uint16) bool { return etherType == 0x8100 || etherType == 0x88a8 }

// piece returns the nth of the packets in b, with the payload [from, to) as
// far as it was captured, and length bytes of it.
func (c *cutter) piece(b []byte, from, to, nth, length int, last bool, o offload) []byte {
	need := c.header + to - from
	if cap(c.room)-len(c.room) < need {
		c.room = make([]byte, 0, max(need, 1<<20)) // the old one lives on in what was cut
	}
	at := len(c.room)
	c.room = append(append(c.room, b[:c.header]...), b[from:to]...)
	p := c.room[at:len(c.room):len(c.room)]
	ip, t := p[c.network:], p[o.transport:]
	size := c.header - o.transport + length // of TCP or UDP
	if ip[0]>>4 == 4 {
		binary.BigEndian.PutUint16(ip[2:], uint16(o.transport-c.network+size))
		binary.BigEndian.PutUint16(ip[4:], binary.BigEndian.Uint16(ip[4:])+uint16(nth))
		binary.BigEndian.PutUint16(ip[10:], 0)
		binary.BigEndian.PutUint16(ip[10:], ^add(0, ip[:o.transport-c.network]))
	} else {
		binary.BigEndian.PutUint16(ip[4:], uint16(o.transport-c.network-40+size))
	}
	if o.kind == cutUDP {
		binary.BigEndian.PutUint16(t[4:], uint16(size))
		binary.BigEndian.PutUint16(t[6:], pseudo(ip, 17, size))
		return p
	}
	binary.BigEndian.PutUint32(t[4:], binary.BigEndian.Uint32(t[4:])+uint32(nth*o.size))
	const fin, psh, cwr = 0x01, 0x08, 0x80
	if !last {
		t[13] &^= fin | psh
	}
	if nth > 0 {
		t[13] &^= cwr // RFC 3168, section 6.1.2: once
	}
	binary.BigEndian.PutUint16(t[16:], pseudo(ip, 6, size))
	return p
}

// pseudo sums the pseudo-header (RFC 9293, section 3.1; RFC 8200, section
// 8.1), which a sender leaves in the checksum's place for hardware to go on.
func pseudo(ip []byte, protocol byte, length int) uint16 {
	addresses := ip[12:20]
	if ip[0]>>4 == 6 {
		addresses = ip[8:40]
	}
	return add(uint32(protocol)+uint32(length), addresses)
}

// add sums up 16-bit words with end-around carry (RFC 1071).
func add(sum uint32, b []byte) uint16 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
