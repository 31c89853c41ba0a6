package command_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"
	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"

	"rawlab/capture/pcapng"
	"rawlab/framing"
)

// lossyCapture is an event over TCP as both hosts' taps see it: the wire
// loses its segment, which is sent again after three duplicate acks, while
// three later events wait for it.
func lossyCapture(t testing.TB) []byte {
	s := newStaged(t, "client", "server")
	var frames [][]byte
	for i := range 5 {
		frames = append(frames, eventFrame(t, framing.KindEmit, 0, 7, uint64(i+1), "payload"))
	}
	size := uint32(len(frames[0]))
	both := func(up bool, comment string, data []byte) {
		from, to := 0, 1
		if !up {
			from, to = 1, 0
		}
		s.add(from, pcapng.FlagOutbound, comment, data)
		if !strings.Contains(comment, "ends here") {
			s.add(to, pcapng.FlagInbound, "", data)
		}
	}
	up := func(comment string, n int) { both(true, comment, upTCP(t, 1+uint32(n)*size, frames[n])) }
	down := func(ack uint32) { both(false, "", downTCP(t, 501, ack, nil)) }
	both(true, "", packet(t, true, &layers.TCP{SrcPort: 40000, DstPort: 9700, SYN: true, Window: 501}, nil))
	both(false, "", packet(t, false, &layers.TCP{SrcPort: 9700, DstPort: 40000, Seq: 500, Ack: 1, SYN: true, ACK: true, Window: 501}, nil))
	up("event 7:1; passed", 0)
	down(1 + size)
	up("event 7:2; wire-loss: ends here", 1)
	for n := 2; n < 5; n++ {
		up("event 7:"+string(rune('1'+n))+"; passed", n)
		down(1 + size)
	}
	up("event 7:2; passed", 1)
	down(1 + 5*size)
	both(true, "", packet(t, true, &layers.TCP{SrcPort: 40000, DstPort: 9700, Seq: 1 + 5*size, Ack: 501, FIN: true, ACK: true, Window: 501}, nil))
	return s.bytes()
}

