package pcapng_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"rawlab/capture/pcapng"
)

// seen is what a chunk has of a packet.
type seen struct {
	iface  int
	time   time.Time
	data   string
	length int
}

func seenByNext(r *pcapng.Reader, err error) (all []seen, _ error) {
	for err == nil {
		var p pcapng.Packet
		if p, err = r.Next(); err == nil {
			all = append(all, seen{p.Interface, p.Time, string(p.Data), p.Length})
		}
	}
	return all, err
}

func seenInChunks(r *pcapng.Reader, err error) (all []seen, _ error) {
	var c pcapng.Chunk
	for err == nil {
		if err = r.NextChunk(&c); err != nil {
			break
		}
		var p pcapng.Raw
		for err == nil {
			if err = c.Next(&p); err == nil {
				all = append(all, seen{p.Interface, c.Time(&p), string(p.Data), p.Length})
			}
		}
		if err == io.EOF { // the chunk's
			err = nil
		}
	}
	return all, err
}

// seenInPieces reads from guesses as far as they lead, then in chunks.
func seenInPieces(size, piece int64, r *pcapng.Reader, err error) (all []seen, _ error) {
	if err != nil {
		return nil, err
	}
	if err := r.Preamble(); err != nil || !r.Guessable() {
		return seenInChunks(r, err)
	}
	at := r.Position()
	read := func(c *pcapng.Chunk) (list []seen) {
		var p pcapng.Raw
		for c.Next(&p) == nil {
			list = append(list, seen{p.Interface, c.Time(&p), string(p.Data), p.Length})
		}
		return list
	}
	for from := at; from < size; from += piece {
		var c pcapng.Chunk
		until := min(from+piece, size)
		if at >= until {
			continue
		}
		r.Guess(&c, from, until)
		begins := c.Offset()
		list := read(&c)
		if begins != at || c.Offset() < until {
			r.From(&c, at, until)
			list = read(&c)
		}
		all, at = append(all, list...), c.Offset()
		if at < until {
			break
		}
	}
	r.Advance(at, len(all))
	rest, err := seenInChunks(r, nil)
	return append(all, rest...), err
}

// sameInChunks reads a file in every way.
func sameInChunks(t *testing.T, file []byte) {
	t.Helper()
	want, wantErr := seenByNext(pcapng.NewReader(bytes.NewReader(file)))
	check := func(way string, got []seen, err error) {
		t.Helper()
		if !slices.Equal(got, want) || !reflect.DeepEqual(err, wantErr) {
			t.Fatalf("%s: %d packets, %v; Next gives %d, %v\n% x", way, len(got), err, len(want), wantErr, file)
		}
	}
	got, err := seenInChunks(pcapng.NewReader(bytes.NewReader(file)))
	check("chunks", got, err)
	got, err = seenInChunks(pcapng.NewBytesReader(file))
	check("chunks of bytes", got, err)
	for _, piece := range []int64{64, 500} {
		r, err := pcapng.NewBytesReader(file)
		got, err := seenInPieces(int64(len(file)), piece, r, err)
		check("pieces", got, err)
	}
	got, err = seenByNext(pcapng.NewBytesReader(file))
	check("Next of bytes", got, err)
	got, err = seenByNext(pcapng.NewReader(iotest.HalfReader(bytes.NewReader(file))))
	check("in halves", got, err)
}

// classic returns a file of the old format.
func classic(order binary.AppendByteOrder, magic uint32, packets int) []byte {
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(order.AppendUint16(b, 2), 4)
	for _, v := range []uint32{0, 0, 65535, 1} {
		b = order.AppendUint32(b, v)
	}
	for n := range packets {
		for _, v := range []int{1_700_000_000 + n, n, n % 50, n} {
			b = order.AppendUint32(b, uint32(v))
		}
		b = append(b, make([]byte, n%50)...)
	}
	return b
}

func chunkFiles(t testing.TB) [][]byte {
	one := write(t, pcapng.Section{}, interfaces(), packets())
	big := write(t, pcapng.Section{BigEndian: true}, interfaces(), packets())
	late := write(t, pcapng.Section{}, interfaces()[:1], nil)
	return [][]byte{
		one, big, slices.Concat(one, big, one), slices.Concat(late, one), late,
		classic(binary.LittleEndian, 0xa1b2c3d4, 60), classic(binary.BigEndian, 0xa1b23c4d, 60),
	}
}

func TestChunksReadTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, file := range chunkFiles(t) {
		sameInChunks(t, file)
		for range 60 {
			bad := bytes.Clone(file)
			for range 1 + r.IntN(3) {
				bad[r.IntN(len(bad))] = byte(r.Uint32N(32))
			}
			sameInChunks(t, bad[:len(bad)-r.IntN(2)*r.IntN(len(bad))])
		}
	}
}

// TestLongFileInChunks: a file of several chunks, with a block longer than
// one and interfaces between packets.
func TestLongFileInChunks(t *testing.T) {
	var file bytes.Buffer
	w, err := pcapng.NewWriter(&file, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 40 {
		i, err := w.AddInterface(pcapng.Interface{LinkType: pcapng.LinkEthernet})
		if err != nil {
			t.Fatal(err)
		}
		size := 300_000 + n
		if n == 20 {
			size = pcapng.ChunkBytes + 5
		}
		p := pcapng.Packet{Interface: i / 2, Time: start, Data: make([]byte, size), Length: size}
		if err := w.WritePacket(&p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want, _ := seenByNext(pcapng.NewReader(bytes.NewReader(file.Bytes())))
	got, err := seenInChunks(pcapng.NewReader(bytes.NewReader(file.Bytes())))
	if err != io.EOF || len(got) != 40 || !slices.Equal(want, got) {
		t.Errorf("%d packets, %v; want 40 and the same as Next", len(got), err)
	}
}

func FuzzChunks(f *testing.F) {
	for _, file := range chunkFiles(f) {
		f.Add(file)
	}
	f.Fuzz(sameInChunks)
}
