package fec_test

import (
	"bytes"
	"testing"

	"rawlab/framing"
	"rawlab/udpq/fec"
)

// multiply is the product in GF(2⁸) with the polynomial of doc.go.
func multiply(a, b byte) (product byte) {
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			product ^= a
		}
		high := a & 0x80
		a <<= 1
		if high != 0 {
			a ^= 0x1d
		}
	}
	return product
}

func power(a byte, n int) byte {
	p := byte(1)
	for range n {
		p = multiply(p, a)
	}
	return p
}

// invert inverts a matrix by Gauss and Jordan.
func invert(m [][]byte) [][]byte {
	n := len(m)
	wide := make([][]byte, n)
	for r := range m {
		wide[r] = append(bytes.Clone(m[r]), make([]byte, n)...)
		wide[r][n+r] = 1
	}
	for c := range n {
		for r := c; wide[c][c] == 0; r++ {
			wide[c], wide[r] = wide[r], wide[c]
		}
		inverse := power(wide[c][c], 254)
		for i := range wide[c] {
			wide[c][i] = multiply(wide[c][i], inverse)
		}
		for r := range wide {
			if factor := wide[r][c]; r != c {
				for i := range wide[r] {
					wide[r][i] ^= multiply(factor, wide[c][i])
				}
			}
		}
	}
	for r := range wide {
		wide[r] = wide[r][n:]
	}
	return wide
}

// coefficients returns the row of a parity shard as doc.go defines it.
func coefficients(k, index int) []byte {
	top := make([][]byte, k)
	for r := range top {
		for c := range k {
			top[r] = append(top[r], power(byte(r), c))
		}
	}
	inverse, row := invert(top), make([]byte, k)
	for c := range k {
		for i := range k {
			row[c] ^= multiply(power(byte(k+index), i), inverse[i][c])
		}
	}
	return row
}

// Parity is what doc.go says, worked out by another way than the library's.
func TestCode(t *testing.T) {
	for _, c := range []struct {
		params fec.Params
		count  int
	}{{fec.Params{Data: 4, Parity: 3, Depth: 1}, 4}, {fec.Params{Data: 8, Parity: 2, Depth: 1}, 3}, {fec.Params{Data: 5, Parity: 2, Depth: 2}, 10}} {
		e := fec.NewEncoder(c.params)
		var shards [][]byte
		for n := range c.count {
			frames := frame(t, n, 5*n)
			shards = append(shards, append([]byte{byte(len(frames) >> 8), byte(len(frames))}, frames...))
			e.Add(start, frames)
		}
		met := 0
		e.Parity(func(b []byte) {
			_, h, found, _ := fec.Split(b)
			p, members := h.Parity, (c.count+c.params.Depth-1)/c.params.Depth
			if !found || int(p.Data) != members || int(p.Redundant) != c.params.Parity {
				t.Fatalf("%v: parity %+v, want one of %d members", c.params, p, members)
			}
			row, want := coefficients(c.params.Data, int(p.Index)), make([]byte, len(p.Shard))
			for i := range members {
				for at, b := range shards[int(p.First)-1+i*c.params.Depth] {
					want[at] ^= multiply(row[i], b)
				}
			}
			if !bytes.Equal(p.Shard, want) {
				t.Errorf("%v: shard %d of the group from %d is % x, want % x", c.params, p.Index, p.First, p.Shard, want)
			}
			met++
		})
		if want := c.params.Parity * c.params.Depth; met != want {
			t.Errorf("%v: %d datagrams of parity, want %d", c.params, met, want)
		}
	}
}

// frame returns an encoded event.
func frame(t testing.TB, sequence, size int) []byte {
	t.Helper()
	f := framing.Frame{Kind: framing.KindEvent, Flags: framing.FlagCRC, Sequence: uint64(sequence), Topic: []byte("t"), Payload: make([]byte, size)}
	b, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
