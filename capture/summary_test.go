package capture_test

import (
	"encoding/binary"
	"testing"

	"rawlab/capture"
	"rawlab/capture/pcapng"
	"rawlab/framing"
)

// datagram builds an Ethernet frame with UDP over IPv4; no checksums.
func datagram(payload []byte) []byte {
	b := make([]byte, 42, 42+len(payload))
	b[12], b[14], b[22], b[23] = 8, 0x45, 64, 17
	binary.BigEndian.PutUint16(b[16:], uint16(28+len(payload)))
	copy(b[26:], []byte{10, 77, 0, 1, 10, 77, 0, 2})
	binary.BigEndian.PutUint16(b[34:], 40000)
	binary.BigEndian.PutUint16(b[36:], 9700)
	binary.BigEndian.PutUint16(b[38:], uint16(8+len(payload)))
	return append(b, payload...)
}

func TestSummarize(t *testing.T) {
	f := framing.Frame{Kind: framing.KindEvent, Flags: framing.FlagCRC, Origin: 7, Sequence: 12, Topic: []byte("news"), Payload: []byte("hello")}
	frame, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	var s capture.Summarizer
	for name, c := range map[string]struct {
		payload []byte
		frames  int
	}{
		"two frames":    {append(frame[:len(frame):len(frame)], frame...), 2},
		"a damaged one": {append(frame[:len(frame)-1:len(frame)-1], 0), 0},
		"something":     {[]byte("something else altogether, long enough for a header"), 0},
	} {
		b := datagram(c.payload)
		got := s.Summarize(&capture.Packet{Data: b, Length: len(b)}, pcapng.LinkEthernet)
		if got.Protocol != "udp" || got.Source.String() != "10.77.0.1:40000" || got.Target.String() != "10.77.0.2:9700" || got.Payload != len(c.payload) || got.Length != len(b) {
			t.Errorf("%s: %+v", name, got)
		}
		if len(got.Frames) != c.frames {
			t.Errorf("%s: %d frames, want %d", name, len(got.Frames), c.frames)
		}
		for _, f := range got.Frames {
			if f.Origin != 7 || f.Sequence != 12 || string(f.Topic) != "news" {
				t.Errorf("%s: frame %+v", name, f)
			}
		}
		for size := range b { // cut anywhere, it must still say something
			s.Summarize(&capture.Packet{Data: b[:size], Length: len(b)}, pcapng.LinkEthernet)
		}
	}
}
