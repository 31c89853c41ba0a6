package framing_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"rawlab/framing"
)

var update = flag.Bool("update", false, "write testdata/vectors.json anew; then check it by hand against doc.go")

const about = "Test vectors of the rawlab frame format, version 1 (framing/doc.go). Byte strings are hexadecimal, " +
	"u64 numbers decimal strings. Each frame decodes to its fields and its fields encode to it; each invalid entry, " +
	"read under its limit in bytes, is refused with its error, and size is what may be skipped to find the next frame."

// TestUpdateVectors writes the vectors anew. The file, not this test, is what
// implementations are held against: a change in it is a change of the format.
func TestUpdateVectors(t *testing.T) {
	v := vectors{About: about, Frames: sampleFrames(t), Invalid: invalidFrames(t), Bodies: invalidBodies(), Datagrams: sampleDatagrams(t)}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(vectorsPath, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(vectorsPath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, out.Bytes()) {
		t.Errorf("%s differs from what this package encodes now: the format changed", vectorsPath)
	}
}

// Sample numbers that show a swapped byte or a lost half at once.
const (
	sampleOrigin = 0x0102030405060708
	sampleTime   = 0x189cb25ecf8b8001
	maxU64       = 1<<64 - 1
)

func sampleFrames(t *testing.T) []frameVector {
	hello := framing.Hello{MinVersion: 1, MaxVersion: 3, Name: []byte("ana"), Token: []byte("secret")}
	stranger := framing.Hello{MinVersion: 1, MaxVersion: 1}
	welcome := framing.Welcome{Version: 1, Limit: framing.DefaultLimit, Epoch: maxU64}
	resume := framing.Subscribe{Epoch: 77, Offset: 1 << 40}
	left := framing.Subscribe{}
	picky := framing.Subscribe{Epoch: 77, Offset: 3, Delivery: framing.AtLeastOnce, Overflow: 2, Window: 256, Redeliver: 1500 * time.Millisecond, MaxDeliveries: 5}
	reply, nothing := framing.Reply{Origin: sampleOrigin, Sequence: 42, Payload: []byte("hello!")}, framing.Reply{Origin: 1, Sequence: 2}
	fragment := framing.Fragment{Total: 5000, Position: 1400, Piece: []byte("piece")}
	parity := framing.Parity{First: 100, Data: 10, Redundant: 2, Index: 1, Shard: []byte{0xff, 0x00, 0x80}}
	none := framing.Receipt{Epoch: 77, From: 9, To: 9}
	some := framing.Receipt{Epoch: 77, From: 10, To: 20, Replayed: 7, Expired: framing.Ranges(nil).Append(10, 12).Append(15, 16)}
	missing := framing.Ranges(nil).Append(42, 43).Append(100, maxU64)
	const crc, offset = framing.FlagCRC, framing.FlagOffset
	topic := []byte("news")
	return []frameVector{
		frameAndBody(t, "hello", framing.Frame{Kind: framing.KindHello, Origin: sampleOrigin}, hello),
		frameAndBody(t, "hello of a stranger", framing.Frame{Kind: framing.KindHello, Flags: crc}, stranger),
		frameAndBody(t, "hello with a cookie", framing.Frame{Kind: framing.KindHello, Flags: crc | offset, Origin: sampleOrigin, Sequence: 1, Time: sampleTime, Offset: maxU64 - 1}, hello),
		frameAndBody(t, "welcome", framing.Frame{Kind: framing.KindWelcome, Origin: sampleOrigin, Time: sampleTime}, welcome),
		frameAndBody(t, "welcome with a key", framing.Frame{Kind: framing.KindWelcome, Flags: crc | offset, Origin: sampleOrigin, Sequence: 1, Offset: maxU64 - 1}, welcome),
		frameAndBody(t, "subscribe from where the server left me", framing.Frame{Kind: framing.KindSubscribe, Sequence: 1, Topic: topic}, left),
		frameAndBody(t, "subscribe from a resume point", framing.Frame{Kind: framing.KindSubscribe, Flags: crc, Sequence: 2, Topic: topic}, resume),
		frameAndBody(t, "subscribe with wishes", framing.Frame{Kind: framing.KindSubscribe, Sequence: 2, Topic: []byte("orders.*")}, picky),
		plain(t, "unsubscribe", framing.Frame{Kind: framing.KindUnsubscribe, Sequence: 3, Topic: topic}),
		plain(t, "emit", framing.Frame{Kind: framing.KindEmit, Origin: sampleOrigin, Sequence: 42, Time: sampleTime, Topic: topic, Payload: []byte("hello!")}),
		plain(t, "emit that wants an ack", framing.Frame{Kind: framing.KindEmit, Flags: crc | framing.FlagWantAck, Origin: sampleOrigin, Sequence: 43, Time: sampleTime, Topic: topic, Payload: []byte{0}}),
		plain(t, "emit of nothing to no topic", framing.Frame{Kind: framing.KindEmit, Sequence: 1}),
		plain(t, "event by hand", framing.Frame{Kind: framing.KindEvent, Flags: crc | offset, Origin: sampleOrigin, Sequence: 42, Time: sampleTime, Offset: 7, Topic: topic, Payload: []byte("hello!")}),
		plain(t, "event replayed", framing.Frame{Kind: framing.KindEvent, Flags: offset | framing.FlagReplayed, Origin: maxU64, Sequence: maxU64, Time: maxU64, Offset: maxU64, Topic: topic, Payload: []byte("old")}),
		plain(t, "event with the longest topic", framing.Frame{Kind: framing.KindEvent, Flags: crc, Origin: 1, Sequence: 1, Topic: bytes.Repeat([]byte{0xc3, 0xa9, '/'}, 85)}),
		plain(t, "event that was delivered before", framing.Frame{Kind: framing.KindEvent, Flags: offset | framing.FlagRedelivered, Origin: 2, Sequence: 3, Offset: 5, Topic: topic}),
		plain(t, "request", framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagRequest, Origin: sampleOrigin, Sequence: 42, Time: sampleTime, Topic: topic, Payload: []byte("hello?")}),
		plain(t, "reply", framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagReply, Origin: 9, Sequence: 1, Time: sampleTime, Topic: topic, Payload: reply.Append(nil)}),
		plain(t, "reply of nothing", framing.Frame{Kind: framing.KindEvent, Flags: framing.FlagReply, Origin: 9, Sequence: 2, Topic: topic, Payload: nothing.Append(nil)}),
		plain(t, "event with all flags", framing.Frame{Kind: framing.KindEvent, Flags: 0x0f, Origin: 2, Sequence: 3, Time: 4, Offset: 5, Topic: []byte("t"), Payload: []byte("p")}),
		plain(t, "event with every flag there is", framing.Frame{Kind: framing.KindEvent, Flags: 0x7f, Origin: 2, Sequence: 3, Time: 4, Offset: 5, Topic: []byte("t"), Payload: nothing.Append(nil)}),
		plain(t, "ack", framing.Frame{Kind: framing.KindAck, Origin: sampleOrigin, Sequence: 42}),
		plain(t, "ack of a refused event", framing.Frame{Kind: framing.KindAck, Flags: crc, Code: framing.CodeFull, Origin: sampleOrigin, Sequence: 43}),
		plain(t, "ack by offset", framing.Frame{Kind: framing.KindAck, Flags: offset, Sequence: 9, Offset: 1 << 33, Topic: topic}),
		frameAndBody(t, "nack", framing.Frame{Kind: framing.KindNack, Flags: crc, Origin: sampleOrigin}, missing),
		frameAndBody(t, "nack by offset", framing.Frame{Kind: framing.KindNack, Flags: offset, Code: framing.CodeTimeout, Offset: 42, Topic: topic}, missing),
		frameAndBody(t, "nack of nothing", framing.Frame{Kind: framing.KindNack, Origin: sampleOrigin}, framing.Ranges(nil)),
		frameAndBody(t, "fragment", framing.Frame{Kind: framing.KindFragment, Flags: crc, Origin: sampleOrigin, Sequence: 44}, fragment),
		frameAndBody(t, "parity", framing.Frame{Kind: framing.KindParity, Flags: crc, Origin: sampleOrigin}, parity),
		plain(t, "parity that numbers a datagram", framing.Frame{Kind: framing.KindParity, Flags: crc, Sequence: 108}),
		plain(t, "ping", framing.Frame{Kind: framing.KindPing, Sequence: 5, Time: sampleTime}),
		plain(t, "pong", framing.Frame{Kind: framing.KindPong, Flags: crc, Sequence: 5, Time: sampleTime}),
		frameAndBody(t, "receipt of nothing missed", framing.Frame{Kind: framing.KindReceipt, Sequence: 1, Topic: topic}, none),
		frameAndBody(t, "receipt of some replayed, some expired", framing.Frame{Kind: framing.KindReceipt, Flags: crc, Sequence: 2, Topic: topic}, some),
		plain(t, "error: no common version", framing.Frame{Kind: framing.KindError, Code: framing.CodeVersion, Payload: []byte("this server speaks 1")}),
		plain(t, "error: invalid", framing.Frame{Kind: framing.KindError, Flags: crc, Code: framing.CodeInvalid, Origin: sampleOrigin, Sequence: 45}),
		plain(t, "error: too large", framing.Frame{Kind: framing.KindError, Flags: crc, Code: framing.CodeTooLarge, Origin: sampleOrigin, Sequence: 45}),
		plain(t, "error: unauthorized", framing.Frame{Kind: framing.KindError, Code: framing.CodeUnauthorized, Topic: topic}),
		plain(t, "error: limit", framing.Frame{Kind: framing.KindError, Code: framing.CodeLimit}),
		plain(t, "error: nobody", framing.Frame{Kind: framing.KindError, Code: framing.CodeNobody, Origin: sampleOrigin, Sequence: 42, Topic: topic}),
		plain(t, "error: gone", framing.Frame{Kind: framing.KindError, Code: framing.CodeGone, Origin: sampleOrigin, Sequence: 42, Topic: topic}),
		plain(t, "error: retry", framing.Frame{Kind: framing.KindError, Flags: crc | offset, Code: framing.CodeRetry, Sequence: 1, Offset: maxU64 - 1}),
		plain(t, "error: internal", framing.Frame{Kind: framing.KindError, Code: framing.CodeInternal}),
		plain(t, "bye", framing.Frame{Kind: framing.KindBye}),
		plain(t, "bye: shutdown", framing.Frame{Kind: framing.KindBye, Flags: crc, Code: framing.CodeShutdown}),
		plain(t, "bye: timeout", framing.Frame{Kind: framing.KindBye, Code: framing.CodeTimeout}),
		plain(t, "move", framing.Frame{Kind: framing.KindMove, Flags: crc | offset, Origin: sampleOrigin, Sequence: 6, Time: sampleTime, Offset: maxU64 - 1, Payload: []byte("sixteen bytes...")}),
	}
}

