package wire

import (
	"encoding/binary"
	"math/bits"
)

// allOnes is the sum over what its own checksum is right for. As a checksum
// it says the same as 0, which the kernel writes, except in UDP.
const allOnes = 0xffff

// sum adds big-endian 16-bit words to a start, with end-around carry (RFC
// 1071). It adds in the machine's order and turns only the result.
func sum(start uint64, b []byte) uint16 {
	s, carry := turn(start), uint64(0)
	for ; len(b) >= 32; b = b[32:] {
		p := (*[32]byte)(b)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(p[0:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(p[8:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(p[16:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(p[24:]), carry)
	}
	return sumRest(s, carry, b)
}

// copySum is sum of b, which it copies to dst on the way.
func copySum(dst []byte, start uint64, b []byte) uint16 {
	s, carry := turn(start), uint64(0)
	for dst = dst[:len(b)]; len(b) >= 32 && len(dst) >= 32; b, dst = b[32:], dst[32:] {
		p, q := (*[32]byte)(b), (*[32]byte)(dst)
		w, x := binary.LittleEndian.Uint64(p[0:]), binary.LittleEndian.Uint64(p[8:])
		y, z := binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
		binary.LittleEndian.PutUint64(q[0:], w)
		binary.LittleEndian.PutUint64(q[8:], x)
		binary.LittleEndian.PutUint64(q[16:], y)
		binary.LittleEndian.PutUint64(q[24:], z)
		s, carry = bits.Add64(s, w, carry)
		s, carry = bits.Add64(s, x, carry)
		s, carry = bits.Add64(s, y, carry)
		s, carry = bits.Add64(s, z, carry)
	}
	copy(dst, b)
	return sumRest(s, carry, b)
}

// sumRest ends a sum of little-endian words.
func sumRest(s, carry uint64, b []byte) uint16 {
	for ; len(b) >= 8; b = b[8:] {
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b), carry)
	}
	var last [8]byte
	copy(last[:], b)
	s, carry = bits.Add64(s, binary.LittleEndian.Uint64(last[:]), carry)
	s, carry = bits.Add64(s, 0, carry)
	return uint16(turn(s + carry))
}

// turn folds a sum to 16 bits and changes their order.
func turn(s uint64) uint64 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint64(bits.ReverseBytes16(uint16(s)))
}
