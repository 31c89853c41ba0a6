package pcapng

import (
	"bytes"
	"encoding/binary"
	"iter"
	"time"
)

// startSection reads a section header block's body.
func (r *Reader) startSection(b []byte) error {
	if len(b) < 16 {
		return r.bad("a section header of %d bytes is too short", len(b))
	}
	if major := r.order.Uint16(b[4:]); major != 1 {
		return r.bad("version %d of pcapng is not known, only version 1", major)
	}
	if len(r.sections) >= maxSections {
		return r.bad("more than %d sections", maxSections)
	}
	s := Section{BigEndian: r.order == binary.BigEndian}
	r.first = len(r.interfaces)
	for code, value := range r.options(b[16:]) {
		switch {
		case code == optComment && s.Comment == "":
			s.Comment = string(value)
		case code == optHardware:
			s.Hardware = string(value)
		case code == optOS:
			s.OS = string(value)
		case code == optApplication:
			s.Application = string(value)
		default:
			s.Options = append(s.Options, Option{code, bytes.Clone(value)})
		}
	}
	r.sections = append(r.sections, s)
	return nil
}

// addInterface reads an interface description block's body.
func (r *Reader) addInterface(b []byte) error {
	if len(b) < 8 {
		return r.bad("an interface description of %d bytes is too short", len(b))
	}
	if len(r.interfaces) >= maxInterfaces {
		return r.bad("more than %d interfaces", maxInterfaces)
	}
	i := Interface{LinkType: r.order.Uint16(b), SnapLen: r.order.Uint32(b[4:]), Section: len(r.sections) - 1}
	c := microseconds
	for code, value := range r.options(b[8:]) {
		switch {
		case code == optName:
			i.Name = string(value)
		case code == optDescription:
			i.Description = string(value)
		case code == optFilter && len(value) > 0 && value[0] == 0:
			i.Filter = string(value[1:])
		case code == optResolution && len(value) == 1:
			var known bool
			if c.perSecond, known = perSecond(value[0]); !known {
				return r.bad("time resolution %#02x is not usable", value[0])
			}
		case code == optOffset && len(value) == 8:
			c.offset = int64(r.order.Uint64(value))
		default:
			i.Options = append(i.Options, Option{code, bytes.Clone(value)})
		}
	}
	r.interfaces = append(r.interfaces, i)
	r.clocks = append(r.clocks, c)
	return nil
}

// enhanced reads an enhanced packet block's body:
// interface, time high, time low, captured length, original length, data, options.
func (r *Reader) enhanced(b []byte) (Packet, error) {
	if len(b) < 20 {
		return Packet{}, r.bad("an enhanced packet block of %d bytes is too short", len(b))
	}
	p, rest, err := r.timed(uint64(r.order.Uint32(b)), b[4:])
	if err != nil {
		return Packet{}, err
	}
	r.others = r.others[:0]
	for code, value := range r.options(rest) {
		switch {
		case code == optComment:
			p.Comments = append(p.Comments, string(value))
		case code == optFlags && len(value) == 4:
			p.Flags = r.order.Uint32(value)
		case code == optDropCount && len(value) == 8:
			p.Dropped = r.order.Uint64(value)
		default:
			r.others = append(r.others, Option{code, value})
		}
	}
	if len(r.others) > 0 {
		p.Options = r.others
	}
	return p, nil
}

// old reads the body of the packet block that came before the enhanced one
// and is still found in files: u16 interface, u16 drops, then the same.
func (r *Reader) old(b []byte) (Packet, error) {
	if len(b) < 20 {
		return Packet{}, r.bad("a packet block of %d bytes is too short", len(b))
	}
	p, _, err := r.timed(uint64(r.order.Uint16(b)), b[4:])
	if dropped := r.order.Uint16(b[2:]); dropped != 0xffff { // all ones: not known
		p.Dropped = uint64(dropped)
	}
	return p, err
}

// timed reads time, lengths and data, and returns what follows them.
func (r *Reader) timed(id uint64, b []byte) (Packet, []byte, error) {
	i, err := r.lookup(id)
	if err != nil {
		return Packet{}, nil, err
	}
	ticks := uint64(r.order.Uint32(b))<<32 | uint64(r.order.Uint32(b[4:]))
	size := int64(r.order.Uint32(b[8:]))
	data := b[16:]
	if size > int64(len(data)) {
		return Packet{}, nil, r.bad("a packet claims %d bytes in a block that holds %d", size, len(data))
	}
	p := Packet{Interface: i, Time: r.clocks[i].time(ticks), Data: data[:size:size], Length: int(r.order.Uint32(b[12:]))}
	p.Length = max(p.Length, len(p.Data))
	return p, data[min(int(size+3)&^3, len(data)):], nil
}

// simple reads a simple packet block's body. It has no time and belongs to
// the section's first interface, whose snap length says how much was kept.
func (r *Reader) simple(b []byte) (Packet, error) {
	if len(b) < 4 {
		return Packet{}, r.bad("a simple packet block of %d bytes is too short", len(b))
	}
	i, err := r.lookup(0)
	if err != nil {
		return Packet{}, err
	}
	length := int64(r.order.Uint32(b))
	size := length
	if snap := int64(r.interfaces[i].SnapLen); snap > 0 {
		size = min(size, snap)
	}
	data := b[4:]
	if size > int64(len(data)) {
		return Packet{}, r.bad("a packet claims %d bytes in a block that holds %d", size, len(data))
	}
	return Packet{Interface: i, Time: time.Unix(0, 0).UTC(), Data: data[:size:size], Length: int(length)}, nil
}

// lookup turns a section's interface number into an index over the file.
func (r *Reader) lookup(id uint64) (int, error) {
	if have := len(r.interfaces) - r.first; id >= uint64(have) {
		return 0, r.bad("a block names interface %d, but only %d are described", id, have)
	}
	return r.first + int(id), nil
}

// options yields the options in b, until their end or until one does not fit.
func (r *Reader) options(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			code, size := r.order.Uint16(b), int(r.order.Uint16(b[2:]))
			b = b[4:]
			if code == optEnd || size > len(b) {
				return
			}
			value := b[:size]
			if code == optComment { // some writers end texts with a zero
				value = bytes.TrimRight(value, "\x00")
			}
			if !yield(code, value) {
				return
			}
			b = b[min((size+3)&^3, len(b)):]
		}
	}
}
