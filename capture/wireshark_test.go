package capture_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/pcapng"
	"rawlab/framing"
	"rawlab/internal/tools"
)

// tshark reads a file with our dissector.
func tshark(t *testing.T, file string, fields ...string) [][]string {
	t.Helper()
	const dissector = "../scripts/rawlab.lua"
	if _, err := os.Stat(dissector); err != nil { // so that go test knows that this depends on it
		t.Fatal(err)
	}
	return tools.Tshark(t, file, []string{"-X", "lua_script:" + dissector}, fields...)
}

// save writes packets of Ethernet, IPv4 and that protocol into a file.
func save(t *testing.T, protocol byte, payloads ...[]byte) string {
	t.Helper()
	var packets [][]byte
	sequence := uint32(1)
	for _, payload := range payloads {
		data := ipPacket(protocol, payload)
		if protocol == 6 {
			binary.BigEndian.PutUint32(data[14+20+4:], sequence)
			sequence += uint32(len(payload))
		}
		packets = append(packets, data)
	}
	return tools.SaveData(t, pcapng.LinkEthernet, packets...)
}

// ipPacket returns a packet over Ethernet and IPv4, from port 49152 to 9700 if
// the protocol has ports.
func ipPacket(protocol byte, payload []byte) []byte {
	var transport []byte
	switch ports := []byte{0xc0, 0, 0x25, 0xe4}; protocol {
	case 17:
		transport = append(binary.BigEndian.AppendUint16(ports, uint16(8+len(payload))), 0, 0)
	case 6:
		transport = append(ports, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0)
	}
	ip := binary.BigEndian.AppendUint16([]byte{0x45, 0}, uint16(20+len(transport)+len(payload)))
	ip = append(ip, 0, 7, 0, 0, 64, protocol, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2)
	return slices.Concat(make([]byte, 12), []byte{8, 0}, ip, transport, payload)
}

