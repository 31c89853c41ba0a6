package framing_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
)

const vectorsPath = "testdata/vectors.json"

// vectors is the file that any implementation can be held against. Byte
// strings are hexadecimal; u64 numbers are decimal strings, since JSON
// readers differ on numbers over 2^53.
type vectors struct {
	About     string           `json:"about"`
	Frames    []frameVector    `json:"frames"`
	Invalid   []invalidVector  `json:"invalid"`
	Bodies    []bodyVector     `json:"invalid_bodies"`
	Datagrams []datagramVector `json:"datagrams"`
}

// frameVector is bytes and the fields they mean, both ways.
type frameVector struct {
	Name  string          `json:"name"`
	Bytes string          `json:"bytes"`
	Frame frameFields     `json:"frame"`
	Body  json.RawMessage `json:"body,omitempty"` // the payload's fields, for kinds that structure it
}

// invalidVector is bytes that must be refused, read with Limit.
type invalidVector struct {
	Name  string `json:"name"`
	Bytes string `json:"bytes"`
	Limit int    `json:"limit"`
	Size  int    `json:"size"` // what to skip, 0 if the extent cannot be trusted
	Error string `json:"error"`
}

// bodyVector is a payload that must be refused in a frame of that kind.
type bodyVector struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Bytes string `json:"bytes"`
	Error string `json:"error"`
}

// datagramVector is a datagram and what is in it, in order: a frame's
// sequence, or the error in its place.
type datagramVector struct {
	Name  string         `json:"name"`
	Bytes string         `json:"bytes"`
	Holds []datagramItem `json:"holds"`
}

type datagramItem struct {
	Sequence uint64 `json:"sequence,string,omitempty"`
	Error    string `json:"error,omitempty"`
}

type frameFields struct {
	Kind     string `json:"kind"`
	KindCode uint8  `json:"kind_code"`
	Flags    uint8  `json:"flags"`
	Code     uint8  `json:"code"`
	Origin   uint64 `json:"origin,string"`
	Sequence uint64 `json:"sequence,string"`
	Time     uint64 `json:"time_ns,string"`
	Offset   uint64 `json:"offset,string"`
	Topic    string `json:"topic"`
	Payload  string `json:"payload"`
}

func fieldsOf(f framing.Frame) frameFields {
	return frameFields{
		Kind: f.Kind.String(), KindCode: uint8(f.Kind), Flags: uint8(f.Flags), Code: uint8(f.Code),
		Origin: f.Origin, Sequence: f.Sequence, Time: f.Time, Offset: f.Offset,
		Topic: hex.EncodeToString(f.Topic), Payload: hex.EncodeToString(f.Payload),
	}
}

func (f frameFields) frame(t *testing.T) framing.Frame {
	return framing.Frame{
		Kind: framing.Kind(f.KindCode), Flags: framing.Flags(f.Flags), Code: framing.Code(f.Code),
		Origin: f.Origin, Sequence: f.Sequence, Time: f.Time, Offset: f.Offset,
		Topic: unhex(t, f.Topic), Payload: unhex(t, f.Payload),
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("bad hex in %s: %v", vectorsPath, err)
	}
	return b
}

// readVectors returns the file's content.
func readVectors(t testing.TB) vectors {
	t.Helper()
	b, err := os.ReadFile(vectorsPath)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", vectorsPath, err)
	}
	return v
}

// errorWord is the vectors' word for an error of this package.
func errorWord(err error) string {
	if _, ok := errors.AsType[*framing.SizeError](err); ok {
		return "too-large"
	}
	for word, sentinel := range map[string]error{
		"incomplete": framing.ErrIncomplete, "version": framing.ErrVersion,
		"checksum": framing.ErrChecksum, "invalid": framing.ErrInvalid,
	} {
		if errors.Is(err, sentinel) {
			return word
		}
	}
	return fmt.Sprint(err)
}

func TestVectorFrames(t *testing.T) {
	for _, v := range readVectors(t).Frames {
		t.Run(v.Name, func(t *testing.T) {
			b := unhex(t, v.Bytes)
			f, n, err := framing.Parse(b, 0)
			if err != nil || n != len(b) {
				t.Fatalf("Parse = %d bytes, %v, want %d bytes", n, err, len(b))
			}
			if diff := cmp.Diff(v.Frame, fieldsOf(f)); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
			want := v.Frame.frame(t)
			got, err := want.Append(nil)
			if err != nil || !bytes.Equal(got, b) {
				t.Errorf("Append = %x, %v, want %x", got, err, b)
			}
			if want.Size() != len(b) {
				t.Errorf("Size() = %d, want %d", want.Size(), len(b))
			}
			checkBodyVector(t, f, v.Body)
		})
	}
}