func plain(t *testing.T, name string, f framing.Frame) frameVector {
	b := encode(t, f)
	return frameVector{Name: name, Bytes: hex.EncodeToString(b), Frame: fieldsOf(f)}
}

func frameAndBody(t *testing.T, name string, f framing.Frame, body any) frameVector {
	f.Payload = appendBody(t, body)
	v := plain(t, name, f)
	v.Body = bodyJSON(t, body)
	return v
}

func encode(t testing.TB, f framing.Frame) []byte {
	t.Helper()
	b, err := f.Append(nil)
	if err != nil {
		t.Fatalf("Append(%v) = %v", f.Kind, err)
	}
	return b
}

// invalidFrames are whole, sound frames with one thing made wrong each.
func invalidFrames(t *testing.T) []invalidVector {
	sound := encode(t, framing.Frame{Kind: framing.KindEmit, Origin: 1, Sequence: 2, Topic: []byte("ab"), Payload: []byte("cd")})
	summed := encode(t, framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Sequence: 2, Topic: []byte("ab"), Payload: []byte("cd")})
	bare := encode(t, framing.Frame{Kind: framing.KindPing})
	change := func(b []byte, at int, to byte) []byte {
		b = slices.Clone(b)
		b[at] = to
		return b
	}
	claim := func(b []byte, n uint32) []byte {
		b = slices.Clone(b)
		binary.BigEndian.PutUint32(b, n)
		return b
	}
	const limit = 64
	return []invalidVector{
		invalid("nothing", nil, limit, 0, "incomplete"),
		invalid("cut inside the length", sound[:3], limit, 0, "incomplete"),
		invalid("cut behind the length", sound[:4], limit, 0, "incomplete"),
		invalid("one byte short", sound[:len(sound)-1], limit, 0, "incomplete"),
		invalid("length of nothing", claim(sound, 0), limit, 0, "invalid"),
		invalid("length smaller than any frame", claim(sound, 27), limit, 0, "invalid"),
		invalid("length one over the limit", claim(sound, limit-4+1), limit, 0, "too-large"),
		invalid("largest length", claim(sound, 1<<32-1), limit, 0, "too-large"),
		invalid("length at the limit, bytes missing", claim(sound, limit-4), limit, 0, "incomplete"),
		invalid("version 0", change(sound, 4, 0x05), limit, 36, "version"),
		invalid("version 2", change(sound, 4, 0x45), limit, 36, "version"),
		invalid("kind 0", change(sound, 4, 0x20), limit, 36, "invalid"),
		invalid("kind 17", change(sound, 4, 0x31), limit, 36, "invalid"),
		invalid("kind 31", change(sound, 4, 0x3f), limit, 36, "invalid"),
		invalid("unknown highest flag", change(sound, 5, 0x80), limit, 36, "invalid"),
		invalid("topic longer than the frame", change(sound, 7, 5), limit, 36, "invalid"),
		invalid("topic in a bare frame", change(bare, 7, 1), limit, 32, "invalid"),
		invalid("no room for the checksum", change(bare, 5, 0x01), limit, 32, "invalid"),
		invalid("no room for the offset", change(bare, 5, 0x02), limit, 32, "invalid"),
		invalid("checksum wrong by a bit", change(summed, len(summed)-1, summed[len(summed)-1]^1), limit, 40, "checksum"),
		invalid("payload wrong by a bit", change(summed, 34, summed[34]^1), limit, 40, "checksum"),
		invalid("sequence wrong by a bit", change(summed, 23, summed[23]^1), limit, 40, "checksum"),
		invalid("checksum flag without a checksum", change(sound, 5, 0x01), limit, 36, "checksum"),
	}
}

