package framing_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"rawlab/framing"
)

func ExampleFrame_Append() {
	f := framing.Frame{Kind: framing.KindEmit, Origin: 7, Sequence: 1, Topic: []byte("news"), Payload: []byte("hello")}
	b, err := f.Append(nil)
	fmt.Printf("%d bytes, length prefix %x, %v\n", len(b), b[:4], err)
	// Output: 41 bytes, length prefix 00000025, <nil>
}

func ExampleFrame_Clone() {
	f := framing.Frame{Kind: framing.KindEmit, Payload: []byte("hello")}
	b, _ := f.Append(nil)
	decoded, _, _ := framing.Parse(b, 0)
	kept := decoded.Clone()
	clear(b) // the buffer is used again
	fmt.Printf("%q %q\n", decoded.Payload, kept.Payload)
	// Output: "\x00\x00\x00\x00\x00" "hello"
}

func ExampleParse() {
	f := framing.Frame{Kind: framing.KindEvent, Origin: 7, Sequence: 1, Topic: []byte("news"), Payload: []byte("hello")}
	b, _ := f.Append(nil)
	got, size, err := framing.Parse(b, framing.DefaultLimit)
	fmt.Printf("%v %d:%d %s %q, %d bytes, %v\n", got.Kind, got.Origin, got.Sequence, got.Topic, got.Payload, size, err)

	_, _, err = framing.Parse(b[:len(b)-1], framing.DefaultLimit)
	fmt.Println(err)
	_, _, err = framing.Parse(b, 40)
	fmt.Println(err)
	// Output:
	// event 7:1 news "hello", 41 bytes, <nil>
	// framing: incomplete frame
	// framing: frame of 41 bytes is over the limit of 40
}

func ExamplePeek() {
	f := framing.Frame{Kind: framing.KindPing}
	b, _ := f.Append(nil)
	size, err := framing.Peek(b[:4], framing.DefaultLimit)
	fmt.Println(size, err)
	// Output: 32 <nil>
}

func ExampleNewReader() {
	var stream bytes.Buffer
	w := framing.NewWriter(&stream)
	for i := range uint64(3) {
		w.Write(&framing.Frame{Kind: framing.KindEvent, Origin: 7, Sequence: i + 1})
	}
	w.Flush() // one write

	r := framing.NewReader(&stream, framing.DefaultLimit)
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		fmt.Printf("%d:%d, more here already: %t\n", f.Origin, f.Sequence, r.Buffered())
	}
	// Output:
	// 7:1, more here already: true
	// 7:2, more here already: true
	// 7:3, more here already: false
}

func ExampleNewWriter() {
	var stream bytes.Buffer
	w := framing.NewWriter(&stream)
	w.Write(&framing.Frame{Kind: framing.KindPing, Sequence: 1})
	w.Write(&framing.Frame{Kind: framing.KindPing, Sequence: 2})
	fmt.Println(w.Buffered(), stream.Len())
	w.Flush()
	fmt.Println(w.Buffered(), stream.Len())
	// Output:
	// 64 0
	// 0 64
}

func ExampleNewPacker() {
	p := framing.NewPacker(100)
	for i := range uint64(3) {
		f := framing.Frame{Kind: framing.KindEvent, Origin: 7, Sequence: i + 1}
		if fitted, _ := p.Add(&f); !fitted {
			fmt.Println("send", len(p.Take()), "bytes")
			p.Add(&f)
		}
	}
	fmt.Println("send", len(p.Take()), "bytes")
	// Output:
	// send 72 bytes
	// send 36 bytes
}

func ExampleUnpack() {
	p := framing.NewPacker(framing.DefaultDatagram)
	for i := range uint64(3) {
		p.Add(&framing.Frame{Kind: framing.KindEvent, Origin: 7, Sequence: i + 1})
	}
	datagram := p.Take()
	datagram[50] ^= 1 // the wire spoils a bit of the second frame
	for f, err := range framing.Unpack(datagram) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%d:%d\n", f.Origin, f.Sequence)
	}
	// Output:
	// 7:1
	// framing: checksum mismatch
	// 7:3
}

func ExampleParseHello() {
	hello := framing.Hello{MinVersion: 1, MaxVersion: 1, Name: []byte("ana")}
	b, _ := hello.Append(nil)
	got, err := framing.ParseHello(b)
	fmt.Printf("%s speaks %d to %d, %v\n", got.Name, got.MinVersion, got.MaxVersion, err)
	// Output: ana speaks 1 to 1, <nil>
}

func ExampleParseReceipt() {
	sent := framing.Receipt{Epoch: 1, From: 10, To: 20, Replayed: 8, Expired: framing.Ranges(nil).Append(10, 12)}
	got, _ := framing.ParseReceipt(sent.Append(nil))
	fmt.Printf("%d came while away: %d replayed, %d expired\n", got.To-got.From, got.Replayed, got.Expired.Total())
	// Output: 10 came while away: 8 replayed, 2 expired
}

func ExampleRanges_All() {
	missing := framing.Ranges(nil).Append(3, 5).Append(9, 10)
	for from, to := range missing.All() {
		fmt.Printf("[%d, %d)\n", from, to)
	}
	fmt.Println(missing.Total(), "events")
	// Output:
	// [3, 5)
	// [9, 10)
	// 3 events
}
