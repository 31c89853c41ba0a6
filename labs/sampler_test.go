package labs_test

import (
	"bytes"
	"encoding/csv"
	"path/filepath"
	"testing"
	"time"

	"rawlab/labs"
	"rawlab/labs/report"
)

// TestTCPInfo holds what the hosts tell of their connections against what
// the wire does.
func TestTCPInfo(t *testing.T) {
	for backend, conduct := range map[string]func(*testing.T, *labs.Lab, labs.Options) *labs.Outcome{
		labs.BackendKernel: run, labs.BackendVirtual: runVirtual,
	} {
		t.Run(backend, func(t *testing.T) {
			if backend == labs.BackendKernel {
				t.Parallel()
			}
			o := options(labs.Loss, 1000)
			o.TCPInfo = 10 * time.Millisecond
			out := conduct(t, labs.Loss, o)
			tcp := &out.Result.Runs[0]
			if udp(out).TCPInfo != nil || tcp.TCPInfo == nil || len(tcp.TCPInfo.Connections) != 4 {
				t.Fatalf("told of TCP %+v, of UDP %+v, want both ends of two connections of TCP", tcp.TCPInfo, udp(out).TCPInfo)
			}
			retransmits := 0
			for _, c := range tcp.TCPInfo.Connections {
				retransmits += int(c.Retransmits)
				if c.RTTUS == nil || c.RTTUS.P50 < 4000 || c.CwndMin < 1 || c.CwndMax < c.CwndMin || c.Samples < 10 {
					t.Errorf("%s %s: %+v, want a round trip of at least twice 2 ms", c.Host, c.Local, c)
				}
			}
			if retransmits == 0 || retransmits > tcp.Retransmits {
				t.Errorf("%d retransmits told, %d on the wire", retransmits, tcp.Retransmits)
			}
			lines, err := csv.NewReader(bytes.NewReader(bundleOf(t, out, filepath.Join(t.ArtifactDir(), "bundle"))["tcpinfo.csv"])).ReadAll()
			if err != nil || len(lines) != 1+tcp.TCPInfo.Samples {
				t.Errorf("tcpinfo.csv has %d lines, %v, want a header and %d samples", len(lines), err, tcp.TCPInfo.Samples)
			}
		})
	}
}

// TestLookingChangesNothing compares virtual runs with and without samples.
func TestLookingChangesNothing(t *testing.T) {
	o := options(labs.Loss, 300)
	folder := func(name string) string { return filepath.Join(t.ArtifactDir(), name) }
	plain := bundleOf(t, runVirtual(t, labs.Loss, o), folder("plain"))
	o.TCPInfo = 3 * time.Millisecond
	one, two := bundleOf(t, runVirtual(t, labs.Loss, o), folder("one")), bundleOf(t, runVirtual(t, labs.Loss, o), folder("two"))
	if !bytes.Equal(plain["capture.pcapng"], one["capture.pcapng"]) {
		t.Error("the capture with samples is not that without")
	}
	if !bytes.Equal(one["tcpinfo.csv"], two["tcpinfo.csv"]) || len(one["tcpinfo.csv"]) == 0 {
		t.Error("two runs have not the same samples")
	}
}

func TestSumTCPInfo(t *testing.T) {
	if s := report.SumTCPInfo(time.Second, nil, 3); s.Samples != 0 || s.NotKept != 3 || s.Connections == nil {
		t.Errorf("SumTCPInfo of nothing = %+v", s)
	}
}
