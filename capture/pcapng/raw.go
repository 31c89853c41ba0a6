package pcapng

import "time"

// Raw is a packet as it stands in a file, without the options behind it.
type Raw struct {
	Interface int // index into the interfaces of the whole file
	Data      []byte
	Length    int // bytes the packet had when it was captured; more than len(Data) if it was cut

	ticks   uint64
	untimed bool // its block has no time
}

// isPacket reports whether blocks of a type hold one packet each. Records do.
func (s *scope) isPacket(kind uint32) bool {
	return kind == blockEnhanced || kind == blockSimple || kind == blockOldPacket || s.classic
}

// changes reports whether blocks of a type change what others mean.
func (s *scope) changes(kind uint32) bool {
	return (kind == blockSection || kind == blockInterface) && !s.classic
}

// raw reads the packet in a block's body, and returns what follows its data.
func (s *scope) raw(kind uint32, b []byte, p *Raw) (rest []byte, err error) {
	switch {
	case s.classic:
		return nil, s.record(b, p)
	case kind == blockEnhanced:
		if len(b) < 20 {
			return nil, s.bad("an enhanced packet block of %d bytes is too short", len(b))
		}
		return s.timed(s.u32(b), b[4:], p)
	case kind == blockOldPacket: // u16 interface, u16 drops, then the same
		if len(b) < 20 {
			return nil, s.bad("a packet block of %d bytes is too short", len(b))
		}
		return s.timed(uint32(s.u16(b)), b[4:], p)
	}
	return nil, s.simple(b, p)
}

// timed reads what follows the interface of a packet: time high, time low,
// captured length, original length, data.
func (s *scope) timed(id uint32, b []byte, p *Raw) (rest []byte, err error) {
	i, err := s.lookup(id)
	if err != nil {
		return nil, err
	}
	size, data := int64(s.u32(b[8:])), b[16:]
	if size > int64(len(data)) {
		return nil, s.bad("a packet claims %d bytes in a block that holds %d", size, len(data))
	}
	*p = Raw{Interface: i, Data: data[:size:size], Length: max(int(s.u32(b[12:])), int(size)), ticks: s.ticks(b)}
	return data[min(int(size+3)&^3, len(data)):], nil
}

// simple reads a simple packet block's body. It has no time and belongs to
// the section's first interface, whose snap length says how much was kept.
func (s *scope) simple(b []byte, p *Raw) error {
	if len(b) < 4 {
		return s.bad("a simple packet block of %d bytes is too short", len(b))
	}
	i, err := s.lookup(0)
	if err != nil {
		return err
	}
	length := int64(s.u32(b))
	size := length
	if snap := int64(s.interfaces[i].SnapLen); snap > 0 {
		size = min(size, snap)
	}
	data := b[4:]
	if size > int64(len(data)) {
		return s.bad("a packet claims %d bytes in a block that holds %d", size, len(data))
	}
	*p = Raw{Interface: i, Data: data[:size:size], Length: int(length), untimed: true}
	return nil
}

// record reads one of the classic format: seconds, fraction, captured length,
// original length, data.
func (s *scope) record(b []byte, p *Raw) error {
	data := b[recordHeader:len(b):len(b)]
	ticks := uint64(s.u32(b))*s.clocks[0].perSecond + uint64(s.u32(b[4:]))
	*p = Raw{Data: data, Length: max(int(s.u32(b[12:])), len(data)), ticks: ticks}
	return nil
}

// time returns when a packet was captured; in 1970 if that was not told.
func (s *scope) time(p *Raw) time.Time {
	if p.untimed {
		return time.Unix(0, 0).UTC()
	}
	return s.clocks[p.Interface].time(p.ticks)
}
