package capture

import (
	"encoding/binary"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"rawlab/capture/pcapng"
)

// A block of the ring (linux/if_packet.h, tpacket_block_desc): version,
// offset to private data, then the header below, then packets, each behind
// a tpacket3_hdr and a sockaddr_ll.
const blockHeader = 8 // where the header starts

func (r *Ring) block() []byte {
	return r.mem[r.current*r.blockBytes : (r.current+1)*r.blockBytes]
}

func (r *Ring) header() *unix.TpacketHdrV1 {
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&r.block()[blockHeader]))
}

// ready reports whether the current block is ours.
func (r *Ring) ready() bool {
	return atomic.LoadUint32(&r.header().Block_status)&unix.TP_STATUS_USER != 0
}

// filling returns how many packets the kernel has put into the current
// block so far. It counts there openly, before it hands the block over.
func (r *Ring) filling() uint32 { return atomic.LoadUint32(&r.header().Num_pkts) }

// release gives the block read last back to the kernel. The kernel opens a
// block only when it needs one, so the count of the old packets goes first:
// filling must not see it.
func (r *Ring) release() {
	if !r.held {
		return
	}
	h := r.header()
	atomic.StoreUint32(&h.Num_pkts, 0)
	atomic.StoreUint32(&h.Block_status, unix.TP_STATUS_KERNEL)
	r.held = false
	r.current = (r.current + 1) % r.blocks
}

// take lists the packets of the current block.
func (r *Ring) take() []Packet {
	r.held = true
	r.batch = r.batch[:0]
	r.cutter.reset()
	b, h := r.block(), r.header()
	at := h.Offset_to_first_pkt
	for range h.Num_pkts {
		p := (*unix.Tpacket3Hdr)(unsafe.Pointer(&b[at]))
		ll := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&b[at+unix.SizeofTpacket3Hdr]))
		outgoing, flags := ll.Pkttype == unix.PACKET_OUTGOING, uint32(pcapng.FlagInbound)
		if outgoing {
			flags = pcapng.FlagOutbound
		}
		if !outgoing || !r.ignoreOutgoing { // kernels before 4.20 do not ignore them for us
			r.add(b[at:], p, outgoing, flags)
		}
		at += p.Next_offset
	}
	return r.batch
}

// add appends a packet to the batch, cut if it is a large one.
func (r *Ring) add(b []byte, p *unix.Tpacket3Hdr, outgoing bool, flags uint32) {
	var o offload
	large := false
	if r.split { // before the VLAN tag is put where this stands
		o, large = parseOffload(b[p.Mac-offloadBytes:])
	}
	packet := Packet{Time: time.Unix(int64(p.Sec), int64(p.Nsec)), Data: frame(b, p), Length: int(p.Len), Outgoing: outgoing, Flags: flags}
	if p.Status&unix.TP_STATUS_VLAN_VALID != 0 {
		packet.Length += vlanTag
		o.transport += vlanTag
	}
	if large {
		r.batch = r.cutter.cut(r.batch, &packet, o, r.link)
	} else {
		r.batch = append(r.batch, packet)
	}
}

// frame returns a packet's bytes, with the VLAN tag that the kernel took out
// (IEEE 802.1Q: after the two addresses) back in its place. The ring keeps
// room for it in front of every packet.
func frame(b []byte, p *unix.Tpacket3Hdr) []byte {
	from, to := int(p.Mac), int(p.Mac)+int(p.Snaplen)
	if p.Status&unix.TP_STATUS_VLAN_VALID == 0 || p.Snaplen < addresses {
		return b[from:to:to]
	}
	tpid := uint16(unix.ETH_P_8021Q)
	if p.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tpid = p.Hv1.Vlan_tpid
	}
	from -= vlanTag
	copy(b[from:], b[from+vlanTag:from+vlanTag+addresses])
	binary.BigEndian.PutUint16(b[from+addresses:], tpid)
	binary.BigEndian.PutUint16(b[from+addresses+2:], uint16(p.Hv1.Vlan_tci))
	return b[from:to:to]
}

const addresses = 12 // bytes of the two Ethernet addresses
