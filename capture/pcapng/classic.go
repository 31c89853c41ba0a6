package pcapng

import (
	"encoding/binary"
	"time"
)

// The classic format (draft-ietf-opsawg-pcap): a header of 24 bytes, then
// records of 16 bytes and the packet.
const (
	classicHeader = 24
	recordHeader  = 16
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
)

func (r *Reader) readClassicHeader() error {
	magic, err := r.r.Peek(4)
	if err != nil {
		return r.cut(err)
	}
	perSecond, known := uint64(0), false
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(magic) {
		case magicMicro:
			r.order, perSecond, known = order, 1e6, true
		case magicNano:
			r.order, perSecond, known = order, 1e9, true
		}
	}
	if !known {
		return r.bad("it starts with % x, which is neither pcapng nor pcap", magic)
	}
	b, err := r.read(classicHeader)
	if err != nil {
		return err
	}
	r.classic, r.sections = true, []Section{{}}
	// The upper half of the link type holds the length of a frame check sequence.
	r.interfaces = []Interface{{LinkType: uint16(r.order.Uint32(b[20:])), SnapLen: r.order.Uint32(b[16:])}}
	r.clocks = []clock{{perSecond: perSecond}}
	return nil
}

// readRecord reads one packet: seconds, fraction, captured length, original length, data.
func (r *Reader) readRecord() (Packet, error) {
	r.offset = r.next
	if _, err := r.r.Peek(1); err != nil {
		return Packet{}, r.ended(err)
	}
	b, err := r.read(recordHeader)
	if err != nil {
		return Packet{}, err
	}
	ns := uint64(r.order.Uint32(b[4:])) * (1e9 / r.clocks[0].perSecond)
	when := time.Unix(int64(r.order.Uint32(b)), int64(ns)).UTC()
	size, length := r.order.Uint32(b[8:]), r.order.Uint32(b[12:])
	if size > MaxBlock {
		return Packet{}, r.bad("a packet claims %d bytes, over the limit of %d", size, MaxBlock)
	}
	data, err := r.read(int(size))
	if err != nil {
		return Packet{}, err
	}
	return Packet{Time: when, Data: data, Length: int(max(length, size))}, nil
}