// checkBodyVector holds the payload of f against its fields, both ways.
func checkBodyVector(t *testing.T, f framing.Frame, want json.RawMessage) {
	t.Helper()
	if f.Kind == framing.KindParity && len(f.Payload) == 0 {
		return // it numbers a datagram
	}
	body, err := parseBody(f.Kind, f.Payload)
	if err != nil {
		t.Fatalf("the %v body: %v", f.Kind, err)
	}
	if body == nil {
		if want != nil {
			t.Errorf("a body for kind %v, which has none", f.Kind)
		}
		return
	}
	if diff := cmp.Diff(decodeJSON(t, want), decodeJSON(t, bodyJSON(t, body))); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if got := appendBody(t, body); !bytes.Equal(got, f.Payload) {
		t.Errorf("body encodes to %x, want %x", got, f.Payload)
	}
}

func decodeJSON(t *testing.T, raw json.RawMessage) (v any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("body %q: %v", raw, err)
	}
	return v
}

func TestVectorInvalid(t *testing.T) {
	for _, v := range readVectors(t).Invalid {
		t.Run(v.Name, func(t *testing.T) {
			_, n, err := framing.Parse(unhex(t, v.Bytes), v.Limit)
			if got := errorWord(err); got != v.Error || n != v.Size {
				t.Errorf("Parse = %d bytes, %q, want %d, %q", n, got, v.Size, v.Error)
			}
		})
	}
}

func TestVectorInvalidBodies(t *testing.T) {
	for _, v := range readVectors(t).Bodies {
		t.Run(v.Name, func(t *testing.T) {
			_, err := parseBody(kindNamed(t, v.Kind), unhex(t, v.Bytes))
			if got := errorWord(err); got != v.Error {
				t.Errorf("parsing the %s body = %q, want %q", v.Kind, got, v.Error)
			}
		})
	}
}

func TestVectorDatagrams(t *testing.T) {
	for _, v := range readVectors(t).Datagrams {
		t.Run(v.Name, func(t *testing.T) {
			if diff := cmp.Diff(v.Holds, unpackAll(unhex(t, v.Bytes))); diff != "" {
				t.Errorf("Unpack (-want +got):\n%s", diff)
			}
		})
	}
}

func unpackAll(datagram []byte) []datagramItem {
	var items []datagramItem
	for f, err := range framing.Unpack(datagram) {
		item := datagramItem{Sequence: f.Sequence}
		if err != nil {
			item = datagramItem{Error: errorWord(err)}
		}
		items = append(items, item)
	}
	return items
}

// TestVectorsAreComplete fails when a kind, a flag, a code or a body has no
// vector.
func TestVectorsAreComplete(t *testing.T) {
	v := readVectors(t)
	kinds, codes, flags := map[uint8]bool{}, map[uint8]bool{}, uint8(0)
	for _, f := range v.Frames {
		kinds[f.Frame.KindCode], codes[f.Frame.Code] = true, true
		flags |= f.Frame.Flags
	}
	for k := framing.KindHello; k <= framing.MaxKind; k++ {
		if !kinds[uint8(k)] {
			t.Errorf("no vector for kind %v", k)
		}
	}
	for c := framing.CodeOK; c <= framing.CodeRetry; c++ {
		if !codes[uint8(c)] {
			t.Errorf("no vector for code %v", c)
		}
	}
	if all := framing.Flags(0x7f); flags != uint8(all) {
		t.Errorf("vectors use flags %#x, want %#x", flags, all)
	}
	refused := map[string]bool{}
	for _, b := range v.Bodies {
		refused[b.Kind] = true
	}
	for _, kind := range structured {
		if !refused[kind.String()] {
			t.Errorf("no invalid body for kind %v", kind)
		}
	}
}

// TestBytesByHand writes one frame out as doc.go draws it. The checksum was
// computed apart from this package, bit by bit from the polynomial of RFC 3720
// appendix B.4 (CRC-32C of "123456789" is e3069283).
func TestBytesByHand(t *testing.T) {
	want := []byte{
		0x00, 0x00, 0x00, 0x32, // length: 50 bytes follow
		0x26,                                           // version 1 << 5 | kind 6, event
		0x03,                                           // FlagCRC | FlagOffset
		0x00,                                           // code ok
		0x04,                                           // topic of 4 bytes
		0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, // origin
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x2a, // sequence 42
		0x18, 0x9c, 0xb2, 0x5e, 0xcf, 0x8b, 0x80, 0x01, // emit time
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, // offset 7
		'n', 'e', 'w', 's', // topic
		'h', 'e', 'l', 'l', 'o', '!', // payload
		0x69, 0x71, 0x61, 0xc2, // CRC-32C of all before
	}
	f := framing.Frame{
		Kind: framing.KindEvent, Flags: framing.FlagCRC | framing.FlagOffset,
		Origin: 0x0102030405060708, Sequence: 42, Time: 0x189cb25ecf8b8001, Offset: 7,
		Topic: []byte("news"), Payload: []byte("hello!"),
	}
	got, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Append (-want +got):\n%s", diff)
	}
	for _, v := range readVectors(t).Frames {
		if v.Name == "event by hand" && v.Bytes != hex.EncodeToString(want) {
			t.Errorf("vector %q = %s, want %x", v.Name, v.Bytes, want)
		}
	}
}
