package wire

import (
	"bytes"
	"encoding/binary"
)

// A bundle is neighbouring frames of one flow that differ only in what a
// network card changes when it cuts a large packet: lengths, numbers,
// checksums. The kernel takes it as one packet, cuts it (generic segmentation
// offload) and delivers the same frames, byte for byte, for much less work
// than frame after frame. A frame whose checksums are wrong is in no bundle.

const (
	maxBundle      = 64    // frames
	maxBundleBytes = 65000 // that an IP length can count

	maxHeaders = ethernetHeader + 40 + 60 // Ethernet, IPv6, TCP with all options

	tcpPSH, tcpACK, tcpECE = 0x08, 0x10, 0x40
)

// parcel is a frame with its outline.
type parcel struct {
	frame   []byte
	outline outline

	translated bool // other bytes than came, see Translation
}

// outline is where the parts of a frame begin that may be in a bundle; zero
// if it must go by itself.
type outline struct {
	transport, payload uint16
	protocol           uint8
}

// newParcel finds the outline of a frame, which stays the caller's.
func newParcel(f []byte) parcel {
	o := outlineOf(f)
	if t := f[o.transport:]; o.payload > 0 && sum(o.pseudo(f, len(t)), t) != allOnes {
		o = outline{}
	}
	return parcel{frame: f, outline: o}
}

// copyParcel is newParcel of a copy, made in a buffer with room for the frame.
func copyParcel(buffer, f []byte) parcel {
	o := outlineOf(f)
	buffer = append(buffer[:0], f[:o.transport]...)
	if o.payload == 0 {
		return parcel{frame: append(buffer, f...), outline: o}
	}
	t := f[o.transport:]
	buffer = buffer[:len(f)]
	if copySum(buffer[o.transport:], o.pseudo(f, len(t)), t) != allOnes {
		o = outline{}
	}
	return parcel{frame: buffer, outline: o}
}

// outlineOf returns the outline of a frame as its headers say, the checksum
// of TCP and UDP apart.
func outlineOf(f []byte) (o outline) {
	if len(f) < ethernetHeader+20 {
		return outline{}
	}
	ip := f[ethernetHeader:]
	switch binary.BigEndian.Uint16(f[12:]) {
	case ethIPv4:
		if ip[0] != 0x45 || int(binary.BigEndian.Uint16(ip[2:])) != len(ip) || binary.BigEndian.Uint16(ip[6:])&^dontFragment != 0 ||
			binary.BigEndian.Uint16(ip[10:]) == allOnes || sum(0, ip[:20]) != allOnes {
			return outline{}
		}
		o.transport, o.protocol = ethernetHeader+20, ip[9]
	case ethIPv6:
		if len(ip) < 40 || int(binary.BigEndian.Uint16(ip[4:])) != len(ip)-40 {
			return outline{}
		}
		o.transport, o.protocol = ethernetHeader+40, ip[6]
	default:
		return outline{}
	}
	t := f[o.transport:]
	switch {
	case o.protocol == ProtocolUDP && len(t) > 8 && int(binary.BigEndian.Uint16(t[4:])) == len(t) && binary.BigEndian.Uint16(t[6:]) != 0:
		o.payload = o.transport + 8
	case o.protocol == ProtocolTCP && len(t) > 20:
		header := uint16(t[12]>>4) * 4
		if header < 20 || len(t) <= int(header) || t[12]&15 != 0 || t[13]&^(tcpPSH|tcpFIN|tcpECE) != tcpACK ||
			binary.BigEndian.Uint16(t[16:]) == allOnes || binary.BigEndian.Uint16(t[18:]) != 0 {
			return outline{}
		}
		o.payload = o.transport + header
	default:
		return outline{}
	}
	return o
}

const dontFragment = 0x4000

// pseudo sums up the pseudo-header for a length of header and payload (RFC
// 9293, section 3.1; RFC 8200, section 8.1).
func (o *outline) pseudo(f []byte, length int) uint64 {
	addresses := f[ethernetHeader+12 : ethernetHeader+20]
	if o.version6() {
		addresses = f[ethernetHeader+8 : ethernetHeader+40]
	}
	return uint64(sum(uint64(o.protocol)+uint64(length), addresses))
}

