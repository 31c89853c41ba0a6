package pcapng

import (
	"bytes"
	"iter"
)

// startSection reads a section header block's body.
func (r *Reader) startSection(b []byte) error {
	if len(b) < 16 {
		return r.bad("a section header of %d bytes is too short", len(b))
	}
	if major := r.u16(b[4:]); major != 1 {
		return r.bad("version %d of pcapng is not known, only version 1", major)
	}
	if len(r.sections) >= maxSections {
		return r.bad("more than %d sections", maxSections)
	}
	s := Section{BigEndian: bool(r.endian)}
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
	i := Interface{LinkType: r.u16(b), SnapLen: r.u32(b[4:]), Section: len(r.sections) - 1}
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
			c.offset = int64(r.u64(value))
		default:
			i.Options = append(i.Options, Option{code, bytes.Clone(value)})
		}
	}
	r.interfaces = append(r.interfaces, i)
	r.clocks = append(r.clocks, c)
	return nil
}

// packet reads a block's body with the options of the packet.
func (r *Reader) packet(kind uint32, b []byte) (Packet, error) {
	var raw Raw
	rest, err := r.raw(kind, b, &raw)
	if err != nil {
		return Packet{}, err
	}
	p := Packet{Interface: raw.Interface, Time: r.time(&raw), Data: raw.Data, Length: raw.Length}
	switch {
	case r.classic:
	case kind == blockOldPacket:
		if dropped := r.u16(b[2:]); dropped != 0xffff { // all ones: not known
			p.Dropped = uint64(dropped)
		}
	case kind == blockEnhanced && len(rest) > 0:
		r.packetOptions(&p, rest)
	}
	return p, nil
}

// packetOptions reads what an enhanced packet block has behind the data.
func (r *Reader) packetOptions(p *Packet, b []byte) {
	r.others = r.others[:0]
	for code, value := range r.options(b) {
		switch {
		case code == optComment:
			p.Comments = append(p.Comments, string(value))
		case code == optFlags && len(value) == 4:
			p.Flags = r.u32(value)
		case code == optDropCount && len(value) == 8:
			p.Dropped = r.u64(value)
		default:
			r.others = append(r.others, Option{code, value})
		}
	}
	if len(r.others) > 0 {
		p.Options = r.others
	}
}

// options yields the options in b, until their end or until one does not fit.
func (s *scope) options(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			code, size := s.u16(b), int(s.u16(b[2:]))
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