func invalid(name string, b []byte, limit, size int, err string) invalidVector {
	return invalidVector{Name: name, Bytes: hex.EncodeToString(b), Limit: limit, Size: size, Error: err}
}

func invalidBodies() []bodyVector {
	const invalid = "invalid"
	return []bodyVector{
		{"hello of nothing", "hello", "", invalid},
		{"hello with the name cut", "hello", "010103616e", invalid},
		{"hello without a token length", "hello", "010100", invalid},
		{"hello with the token cut", "hello", "0101000002ff", invalid},
		{"hello with bytes left over", "hello", "010100000000", invalid},
		{"welcome cut", "welcome", "010010000000000000000000", invalid},
		{"welcome with bytes left over", "welcome", "0100100000000000000000000000", invalid},
		{"subscribe cut", "subscribe", "000000000000000000000000000000", invalid},
		{"subscribe with bytes left over", "subscribe", "0000000000000000000000000000000000", invalid},
		{"subscribe with wishes cut", "subscribe", "0000000000000000000000000000000002010100000005dc00", invalid},
		{"subscribe with wishes and bytes left over", "subscribe", "0000000000000000000000000000000002010100000005dc000500", invalid},
		{"subscribe of an unknown delivery", "subscribe", "0000000000000000000000000000000003010100000005dc0005", invalid},
		{"subscribe with wishes that are none", "subscribe", "0000000000000000000000000000000000000000000000000000", invalid},
		{"nack with half a range", "nack", "0000000000000001", invalid},
		{"nack with an empty range", "nack", "00000000000000010000000000000001", invalid},
		{"nack with a range backwards", "nack", "00000000000000020000000000000001", invalid},
		{"nack with ranges that overlap", "nack", "0000000000000001000000000000000400000000000000030000000000000005", invalid},
		{"fragment cut", "fragment", "00000010000000", invalid},
		{"fragment of nothing", "fragment", "0000001000000000", invalid},
		{"fragment past its frame", "fragment", "00000010000000100a", invalid},
		{"fragment whose end wraps", "fragment", "00000010ffffffff0a0b", invalid},
		{"parity cut", "parity", "00000000000000640a02", invalid},
		{"parity of no data", "parity", "0000000000000064000200ff", invalid},
		{"parity past its group", "parity", "00000000000000640a0202ff", invalid},
		{"receipt cut", "receipt", "00000000000000010000000000000001000000000000000100000000000000", invalid},
		{"receipt backwards", "receipt", "0000000000000001000000000000000200000000000000010000000000000000", invalid},
		{"receipt with half a range", "receipt", "00000000000000010000000000000001000000000000000200000000000000000000000000000001", invalid},
	}
}