// follows tells whether next may stand behind p in a bundle.
func (p *parcel) follows(next *parcel) bool {
	o := &p.outline
	return next.outline == *o && len(next.frame) <= len(p.frame) &&
		o.sameNetwork(p.frame, next.frame) && o.sameTransport(p.frame, next.frame)
}

func (o *outline) sameNetwork(f, next []byte) bool {
	const ip = ethernetHeader
	if o.version6() { // all but the length
		return bytes.Equal(f[:ip+4], next[:ip+4]) && bytes.Equal(f[ip+6:ip+40], next[ip+6:ip+40])
	}
	return bytes.Equal(f[:ip+2], next[:ip+2]) &&
		binary.BigEndian.Uint16(next[ip+4:]) == binary.BigEndian.Uint16(f[ip+4:])+1 &&
		bytes.Equal(f[ip+6:ip+10], next[ip+6:ip+10]) && bytes.Equal(f[ip+12:ip+20], next[ip+12:ip+20])
}

func (o *outline) sameTransport(f, next []byte) bool {
	a, b := f[o.transport:o.payload], next[o.transport:o.payload]
	if !bytes.Equal(a[:4], b[:4]) { // the ports
		return false
	}
	if o.protocol == ProtocolUDP {
		return true
	}
	sequence := binary.BigEndian.Uint32(a[4:]) + uint32(len(f)-int(o.payload))
	return binary.BigEndian.Uint32(b[4:]) == sequence && bytes.Equal(a[8:13], b[8:13]) &&
		a[13]&(tcpPSH|tcpFIN) == 0 && a[13] == b[13]&^(tcpPSH|tcpFIN) &&
		bytes.Equal(a[14:16], b[14:16]) && bytes.Equal(a[18:], b[18:])
}

// bundled returns how many of the parcels, from the first on, can go as one.
// All but the last have the same length.
func bundled(parcels []parcel) int {
	first := &parcels[0]
	if first.outline.payload == 0 {
		return 1
	}
	n, size := 1, len(first.frame)
	for n < min(len(parcels), maxBundle) && len(parcels[n-1].frame) == len(first.frame) && parcels[n-1].follows(&parcels[n]) {
		if size += len(parcels[n].frame) - int(first.outline.payload); size > maxBundleBytes {
			break
		}
		n++
	}
	return n
}

// The header that stands before a packet on its way to the kernel: struct
// virtio_net_hdr of <linux/virtio_net.h>, in the machine's byte order.
const (
	offloadBytes = 10
	needsSum     = 1 // flag: the kernel is to fill in the checksum
	cutTCP4      = 1
	cutTCP6      = 4
	cutUDP       = 5 // Linux 6.2
)

// wrap writes the offload header and the headers of a whole bundle to dst,
// which has room for both, and returns their length.
func wrap(dst []byte, bundle []parcel) int {
	o, first, last := &bundle[0].outline, bundle[0].frame, bundle[len(bundle)-1].frame
	length := int(o.payload - o.transport) // of TCP's or UDP's packet
	for i := range bundle {
		length += len(bundle[i].frame) - int(o.payload)
	}
	h := dst[offloadBytes:]
	t := h[o.transport:copy(h, first[:o.payload])]
	if o.version6() {
		binary.BigEndian.PutUint16(h[ethernetHeader+4:], uint16(length))
	} else {
		binary.BigEndian.PutUint16(h[ethernetHeader+2:], uint16(20+length))
	}
	kind, checksum := uint8(cutUDP), uint16(6)
	if o.protocol == ProtocolUDP {
		binary.BigEndian.PutUint16(t[4:], uint16(length))
	} else {
		t[13] = last[o.transport+13] // PSH and FIN come with the last
		if kind, checksum = cutTCP4, 16; o.version6() {
			kind = cutTCP6
		}
	}
	binary.BigEndian.PutUint16(t[checksum:], uint16(o.pseudo(h, length)))
	dst[0], dst[1] = needsSum, kind
	for i, v := range [...]uint16{o.payload, uint16(len(first)) - o.payload, o.transport, checksum} {
		binary.NativeEndian.PutUint16(dst[2+2*i:], v)
	}
	return offloadBytes + int(o.payload)
}

func (o *outline) version6() bool { return o.transport > ethernetHeader+20 }
