package pcapng

import (
	"encoding/binary"
	"math/bits"
)

// endian is the byte order of a section: true is big-endian.
type endian bool

func (e endian) u16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if e {
		v = bits.ReverseBytes16(v)
	}
	return v
}

func (e endian) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if e {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (e endian) u64(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	if e {
		v = bits.ReverseBytes64(v)
	}
	return v
}

func (e endian) append16(b []byte, v uint16) []byte {
	if e {
		v = bits.ReverseBytes16(v)
	}
	return binary.LittleEndian.AppendUint16(b, v)
}

func (e endian) append32(b []byte, v uint32) []byte {
	if e {
		v = bits.ReverseBytes32(v)
	}
	return binary.LittleEndian.AppendUint32(b, v)
}

func (e endian) append64(b []byte, v uint64) []byte {
	if e {
		v = bits.ReverseBytes64(v)
	}
	return binary.LittleEndian.AppendUint64(b, v)
}

func (e endian) put32(b []byte, v uint32) {
	if e {
		v = bits.ReverseBytes32(v)
	}
	binary.LittleEndian.PutUint32(b, v)
}

// ticks reads a time stamp, high half first.
func (e endian) ticks(b []byte) uint64 { return uint64(e.u32(b))<<32 | uint64(e.u32(b[4:])) }
