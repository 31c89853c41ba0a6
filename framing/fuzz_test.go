package framing_test

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"rawlab/framing"
)

// FuzzParse: what parses encodes to the bytes it came from.
func FuzzParse(f *testing.F) {
	v := readVectors(f)
	for _, ok := range v.Frames {
		f.Add(unhex(f, ok.Bytes), framing.DefaultLimit)
	}
	for _, bad := range v.Invalid {
		f.Add(unhex(f, bad.Bytes), bad.Limit)
	}
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		frame, n, err := framing.Parse(b, limit)
		if n < 0 || n > len(b) || err == nil && n < framing.MinSize {
			t.Fatalf("Parse of %d bytes = size %d, %v", len(b), n, err)
		}
		if err != nil {
			return
		}
		again, err := frame.Append(nil)
		if err != nil || !bytes.Equal(again, b[:n]) {
			t.Fatalf("Parse(%x), then Append = %x, %v", b[:n], again, err)
		}
		twice, _, err := framing.Parse(again, limit)
		if err != nil || fieldsOf(twice) != fieldsOf(frame) {
			t.Fatalf("parsed again = %+v, %v, want %+v", twice, err, frame)
		}
		fuzzBody(t, frame.Kind, frame.Payload)
	})
}

// FuzzReader: frames do not depend on the chunks in which a stream arrives,
// and are those that Parse finds.
func FuzzReader(f *testing.F) {
	stream, _ := vectorStream(f)
	f.Add(stream, byte(1))
	f.Add(stream[:len(stream)-1], byte(33))
	for _, bad := range readVectors(f).Invalid {
		f.Add(unhex(f, bad.Bytes), byte(5))
	}
	f.Fuzz(func(t *testing.T, b []byte, size byte) {
		const limit = 4096
		var want []frameFields
		for rest := b; ; {
			frame, n, err := framing.Parse(rest, limit)
			if err != nil {
				break
			}
			want = append(want, fieldsOf(frame))
			rest = rest[n:]
		}
		whole, wholeErr := readAll(framing.NewReader(iotest.DataErrReader(bytes.NewReader(b)), limit))
		parts, partsErr := readAll(framing.NewReader(&chunks{b: b, sizes: []int{int(size) + 1}}, limit))
		if !slices.Equal(want, whole) || !slices.Equal(want, parts) {
			t.Fatalf("Parse finds %+v, read at once %+v, in parts of %d %+v", want, whole, int(size)+1, parts)
		}
		if wholeErr.Error() != partsErr.Error() || wholeErr == io.ErrNoProgress {
			t.Fatalf("read at once ends with %v, in parts with %v", wholeErr, partsErr)
		}
	})
}

// FuzzUnpack: a datagram unpacks to an end, every frame in it had a checksum,
// and only the last error may leave bytes unread.
func FuzzUnpack(f *testing.F) {
	for _, v := range readVectors(f).Datagrams {
		f.Add(unhex(f, v.Bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		bytesRead := 0
		for frame, err := range framing.Unpack(b) {
			if err != nil {
				continue
			}
			if frame.Flags&framing.FlagCRC == 0 {
				t.Fatalf("a frame without checksum unpacks: %+v", frame)
			}
			bytesRead += frame.Size()
		}
		if bytesRead > len(b) {
			t.Fatalf("%d bytes of frames in a datagram of %d", bytesRead, len(b))
		}
	})
}

// FuzzBody: a body that parses encodes to the bytes it came from.
func FuzzBody(f *testing.F) {
	v := readVectors(f)
	for _, ok := range v.Frames {
		f.Add(ok.Frame.KindCode, unhex(f, ok.Frame.Payload))
	}
	for _, bad := range v.Bodies {
		f.Add(uint8(kindNamed(f, bad.Kind)), unhex(f, bad.Bytes))
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) { fuzzBody(t, framing.Kind(kind), b) })
}

func fuzzBody(t *testing.T, kind framing.Kind, b []byte) {
	body, err := parseBody(kind, b)
	if err != nil || body == nil {
		return
	}
	if again := appendBody(t, body); !bytes.Equal(again, b) {
		t.Fatalf("the %v body %x encodes to %x", kind, b, again)
	}
	bodyJSON(t, body)
}
