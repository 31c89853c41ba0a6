package command_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"

	"rawlab/capture/pcapng"
	"rawlab/cmd/rawlab/command"
	"rawlab/framing"
)

// TestExplainReadsAgain: a file of which not all frames are kept is told the
// same way.
func TestExplainReadsAgain(t *testing.T) {
	virtual := filepath.Join(t.TempDir(), "lab")
	if out, err := rawlab(t, "lab", "run", "loss", "--backend", "virtual", "--events", "150", "-o", virtual).CombinedOutput(); err != nil {
		t.Fatalf("lab run: %v: %s", err, out)
	}
	lab, err := os.ReadFile(filepath.Join(virtual, "capture.pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"udp": udpCapture(t), "tcp": tcpCapture(t), "lab": lab, "cut": lab[:len(lab)/2]} {
		for _, args := range [][]string{
			{"-"}, {"-", "--json", "--hex"}, {"-", "--limit", "2"}, {"-", "--limit", "0", "--json"}, {"-", "--limit", "0"},
			{"-", "--event", "1:7"}, {"-", "--event", "7:1", "--json"}, {"-", "--event", "9:9"}, {"-", "--event", "7:2", "--ladder"},
		} {
			t.Run(fmt.Sprint(name, args), func(t *testing.T) {
				code, stdout, stderr := runExplain(t, file, args...)
				was := command.KeepFrames(3)
				defer command.KeepFrames(was)
				code2, stdout2, stderr2 := runExplain(t, file, args...)
				if code != code2 || stderr != stderr2 {
					t.Errorf("exit %d, stderr %q; want %d, %q", code2, stderr2, code, stderr)
				}
				if d := cmp.Diff(stdout, stdout2); d != "" {
					t.Errorf("(-kept +read again):\n%s", d)
				}
			})
		}
	}
}

// largeCapture writes a file of emits over UDP, each acknowledged, a packet
// for each.
func largeCapture(t *testing.T, packets int) string {
	path := filepath.Join(t.TempDir(), "large.pcapng")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w, err := pcapng.NewWriter(bufio.NewWriter(file), pcapng.Section{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddInterface(pcapng.Interface{Name: "lo", LinkType: pcapng.LinkEthernet}); err != nil {
		t.Fatal(err)
	}
	ack := packet(t, false, &layers.UDP{SrcPort: 9700, DstPort: 40000}, eventFrame(t, framing.KindAck, framing.FlagCRC, 7, 1, ""))
	f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 7, Topic: []byte("news"), Payload: make([]byte, 64)}
	headers := upUDP(t, make([]byte, f.Size()))[:42]
	headers[40], headers[41] = 0, 0 // no checksum (RFC 768)
	p := pcapng.Packet{Time: time.Unix(1_700_000_000, 0)}
	for n := range packets {
		p.Time = p.Time.Add(time.Microsecond)
		if p.Data = ack; n%2 == 0 {
			f.Sequence, f.Time = uint64(n/2+1), uint64(p.Time.UnixNano())
			if p.Data, err = f.Append(append([]byte(nil), headers...)); err != nil {
				t.Fatal(err)
			}
		}
		p.Length = len(p.Data)
		if err := w.WritePacket(&p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestExplainMemory: four times the packets take hardly more memory.
func TestExplainMemory(t *testing.T) {
	packets, most := 70_000, int64(150) // per cent
	if testing.Short() {
		packets, most = 10_000, 200
	}
	peak := func(packets int) (kilobytes int64) {
		cmd := rawlab(t, "explain", "--json", largeCapture(t, packets))
		if out, err := cmd.Output(); err != nil || len(out) < 1000 {
			t.Fatalf("explain: %d bytes, %v", len(out), err)
		}
		return peakMemory(cmd.ProcessState)
	}
	small, large := peak(packets), peak(4*packets)
	t.Logf("%d KB with %d packets, %d KB with %d", small, packets, large, 4*packets)
	if large > small*most/100 {
		t.Errorf("%d KB with %d packets, %d KB with %d: want at most %d %% of that", large, 4*packets, small, packets, most)
	}
}
