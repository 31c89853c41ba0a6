package pcapng

// The classic format (draft-ietf-opsawg-pcap): a header of 24 bytes, then
// records of 16 bytes and the packet.
const (
	classicHeader = 24
	recordHeader  = 16
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
)

func (r *Reader) readClassicHeader() error {
	b, err := r.w.peek(classicHeader)
	if len(b) < 4 {
		return r.cut(err)
	}
	perSecond, known := uint64(0), false
	for _, order := range []endian{false, true} {
		switch order.u32(b) {
		case magicMicro:
			r.endian, perSecond, known = order, 1e6, true
		case magicNano:
			r.endian, perSecond, known = order, 1e9, true
		}
	}
	if !known {
		return r.bad("it starts with % x, which is neither pcapng nor pcap", b[:4])
	}
	if err != nil {
		return r.cut(err)
	}
	r.classic, r.sections = true, []Section{{}}
	// The upper half of the link type holds the length of a frame check sequence.
	r.interfaces = []Interface{{LinkType: uint16(r.u32(b[20:])), SnapLen: r.u32(b[16:])}}
	r.clocks = []clock{{perSecond: perSecond}}
	r.pass(classicHeader)
	return nil
}
