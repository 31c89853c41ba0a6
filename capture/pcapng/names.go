package pcapng

import (
	"bytes"
	"net/netip"
	"strings"
)

// Name is what an address is called (a record of a name resolution block).
type Name struct {
	Address netip.Addr
	Names   []string
}

// The types of records; others, such as those of link addresses, are skipped.
const (
	recordEnd  = 0
	recordIPv4 = 1
	recordIPv6 = 2
)

// Names reads a block of [BlockNames] that this reader has given to
// [Reader.OnBlock], during that call.
func (r *Reader) Names(b Block) ([]Name, error) {
	var all []Name
	for rest := b.Body; len(rest) >= 4; {
		kind, size := r.u16(rest), int(r.u16(rest[2:]))
		rest = rest[4:]
		if kind == recordEnd {
			break
		}
		if size > len(rest) {
			return nil, r.bad("a name record claims %d bytes in a block that has %d left", size, len(rest))
		}
		if width := map[uint16]int{recordIPv4: 4, recordIPv6: 16}[kind]; width > 0 && size >= width {
			address, _ := netip.AddrFromSlice(rest[:width])
			text := bytes.TrimRight(rest[width:size], "\x00")
			all = append(all, Name{address, strings.Split(string(text), "\x00")})
		}
		rest = rest[min((size+3)&^3, len(rest)):]
	}
	return all, nil
}

// WriteNames writes what addresses are called, for who reads this section.
func (w *Writer) WriteNames(names []Name) error {
	w.begin(BlockNames)
	for _, n := range names {
		kind := uint16(recordIPv6)
		if n.Address.Is4() {
			kind = recordIPv4
		}
		if err := w.option(kind, string(n.Address.AsSlice())+strings.Join(n.Names, "\x00")+"\x00"); err != nil {
			return err
		}
	}
	w.u32(recordEnd)
	return w.finish(len(w.buf), nil)
}