func sampleDatagrams(t *testing.T) []datagramVector {
	frame := func(sequence uint64, flags framing.Flags) []byte {
		return encode(t, framing.Frame{Kind: framing.KindEmit, Flags: flags, Origin: 1, Sequence: sequence, Topic: []byte("t"), Payload: []byte("x")})
	}
	one, two, three := frame(1, framing.FlagCRC), frame(2, framing.FlagCRC), frame(3, framing.FlagCRC)
	flip := func(b []byte, at int) []byte {
		b = slices.Clone(b)
		b[at] ^= 0x40
		return b
	}
	seq := func(n uint64) datagramItem { return datagramItem{Sequence: n} }
	bad := func(word string) datagramItem { return datagramItem{Error: word} }
	return []datagramVector{
		datagram("empty", nil),
		datagram("one frame", one, seq(1)),
		datagram("three frames", slices.Concat(one, two, three), seq(1), seq(2), seq(3)),
		datagram("a bad frame is skipped", slices.Concat(one, flip(two, 33), three), seq(1), bad("checksum"), seq(3)),
		datagram("another version is skipped", slices.Concat(one, flip(two, 4), three), seq(1), bad("version"), seq(3)),
		datagram("no checksum is no frame", slices.Concat(frame(1, 0), two), bad("checksum"), seq(2)),
		datagram("the last frame is cut", slices.Concat(one, two[:len(two)-1]), seq(1), bad("incomplete")),
		datagram("a length that lies ends it", slices.Concat(one, flip(two, 0), three), seq(1), bad("too-large")),
		datagram("padding ends it", slices.Concat(one, make([]byte, 8)), seq(1), bad("invalid")),
	}
}

func datagram(name string, b []byte, holds ...datagramItem) datagramVector {
	return datagramVector{Name: name, Bytes: hex.EncodeToString(b), Holds: holds}
}
