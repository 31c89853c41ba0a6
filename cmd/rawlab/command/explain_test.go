package command_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"rawlab/capture/pcapng"
	"rawlab/cmd/rawlab/command"
	"rawlab/framing"
)

var update = flag.Bool("update", false, "write testdata/explain anew; then read the goldens")

// runExplain runs one command line in this process.
func runExplain(t *testing.T, stdin []byte, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = command.Main(t.Context(), append([]string{"explain"}, args...), bytes.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

// staged is a capture file under construction.
type staged struct {
	t    testing.TB
	w    *pcapng.Writer
	b    bytes.Buffer
	time time.Time
}

func newStaged(t testing.TB, taps ...string) *staged {
	t.Helper()
	s := &staged{t: t, time: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	w, err := pcapng.NewWriter(&s.b, pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	s.w = w
	for _, name := range taps {
		if _, err := w.AddInterface(pcapng.Interface{Name: name, LinkType: pcapng.LinkEthernet}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// add writes a packet a millisecond after the last; comment may be empty.
func (s *staged) add(tap int, flags uint32, comment string, data []byte) {
	s.t.Helper()
	s.time = s.time.Add(time.Millisecond)
	p := pcapng.Packet{Interface: tap, Time: s.time, Data: data, Length: len(data), Flags: flags}
	if comment != "" {
		p.Comments = []string{comment}
	}
	if err := s.w.WritePacket(&p); err != nil {
		s.t.Fatal(err)
	}
}

func (s *staged) bytes() []byte {
	s.t.Helper()
	if err := s.w.Flush(); err != nil {
		s.t.Fatal(err)
	}
	return s.b.Bytes()
}

// packet builds an Ethernet and IPv4 packet between client and server.
func packet(t testing.TB, toServer bool, l4 gopacket.SerializableLayer, payload []byte) []byte {
	t.Helper()
	client, server := net.IP{10, 77, 0, 1}, net.IP{10, 77, 0, 2}
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{Version: 4, TTL: 64, Flags: layers.IPv4DontFragment, SrcIP: client, DstIP: server}
	if !toServer {
		eth.SrcMAC, eth.DstMAC, ip.SrcIP, ip.DstIP = eth.DstMAC, eth.SrcMAC, server, client
	}
	var err error
	switch l := l4.(type) {
	case *layers.UDP:
		ip.Protocol, err = layers.IPProtocolUDP, l.SetNetworkLayerForChecksum(ip)
	case *layers.TCP:
		ip.Protocol, err = layers.IPProtocolTCP, l.SetNetworkLayerForChecksum(ip)
	}
	if err != nil {
		t.Fatal(err)
	}
	b := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(b, opts, eth, ip, l4, gopacket.Payload(payload)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func upUDP(t testing.TB, payload []byte) []byte {
	return packet(t, true, &layers.UDP{SrcPort: 40000, DstPort: 9700}, payload)
}

func upTCP(t testing.TB, seq uint32, payload []byte) []byte {
	return packet(t, true, &layers.TCP{SrcPort: 40000, DstPort: 9700, Seq: seq, Ack: 501, ACK: seq != 0, PSH: len(payload) > 0, SYN: seq == 0, Window: 501}, payload)
}

func downTCP(t testing.TB, seq, ack uint32, payload []byte) []byte {
	return packet(t, false, &layers.TCP{SrcPort: 9700, DstPort: 40000, Seq: seq, Ack: ack, ACK: true, PSH: true, Window: 501}, payload)
}

// eventFrame encodes an event, emitted at the start of the staged time.
func eventFrame(t testing.TB, kind framing.Kind, flags framing.Flags, origin, sequence uint64, payload string) []byte {
	t.Helper()
	f := framing.Frame{
		Kind: kind, Flags: flags, Origin: origin, Sequence: sequence, Topic: []byte("news"), Payload: []byte(payload),
		Time: uint64(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()),
	}
	if kind == framing.KindAck {
		f.Time, f.Topic = 0, nil
	}
	b, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// udpCapture: one event lost, two packed in one datagram, one delivered.
func udpCapture(t testing.TB) []byte {
	s := newStaged(t, "client", "server")
	one := eventFrame(t, framing.KindEmit, framing.FlagCRC, 7, 1, "lost")
	pair := append(eventFrame(t, framing.KindEmit, framing.FlagCRC, 7, 2, "second"), eventFrame(t, framing.KindEmit, framing.FlagCRC, 7, 3, "third")...)
	s.add(0, pcapng.FlagOutbound, "event 7:1; wire-loss: ends here", upUDP(t, one))
	s.add(0, pcapng.FlagOutbound, "event 7:2–3; passed", upUDP(t, pair))
	s.add(1, pcapng.FlagInbound, "event 7:2–3; arrived, passed", upUDP(t, pair))
	delivered := eventFrame(t, framing.KindEvent, framing.FlagCRC, 7, 2, "second")
	s.add(1, pcapng.FlagOutbound, "", packet(t, false, &layers.UDP{SrcPort: 9700, DstPort: 40001}, delivered))
	return s.bytes()
}

// tcpCapture: an event split over two segments, the second sent again, then
// two in one segment, and the acknowledgement.
func tcpCapture(t testing.TB) []byte {
	s := newStaged(t, "")
	var b []byte
	for i, payload := range []string{"split over two segments", "merged", "with this"} {
		b = append(b, eventFrame(t, framing.KindEmit, framing.FlagWantAck, 7, uint64(i+1), payload)...)
	}
	first := len(eventFrame(t, framing.KindEmit, 0, 7, 1, "split over two segments"))
	s.add(0, 0, "", upTCP(t, 0, nil))
	s.add(0, 0, "", upTCP(t, 1, b[:20]))
	s.add(0, 0, "", upTCP(t, 21, b[20:first]))
	s.add(0, 0, "", upTCP(t, 21, b[20:first]))
	s.add(0, 0, "", upTCP(t, uint32(first)+1, b[first:]))
	s.add(0, 0, "", downTCP(t, 501, uint32(len(b))+1, eventFrame(t, framing.KindAck, 0, 7, 3, "")))
	return s.bytes()
}

func TestExplainGolden(t *testing.T) {
	for name, build := range map[string]func(testing.TB) []byte{"udp": udpCapture, "tcp": tcpCapture} {
		t.Run(name, func(t *testing.T) {
			file := "testdata/explain/" + name + ".pcapng"
			golden := strings.TrimSuffix(file, "pcapng") + "golden"
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, build(t), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			_, all, stderr := runExplain(t, nil, file)
			_, one, stderr2 := runExplain(t, nil, file, "--event", "0x7:1")
			got := all + "\n════\n" + one
			if stderr+stderr2 != "" {
				t.Errorf("stderr %q", stderr+stderr2)
			}
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("explain (-want +got):\n%s", diff)
			}
			for line := range strings.Lines(got) {
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
					t.Errorf("%d columns, want at most 80: %q", n, line)
				}
			}
		})
	}
}

func TestExplainErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "udp.pcapng")
	whole := udpCapture(t)
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args   []string
		stdin  []byte
		code   int
		stdout string // a part of it; empty: there is none
		stderr string
	}{
		"unknown event":    {[]string{file, "--event", "8:1"}, nil, 1, "", "no event 8:1 in " + file + "; it holds 3 events, 7:1 to 7:3"},
		"malformed event":  {[]string{file, "--event", "seven"}, nil, 2, "", "want ORIGIN:SEQUENCE"},
		"empty event":      {[]string{file, "--event", ""}, nil, 2, "", "want ORIGIN:SEQUENCE"},
		"negative event":   {[]string{file, "--event", "-1:2"}, nil, 2, "", "want ORIGIN:SEQUENCE"},
		"negative limit":   {[]string{file, "--limit", "-1"}, nil, 2, "", "0 or more"},
		"no file":          {nil, nil, 2, "", "usage: rawlab explain FILE|FOLDER"},
		"missing file":     {[]string{file + "x"}, nil, 1, "", "no such file"},
		"no capture":       {[]string{"-"}, []byte("something else"), 1, "", "neither pcapng nor pcap"},
		"cut":              {[]string{"-"}, whole[:len(whole)-20], 1, "event 7:3", "cut short"},
		"cut, JSON":        {[]string{"-", "--json"}, whole[:len(whole)-20], 1, `"event":"7:3"`, "cut short"},
		"limit":            {[]string{file, "--limit", "1"}, nil, 0, "2 more events not shown", ""},
		"one of them, hex": {[]string{file, "--event", "7:3", "--hex"}, nil, 0, "0x0020:", ""},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := runExplain(t, tt.stdin, tt.args...)
			if code != tt.code || !strings.Contains(stdout, tt.stdout) || (tt.stdout == "") != (stdout == "") ||
				!strings.Contains(stderr, tt.stderr) || (tt.stderr == "") != (stderr == "") {
				t.Errorf("explain %q: exit %d, stdout %q, stderr %q; want %d, %q, %q", tt.args, code, stdout, stderr, tt.code, tt.stdout, tt.stderr)
			}
		})
	}
}

// TestExplainForeign: a capture without events is dissected all the same.
func TestExplainForeign(t *testing.T) {
	s := newStaged(t, "lo")
	s.add(0, 0, "", upUDP(t, []byte("no event")))
	s.add(0, 0, "", upUDP(t, []byte("none either")))
	file := s.bytes()
	code, stdout, stderr := runExplain(t, file, "-", "--limit", "1")
	for _, want := range []string{"no rawlab event", "10.77.0.1:40000 > 10.77.0.2:9700", "packet 1 ", "1 physical", "7 application", "1 more packet not shown"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout)
		}
	}
	if code != 0 || stderr != "" {
		t.Errorf("exit %d, stderr %q", code, stderr)
	}
}

// TestExplainSameIdentity: two events that share an identity, as two runs in
// one file do, are two stories.
func TestExplainSameIdentity(t *testing.T) {
	s := newStaged(t, "")
	early := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Sequence: 1, Time: 5}
	late := early
	late.Time = 6
	for _, f := range []framing.Frame{early, late} {
		b, err := f.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		s.add(0, 0, "", upUDP(t, b))
	}
	_, stdout, _ := runExplain(t, s.bytes(), "-", "--event", "1:1")
	if n := strings.Count(stdout, "event 1:1,"); n != 2 {
		t.Errorf("%d stories of 1:1, want 2:\n%s", n, stdout)
	}
}

