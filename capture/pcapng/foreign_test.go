package pcapng_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/pcapng"
)

type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

var orders = map[string]order{"little": binary.LittleEndian, "big": binary.BigEndian}

// foreignBlock builds a block as another program would, in either byte order.
func foreignBlock(o order, kind uint32, fields ...any) []byte {
	body := fieldBytes(o, fields...)
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	size := uint32(len(body) + 12)
	return o.AppendUint32(append(fieldBytes(o, kind, size), body...), size)
}

func fieldBytes(o order, fields ...any) []byte {
	var b bytes.Buffer
	for _, f := range fields {
		if err := binary.Write(&b, o, f); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

func sectionHeader(o order) []byte {
	return foreignBlock(o, 0x0a0d0d0a, uint32(0x1a2b3c4d), uint16(1), uint16(0), uint64(1<<64-1))
}

// TestForeignBlocks reads what our own writer never writes: other time
// resolutions, old packet blocks, unknown blocks.
func TestForeignBlocks(t *testing.T) {
	data := []byte{1, 2, 3, 4, 5}
	for name, o := range orders {
		resolution := func(v byte) []byte {
			return fieldBytes(o, uint16(9), uint16(1), []byte{v, 0, 0, 0}, uint16(14), uint16(8), int64(10), uint32(0))
		}
		ticks := uint64(3)<<32 | 1<<31 // 3.5 units of 2⁻³²… seconds
		file := bytes.Join([][]byte{
			sectionHeader(o),
			foreignBlock(o, 1, uint16(1), uint16(0), uint32(4)),                        // µs, keeps 4 bytes
			foreignBlock(o, 1, uint16(101), uint16(0), uint32(0), resolution(0x80|32)), // 2⁻³² s, 10 s later
			foreignBlock(o, 0xbad, uint32(7)),                                          // unknown
			foreignBlock(o, 6, uint32(0), uint32(0), uint32(1_500_000), uint32(5), uint32(9), data),
			foreignBlock(o, 6, uint32(1), uint32(ticks>>32), uint32(ticks&0xffffffff), uint32(5), uint32(5), data),
			foreignBlock(o, 3, uint32(5), data[:4]),
			foreignBlock(o, 2, uint16(1), uint16(0), uint32(0), uint32(0), uint32(5), uint32(5), data),
		}, nil)
		got, err := read(file)
		if err != io.EOF {
			t.Errorf("%s-endian: reading ended with %v, want io.EOF", name, err)
		}
		want := []pcapng.Packet{
			{Time: time.Unix(1, 500_000_000).UTC(), Data: data, Length: 9},
			{Interface: 1, Time: time.Unix(13, 500_000_000).UTC(), Data: data, Length: 5},
			{Time: time.Unix(0, 0).UTC(), Data: data[:4], Length: 5},
			{Interface: 1, Time: time.Unix(10, 0).UTC(), Data: data, Length: 5},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s-endian packets (-want +got):\n%s", name, d)
		}
	}
}

func TestClassic(t *testing.T) {
	for name, o := range orders {
		for magic, unit := range map[uint32]uint32{0xa1b2c3d4: 1000, 0xa1b23c4d: 1} {
			file := fieldBytes(o, magic, uint16(2), uint16(4), int32(0), uint32(0), uint32(100), uint32(1),
				uint32(7), 123_000/unit, uint32(3), uint32(60), []byte{1, 2, 3},
				uint32(8), uint32(0), uint32(1), uint32(1), []byte{4})
			want := []pcapng.Packet{
				{Time: time.Unix(7, 123_000).UTC(), Data: []byte{1, 2, 3}, Length: 60},
				{Time: time.Unix(8, 0).UTC(), Data: []byte{4}, Length: 1},
			}
			got, err := read(file)
			if d := cmp.Diff(want, got); d != "" || err != io.EOF {
				t.Errorf("%s-endian, magic %#x: ended with %v, packets (-want +got):\n%s", name, magic, err, d)
			}
			for size := range file {
				got, err := read(file[:size])
				if cut, ok := errors.AsType[*pcapng.TruncatedError](err); ok && cut.Packets != len(got) {
					t.Errorf("cut at %d: %+v after %d packets", size, cut, len(got))
				} else if !ok && (err != io.EOF || size != 24 && size != 24+19) {
					t.Errorf("cut at %d: error %v, want a *TruncatedError", size, err)
				}
			}
		}
	}
}

// TestNonsense holds the reader to a *FormatError for lengths and numbers that lie.
func TestNonsense(t *testing.T) {
	o := binary.LittleEndian
	header := sectionHeader(o)
	described := append(bytes.Clone(header), foreignBlock(o, 1, uint16(1), uint16(0), uint32(0))...)
	for name, file := range map[string][]byte{
		"neither format":       []byte("GET / HTTP/1.1\r\n"),
		"magic":                foreignBlock(o, 0x0a0d0d0a, uint32(1), uint32(1), uint64(0)),
		"version 2":            foreignBlock(o, 0x0a0d0d0a, uint32(0x1a2b3c4d), uint16(2), uint16(0), uint64(0)),
		"short section":        foreignBlock(o, 0x0a0d0d0a, uint32(0x1a2b3c4d)),
		"block of 4 bytes":     append(bytes.Clone(header), fieldBytes(o, uint32(1), uint32(4), uint32(4))...),
		"block of 4 GB":        append(bytes.Clone(header), fieldBytes(o, uint32(1), uint32(0xfffffffc))...),
		"two lengths":          append(bytes.Clone(header), fieldBytes(o, uint32(9), uint32(12), uint32(16))...),
		"no interface":         append(bytes.Clone(header), foreignBlock(o, 3, uint32(0))...),
		"interface 7":          append(bytes.Clone(described), foreignBlock(o, 6, uint32(7), uint64(0), uint32(0), uint32(0))...),
		"data past the block":  append(bytes.Clone(described), foreignBlock(o, 6, uint32(0), uint64(0), uint32(5), uint32(5))...),
		"data past the end":    append(bytes.Clone(described), foreignBlock(o, 6, uint32(0), uint64(0), uint32(1<<31), uint32(5))...),
		"short enhanced block": append(bytes.Clone(described), foreignBlock(o, 6, uint32(0))...),
		"resolution 10⁻³⁰":     append(bytes.Clone(header), foreignBlock(o, 1, uint16(1), uint16(0), uint32(0), uint16(9), uint16(1), []byte{30})...),
		"classic, 4 GB packet": fieldBytes(o, uint32(0xa1b2c3d4), uint32(0), uint64(0), uint32(0), uint32(1), uint64(0), uint32(0xffffffff), uint32(0)),
	} {
		if _, err := read(file); err == nil {
			t.Errorf("%s: no error", name)
		} else if _, ok := errors.AsType[*pcapng.FormatError](err); !ok {
			t.Errorf("%s: error %v, want a *FormatError", name, err)
		}
	}
}

// FuzzReader holds the reader to ending, without a panic, on any bytes, and
// to giving packets that the writer accepts and that read back the same.
func FuzzReader(f *testing.F) {
	f.Add(write(f, pcapng.Section{Application: "rawlab"}, interfaces(), packets()))
	f.Add(newRich().bytes(f))
	f.Add(append(sectionHeader(binary.BigEndian), foreignBlock(binary.BigEndian, 1, uint16(1), uint16(0), uint32(0))...))
	f.Add(fieldBytes(binary.BigEndian, uint32(0xa1b23c4d), make([]byte, 20), make([]byte, 16)))
	f.Fuzz(func(t *testing.T, file []byte) {
		ps, err := read(file)
		if err == nil {
			t.Fatal("reading ended without an error")
		}
		for i := range ps {
			p := &ps[i]
			p.Interface = 0
			if len(p.Data) > p.Length {
				t.Fatalf("packet of %d bytes says it had %d", len(p.Data), p.Length)
			}
			ns := uint64(p.Time.UnixNano()) // only times from 1970 to 2554 can be written
			p.Time = time.Unix(int64(ns/1e9), int64(ns%1e9)).UTC()
			p.Comments = slices.DeleteFunc(p.Comments, func(c string) bool { return c == "" })
			if len(p.Comments) == 0 {
				p.Comments = nil
			}
		}
		again, err := read(write(t, pcapng.Section{}, interfaces()[:1], ps))
		if d := cmp.Diff(ps, again); d != "" || err != io.EOF {
			t.Fatalf("written and read again: %v, packets (-first +again):\n%s", err, d)
		}
	})
}