func TestViewsGolden(t *testing.T) {
	dir := t.TempDir()
	for name, b := range map[string][]byte{"udp": udpCapture(t), "tcp": tcpCapture(t), "lossy": lossyCapture(t)} {
		if err := os.WriteFile(filepath.Join(dir, name+".pcapng"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for name, args := range map[string][]string{
		"ladder-udp":         {"udp.pcapng", "--ladder"},
		"ladder-tcp":         {"tcp.pcapng", "--ladder"},
		"ladder-lossy":       {"lossy.pcapng", "--ladder"},
		"ladder-lossy-event": {"lossy.pcapng", "--ladder", "--event", "7:3"},
		"ladder-lossy-limit": {"lossy.pcapng", "--ladder", "--limit", "4"},
		"event-lossy":        {"lossy.pcapng", "--event", "7:3"},
		"flows-lossy":        {"lossy.pcapng", "--flows"},
		"waterfall-udp":      {"udp.pcapng", "--waterfall", "--event", "7:2"},
		"waterfall-tcp":      {"tcp.pcapng", "--waterfall", "--event", "7:1"},
	} {
		t.Run(name, func(t *testing.T) { holdGolden(t, name, args) })
	}
}

// testdata is where goldens are, whatever the working directory.
var testdata = func() string {
	dir, err := filepath.Abs("testdata/explain")
	if err != nil {
		panic(err)
	}
	return dir
}()

// holdGolden compares what explain prints with a file, and holds every line
// to 80 columns.
func holdGolden(t *testing.T, name string, args []string) {
	t.Helper()
	code, got, stderr := runExplain(t, nil, args...)
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	file := filepath.Join(testdata, name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("explain %q (-want +got):\n%s", args, diff)
	}
	for line := range strings.Lines(got) {
		if n := displaywidth.String(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns, want at most 80: %q", n, line)
		}
	}
}

func TestLadderJSON(t *testing.T) {
	_, stdout, _ := runExplain(t, lossyCapture(t), "-", "--ladder", "--json")
	var got struct {
		Rungs []struct {
			Packet    int
			Lost      bool
			Fate      string
			ArrivedAs int     `json:"arrived_as"`
			Travelled float64 `json:"travelled_us"`
			Frames    []string
			TCP       struct {
				Seq   int64
				Again string `json:"sent_again"`
				Dup   int    `json:"duplicate_ack"`
			}
		}
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	lost, again, dup := 0, 0, 0
	for _, r := range got.Rungs {
		dup = max(dup, r.TCP.Dup)
		switch {
		case r.Lost:
			lost++
			if r.Fate != "wire-loss: ends here" || r.ArrivedAs != 0 || !cmp.Equal(r.Frames, []string{"emit 7:2"}) {
				t.Errorf("lost: %+v", r)
			}
		case r.ArrivedAs != r.Packet+1 || r.Travelled != 1000:
			t.Errorf("packet %d arrived as %d after %v µs, want the next after 1000", r.Packet, r.ArrivedAs, r.Travelled)
		}
		if r.TCP.Again != "" {
			again++
			if r.TCP.Again != "fast" || !cmp.Equal(r.Frames, []string{"emit 7:2"}) {
				t.Errorf("sent again: %+v", r)
			}
		}
	}
	if len(got.Rungs) != 14 || lost != 1 || again != 1 || dup != 3 {
		t.Errorf("%d rungs, %d lost, %d sent again, %d duplicate acks; want 14, 1, 1, 3", len(got.Rungs), lost, again, dup)
	}
}

func TestFlowsJSON(t *testing.T) {
	_, stdout, _ := runExplain(t, lossyCapture(t), "-", "--flows", "--json")
	var got struct {
		Flows []struct {
			Client, Server string
			Interfaces     []string
			Directions     []struct {
				Segments int
				Reasons  map[string]int         `json:"sent_again_reasons"`
				RTT      *struct{ Min float64 } `json:"rtt_us"`
				Arrivals struct {
					Events int
					InLine struct {
						Count     int
						LongestUS float64 `json:"longest_us"`
					} `json:"head_of_line"`
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Flows) != 1 || got.Flows[0].Client != "10.77.0.1:40000" || len(got.Flows[0].Interfaces) != 2 {
		t.Fatalf("flows = %+v, want one, seen at two interfaces", got.Flows)
	}
	up := got.Flows[0].Directions[0]
	if up.Segments != 8 || up.Reasons["fast"] != 1 || up.RTT == nil || up.RTT.Min != 3000 {
		t.Errorf("to the server: %+v; want 8 segments, 1 fast, round trips from 3 ms on", up)
	}
	// The third event came 1 ms after it left, 12 ms before what was missing.
	if a := up.Arrivals; a.Events != 5 || a.InLine.Count != 3 || a.InLine.LongestUS != 12000 {
		t.Errorf("arrivals: %+v; want 3 of 5 events that waited, at most 12 ms", a)
	}
}

func TestViewTables(t *testing.T) {
	for _, view := range [][]string{{"--ladder"}, {"--flows"}, {}, {"--waterfall", "--event", "7:2"}, {"--event", "7:2"}} {
		_, stdout, stderr := runExplain(t, lossyCapture(t), append([]string{"-", "--csv"}, view...)...)
		rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
		if err != nil || len(rows) < 2 || stderr != "" {
			t.Errorf("%v: %d rows, %v, %q", view, len(rows), err, stderr)
		}
		if n := strings.Count(stdout, "\r\n"); n != len(rows) {
			t.Errorf("%v: %d lines end in CR LF, want %d (RFC 4180)", view, n, len(rows))
		}
		_, stdout, _ = runExplain(t, lossyCapture(t), append([]string{"-", "--md"}, view...)...)
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		for i, line := range lines {
			if strings.Count(line, "|") != len(rows[0])+1 || i == 1 && strings.Trim(line, "|- ") != "" {
				t.Errorf("%v: line %d of the table: %q", view, i, line)
			}
		}
		if len(lines) != len(rows)+1 {
			t.Errorf("%v: %d lines, want %d", view, len(lines), len(rows)+1)
		}
	}
}

func TestViewErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "udp.pcapng")
	if err := os.WriteFile(file, udpCapture(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args   []string
		code   int
		stderr string
	}{
		"two views":        {[]string{file, "--ladder", "--flows"}, 2, "two views"},
		"two formats":      {[]string{file, "--json", "--csv"}, 2, "two formats"},
		"waterfall of all": {[]string{file, "--waterfall"}, 2, "--event ORIGIN:SEQUENCE"},
		"flows of one":     {[]string{file, "--flows", "--event", "7:1"}, 2, "takes no --event"},
		"flow of the list": {[]string{file, "--flow", "10.77.0.1:1"}, 2, "--ladder and --flows"},
		"no address":       {[]string{file, "--ladder", "--flow", "client"}, 2, "ADDRESS:PORT"},
		"no such flow":     {[]string{file, "--ladder", "--flow", "10.77.0.9:1"}, 1, "of 10.77.0.9:1"},
		"no TCP":           {[]string{file, "--flows"}, 1, "no TCP flow"},
		"no such event":    {[]string{file, "--ladder", "--event", "8:1"}, 1, "7:1 to 7:3"},
		"hex of a ladder":  {[]string{file, "--ladder", "--hex"}, 2, "--hex"},
		"a folder":         {[]string{t.TempDir(), "--ladder"}, 1, "folder without a capture.pcapng"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := runExplain(t, nil, tt.args...)
			if code != tt.code || stdout != "" || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("exit %d, stdout %q, stderr %q; want %d, none, %q", code, stdout, stderr, tt.code, tt.stderr)
			}
		})
	}
}

// TestBundleFolder: a lab's folder stands for its capture, and its samples of
// TCP_INFO stand between the packets.
func TestBundleFolder(t *testing.T) {
	dir := t.TempDir()
	info := "time,transport,variant,host,local,remote,state,cwnd,ssthresh,rtt_us,rttvar_us,unacknowledged,lost,retransmits\n" +
		"1893553445.006500,tcp,,client,10.77.0.1:40000,10.77.0.2:9700,ESTABLISHED,11,,26710,19182,0,2,0\n"
	for name, b := range map[string]string{"capture.pcapng": string(lossyCapture(t)), "tcpinfo.csv": info} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, stdout, stderr := runExplain(t, nil, dir, "--ladder")
	if !strings.Contains(stdout, "client: cwnd 11, ssthresh –, rtt 26.7 ms") || stderr != "" {
		t.Errorf("stdout %s\nstderr %q", stdout, stderr)
	}
	if err := os.WriteFile(filepath.Join(dir, "tcpinfo.csv"), []byte("time,host\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := runExplain(t, nil, dir, "--flows"); code != 1 || !strings.Contains(stderr, "no column") {
		t.Errorf("exit %d, stderr %q; want 1 and the column that is missing", code, stderr)
	}
}

// TestWaterfallAddsUp: the layers of every packet follow each other and come
// to the whole packet.
func TestWaterfallAddsUp(t *testing.T) {
	_, stdout, stderr := runExplain(t, udpCapture(t), "-", "--waterfall", "--event", "7:2", "--json")
	var got struct {
		Events []struct {
			Payload int `json:"payload_bytes"`
			Ways    []struct {
				Kind     string
				Packets  int
				Bytes    float64
				Overhead float64 `json:"overhead_percent"`
			}
			Packets []struct {
				Bytes, Payload int
				Layers         []struct{ From, To int }
			}
		}
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v; stderr %q", err, stderr)
	}
	if len(got.Events) != 1 || len(got.Events[0].Packets) != 3 || len(got.Events[0].Ways) != 2 {
		t.Fatalf("%+v, want one event with 3 packets and 2 ways", got.Events)
	}
	for i, p := range got.Events[0].Packets {
		at := 0
		for _, l := range p.Layers {
			if l.From != at {
				t.Errorf("packet %d: a layer from %d on, want %d", i, l.From, at)
			}
			at = l.To
		}
		if at != p.Bytes {
			t.Errorf("packet %d: layers of %d bytes, want %d", i, at, p.Bytes)
		}
	}
	// Two events of 46 and 45 bytes share the 42 bytes of the headers below.
	emit := got.Events[0].Ways[0]
	if want := 46 + 42*46.0/91; emit.Kind != "emit" || emit.Packets != 1 || emit.Bytes < want-0.01 || emit.Bytes > want+0.01 {
		t.Errorf("%+v, want 1 packet and %.2f bytes", emit, want)
	}
}

// TestListMarkdown: what would end a cell, or mean anything, does not.
func TestListMarkdown(t *testing.T) {
	s := newStaged(t, "a|b")
	f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Sequence: 1, Topic: []byte("x|y*<b>\n"), Payload: []byte("p")}
	b, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.add(0, pcapng.FlagOutbound, "", upUDP(t, b))
	_, stdout, _ := runExplain(t, s.bytes(), "-", "--md")
	if !strings.Contains(stdout, `| x\|y\*&lt;b&gt;<br> |`) || !strings.Contains(stdout, `| a\|b |`) {
		t.Errorf("stdout:\n%s", stdout)
	}
}