// vectors are the format's, as far as a dissector is concerned.
type vectors struct {
	Frames []struct {
		Name, Bytes string
		Body        map[string]any
	}
	Invalid []struct{ Name, Bytes, Error string }
	Bodies  []struct{ Name, Kind, Bytes string } `json:"invalid_bodies"`
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("../framing/testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var frameFields = []string{
	"rawlab.kind", "rawlab.flags", "rawlab.code", "rawlab.origin", "rawlab.seq", "rawlab.time_ns", "rawlab.offset", "rawlab.topic",
	"rawlab.payload", "rawlab.payload_length", "rawlab.crc", "rawlab.crc.good",
}

// fieldsOf is what a dissector has to say of a frame.
func fieldsOf(f *framing.Frame, whole []byte) []string {
	row := []string{
		fmt.Sprint(uint8(f.Kind)), fmt.Sprintf("0x%02x", uint8(f.Flags)), fmt.Sprint(uint8(f.Code)), fmt.Sprint(f.Origin), fmt.Sprint(f.Sequence),
		fmt.Sprint(f.Time), "", string(f.Topic), hex.EncodeToString(f.Payload), fmt.Sprint(len(f.Payload)), "", "",
	}
	if f.Flags&framing.FlagOffset != 0 {
		row[6] = fmt.Sprint(f.Offset)
	}
	if f.Flags&framing.FlagCRC != 0 {
		row[10], row[11] = fmt.Sprintf("0x%08x", binary.BigEndian.Uint32(whole[len(whole)-4:])), "1"
	}
	return row
}

func TestWiresharkReadsEveryVector(t *testing.T) {
	v := readVectors(t)
	var frames [][]byte
	var want [][]string
	for _, x := range v.Frames {
		b := unhex(t, x.Bytes)
		f, _, err := framing.Parse(b, framing.DefaultLimit)
		if err != nil {
			t.Fatal(err)
		}
		frames, want = append(frames, b), append(want, fieldsOf(&f, b))
	}
	file := save(t, 17, frames...)
	if d := cmp.Diff(want, tshark(t, file, frameFields...)); d != "" {
		t.Errorf("over UDP (-want +got):\n%s", d)
	}
	for i, row := range tshark(t, file, "rawlab.expert.body", "rawlab.expert.frame", "rawlab.expert.crc") {
		if crc := frames[i][5]&byte(framing.FlagCRC) != 0; row[0]+row[1] != "" || (row[2] == "") != crc {
			t.Errorf("%s: objections %q", v.Frames[i].Name, row)
		}
	}

	// Over TCP the same frames are cut anywhere.
	var segments [][]byte
	for piece := range slices.Chunk(slices.Concat(frames...), 37) {
		segments = append(segments, piece)
	}
	always := []int{0, 1, 2, 3, 4, 5, 9} // fields that every frame has
	var names []string
	wanted, got := make([][]string, len(always)), make([][]string, len(always))
	for i, n := range always {
		names = append(names, frameFields[n])
		for _, row := range want {
			wanted[i] = append(wanted[i], row[n])
		}
	}
	for _, row := range tshark(t, save(t, 6, segments...), names...) {
		for i, field := range row {
			if field != "" {
				got[i] = append(got[i], strings.Split(field, ";")...)
			}
		}
	}
	if d := cmp.Diff(wanted, got); d != "" {
		t.Errorf("over TCP (-want +got):\n%s", d)
	}
}

// bodyFields are the names in the vectors' bodies, by kind.
var bodyFields = map[framing.Kind]map[string]string{
	framing.KindHello: {
		"min_version": "rawlab.hello.min_version", "max_version": "rawlab.hello.max_version", "name": "rawlab.hello.name", "token": "rawlab.hello.token",
	},
	framing.KindWelcome: {"version": "rawlab.welcome.version", "limit": "rawlab.welcome.limit", "epoch": "rawlab.epoch"},
	framing.KindSubscribe: {
		"epoch": "rawlab.epoch", "offset": "rawlab.subscribe.offset", "delivery": "rawlab.subscribe.delivery", "overflow": "rawlab.subscribe.overflow",
		"window": "rawlab.subscribe.window", "redeliver_ms": "rawlab.subscribe.redeliver", "max_deliveries": "rawlab.subscribe.max_deliveries",
	},
	framing.KindReceipt: {
		"epoch": "rawlab.epoch", "from": "rawlab.receipt.from", "to": "rawlab.receipt.to", "replayed": "rawlab.receipt.replayed", "expired": "rawlab.range.from",
	},
	framing.KindNack:     {"missing": "rawlab.range.from"},
	framing.KindFragment: {"total": "rawlab.fragment.total", "position": "rawlab.fragment.position", "piece": "rawlab.fragment.piece"},
	framing.KindParity: {
		"first": "rawlab.parity.first", "data": "rawlab.parity.k", "redundant": "rawlab.parity.m", "index": "rawlab.parity.index", "shard": "rawlab.parity.shard",
	},
}

func TestWiresharkReadsEveryBody(t *testing.T) {
	for _, x := range readVectors(t).Frames {
		if x.Body == nil {
			continue
		}
		frame := unhex(t, x.Bytes)
		names := bodyFields[framing.Kind(frame[4]&0x1f)]
		var fields, want []string
		for key, value := range x.Body {
			name := names[key]
			if name == "" {
				t.Errorf("%s: %s has no field", x.Name, key)
				continue
			}
			fields, want = append(fields, name), append(want, bodyText(t, name, value))
		}
		if d := cmp.Diff([][]string{want}, tshark(t, save(t, 17, frame), fields...)); d != "" {
			t.Errorf("%s, %v (-want +got):\n%s", x.Name, fields, d)
		}
	}
}

// bodyText writes a value of the vectors as tshark does.
func bodyText(t *testing.T, field string, value any) string {
	t.Helper()
	switch v := value.(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any: // ranges: their beginnings
		var from []string
		for _, r := range v {
			from = append(from, fmt.Sprint(r.([]any)[0]))
		}
		return strings.Join(from, ";")
	case string:
		if field == "rawlab.epoch" {
			n, err := strconv.ParseUint(v, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("0x%016x", n)
		}
		if field == "rawlab.hello.name" {
			return string(unhex(t, v))
		}
		return v
	}
	t.Fatalf("%s is a %T", field, value)
	return ""
}

func TestWiresharkObjects(t *testing.T) {
	v := readVectors(t)
	var names []string
	var payloads [][]byte
	for _, x := range v.Invalid {
		if x.Error != "too-large" && x.Bytes != "" { // Wireshark has another limit
			names, payloads = append(names, x.Name), append(payloads, unhex(t, x.Bytes))
		}
	}
	for _, x := range v.Bodies {
		kind := framing.KindHello
		for kind.String() != x.Kind {
			kind++
		}
		b, err := (&framing.Frame{Kind: kind, Flags: framing.FlagCRC, Payload: unhex(t, x.Bytes)}).Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		names, payloads = append(names, x.Name), append(payloads, b)
	}
	rows := tshark(t, save(t, 17, payloads...), "rawlab.expert.frame", "rawlab.expert.crc", "rawlab.expert.body", "_ws.malformed")
	for i, row := range rows {
		if row[0]+row[1]+row[2] == "" || row[3] != "" {
			t.Errorf("%s: objections %q, want one, and no malfunction", names[i], row)
		}
	}
}

// TestWiresharkCountsGaps: numbers that are skipped are told with the frame
// behind them, for each stream apart.
func TestWiresharkCountsGaps(t *testing.T) {
	var payloads [][]byte
	var want [][]string
	for _, x := range []struct {
		stream uint16
		number uint64
		gap    string
	}{{0, 5, ""}, {0, 6, ""}, {0, 9, "2"}, {1, 1, ""}, {0, 8, ""}, {1, 3, "1"}, {0, 10, ""}} {
		b, err := (&framing.Frame{
			Kind: framing.KindEvent, Flags: framing.FlagCRC, Origin: 1 << 63, Sequence: framing.Sequence(x.stream, x.number), Topic: []byte("news"),
		}).Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		again := ""
		if x.number == 8 {
			again = "1"
		}
		payloads, want = append(payloads, b), append(want, []string{fmt.Sprint(x.stream), fmt.Sprint(x.number), x.gap, again})
	}
	got := tshark(t, save(t, 17, payloads...), "rawlab.seq.stream", "rawlab.seq.number", "rawlab.gap", "rawlab.expert.again")
	for i := range got {
		if got[i][3] != "" {
			got[i][3] = "1"
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("stream, number, missing before, again (-want +got):\n%s", d)
	}
}