func TestExplainJSON(t *testing.T) {
	code, stdout, stderr := runExplain(t, tcpCapture(t), "-", "--json", "--event", "7:1", "--hex")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	type part struct {
		Packet, From, To int
		At               int `json:"frame_at"`
		Retransmission   bool
	}
	var got struct {
		Packets, Events int
		Frames          map[string]int
		Shown           []struct {
			Event   string
			Frames  []struct{ Parts []part }
			Answers []struct{ Kind string }
		}
		Details []struct {
			Number int
			Data   string
			Layers []struct{ OSI int }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Shown) != 1 || got.Shown[0].Event != "7:1" || len(got.Shown[0].Frames) != 1 || len(got.Shown[0].Answers) != 1 {
		t.Fatalf("shown = %+v, want the one event with one frame and one answer", got.Shown)
	}
	want := []part{{2, 54, 74, 0, false}, {3, 54, 93, 20, false}, {4, 54, 93, 20, true}}
	if diff := cmp.Diff(want, got.Shown[0].Frames[0].Parts); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	if got.Packets != 6 || got.Events != 3 || got.Frames["emit"] != 3 || len(got.Details) != 4 {
		t.Errorf("%d packets, %d events, %v, %d details; want 6, 3, 3 emits, 4", got.Packets, got.Events, got.Frames, len(got.Details))
	}
	for _, d := range got.Details {
		if len(d.Layers) < 7 || d.Data == "" {
			t.Errorf("packet %d: %d layers, data %q; want 7 or more and the bytes", d.Number, len(d.Layers), d.Data)
		}
	}
}
