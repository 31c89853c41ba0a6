package pcapng

import "fmt"

// scope is what gives blocks their meaning: what the file has said up to
// them.
type scope struct {
	endian
	classic    bool
	offset     int64 // of the block being read
	first      int   // index of the section's first interface
	interfaces []Interface
	clocks     []clock // one per interface
}

func (s *scope) bad(format string, args ...any) error {
	return &FormatError{Offset: s.offset, Reason: fmt.Sprintf(format, args...)}
}

// lookup turns a section's interface number into an index over the file.
func (s *scope) lookup(id uint32) (int, error) {
	if have := len(s.interfaces) - s.first; uint64(id) >= uint64(have) {
		return 0, s.bad("a block names interface %d, but only %d are described", id, have)
	}
	return s.first + int(id), nil
}

// extent returns the size of the block or record that b begins with, and of a
// block the type. It refuses sizes that cannot be.
func (s *scope) extent(b []byte) (kind, size uint32, err error) {
	if s.classic {
		if size = s.u32(b[8:]); size > MaxBlock {
			return 0, 0, s.bad("a packet claims %d bytes, over the limit of %d", size, MaxBlock)
		}
		return 0, recordHeader + size, nil
	}
	kind, size = s.u32(b), s.u32(b[4:])
	if size < envelopeBytes || size%4 != 0 {
		return 0, 0, s.bad("a block claims to be %d bytes long", size)
	}
	if size > MaxBlock {
		return 0, 0, s.bad("a block claims %d bytes, over the limit of %d", size, MaxBlock)
	}
	return kind, size, nil
}

// head is how many bytes extent needs.
func (s *scope) head() int {
	if s.classic {
		return recordHeader
	}
	return 8
}

// closes compares the sizes at both ends of a block.
func (s *scope) closes(b []byte) error {
	if s.classic {
		return nil
	}
	if size, again := s.u32(b[4:]), s.u32(b[len(b)-4:]); again != size {
		return s.bad("a block says it is %d bytes long where it starts and %d where it ends", size, again)
	}
	return nil
}

// body returns what a block holds between its sizes, or all of a record.
func (s *scope) body(b []byte) []byte {
	if s.classic {
		return b
	}
	return b[8 : len(b)-4]
}
