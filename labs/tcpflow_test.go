package labs_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/capture/tcpflow"
	"rawlab/framing"
	"rawlab/internal/tools"
	"rawlab/labs"
)

// analyzed reads a tap as package tcpflow does.
func analyzed(tap *account.Tap) (segments []tcpflow.Segment, flows []tcpflow.Flow) {
	a, p := tcpflow.NewAnalyzer(nil), dissect.NewParser(dissect.LinkEthernet)
	for i := range tap.Packets {
		packet := &tap.Packets[i]
		h, err := p.Parse(packet.Data)
		if err != nil {
			continue
		}
		way := tcpflow.In
		if packet.Outgoing {
			way = tcpflow.Out
		}
		if s, ok := a.Add(i+1, packet.Time, way, &h, packet.Data); ok {
			segments = append(segments, s)
		}
	}
	return segments, a.Flows()
}

// TestKernelsAgreeWhySegmentsWereSentAgain holds the reasons that a sender's
// tap tells against what its kernel counts.
func TestKernelsAgreeWhySegmentsWereSentAgain(t *testing.T) {
	t.Parallel()
	o := options(labs.Loss, 3000)
	o.Impairment.Loss = 0.05
	e := run(t, labs.Loss, o).Evidence[0]
	for side, name := range []string{account.Client: "client", account.Server: "server"} {
		var again [8]int64
		var all int64
		_, flows := analyzed(&e.Taps[side])
		for _, f := range flows {
			for _, d := range []tcpflow.Direction{f.ToServer, f.ToClient} {
				if !d.Tap.Sends() {
					continue
				}
				for k, n := range d.Again {
					again[k] += int64(n)
					all += int64(n)
				}
			}
		}
		k := &e.Ledger.Kernels[side]
		unknown := again[tcpflow.AgainUnknown]
		t.Logf("%s: %d sent again, %v by reason; the kernel: %+v", name, all, again, *k)
		if all != k.Retransmits {
			t.Errorf("%s: %d segments were sent again, its kernel counts %d", name, all, k.Retransmits)
		}
		// What is unknown may be of any reason; a probe may have carried new data.
		near := func(what string, told, counted int64) {
			if slack := unknown + counted/50 + 2; told < counted-slack || told > counted+slack {
				t.Errorf("%s: %d %s, its kernel counts %d; %d are unknown", name, told, what, counted, unknown)
			}
		}
		near("fast", again[tcpflow.AgainFast], k.Fast)
		near("after a timeout", again[tcpflow.AgainAfterTimeout], k.AfterRTO)
		if unknown > 5+all/10 {
			t.Errorf("%s: why is unknown of %d segments of %d", name, unknown, all)
		}
		if n := again[tcpflow.AgainProbe]; n > k.Probes+unknown {
			t.Errorf("%s: %d probes, its kernel counts %d", name, n, k.Probes)
		}
		if n := again[tcpflow.AgainTimeout]; n > k.Timeouts+unknown {
			t.Errorf("%s: %d timeouts, its kernel counts %d", name, n, k.Timeouts)
		}
	}
}

// TestInLine holds how long events stood in line against a plain model: when
// each byte of the stream came first, and when all before it had.
func TestInLine(t *testing.T) {
	o := labs.Loss.Defaults
	o.Events = 600
	out := runVirtual(t, labs.Loss, o)
	e := &out.Evidence[0]
	want := map[account.ID]time.Duration{}
	for _, side := range []int{account.Server, account.Client} {
		waitsByBytes(t, &e.Taps[side], want)
	}
	stood := 0
	for i := range e.Ledger.Events {
		v := &e.Ledger.Events[i]
		if v.InLine != want[v.ID] || v.InLine > v.Latency {
			t.Errorf("event %d stood in line for %v of %v, want %v", v.ID.Sequence, v.InLine, v.Latency, want[v.ID])
		}
		if v.InLine > 0 {
			stood++
		}
	}
	if r := &out.Result.Runs[0]; r.InLine != stood || stood < 50 || r.InLineUS == nil {
		t.Errorf("%d events stood in line, the result says %d: %+v", stood, r.InLine, r.InLineUS)
	}
	if r := udp(out); r.InLine != 0 || r.InLineUS != nil {
		t.Errorf("over UDP %d events stood in line", r.InLine)
	}
}

// waitsByBytes adds how long each event waited at one host.
func waitsByBytes(t *testing.T, tap *account.Tap, waits map[account.ID]time.Duration) {
	type key struct{ src, dst any }
	type stream struct {
		first  uint32
		bytes  []byte
		came   []time.Time
		opened bool
	}
	streams := map[key]*stream{}
	p := dissect.NewParser(dissect.LinkEthernet)
	for i := range tap.Packets {
		packet := &tap.Packets[i]
		h, err := p.Parse(packet.Data)
		if err != nil || packet.Outgoing || h.Protocol != dissect.TCP {
			continue
		}
		s := streams[key{h.Src, h.Dst}]
		if s == nil {
			s = &stream{}
			streams[key{h.Src, h.Dst}] = s
		}
		if h.SYN {
			s.first, s.opened = h.Seq+1, true
		}
		if !s.opened {
			t.Fatal("bytes before the SYN")
		}
		for j, b := range h.Payload {
			at := int(h.Seq - s.first + uint32(j))
			for len(s.came) <= at {
				s.came, s.bytes = append(s.came, time.Time{}), append(s.bytes, 0)
			}
			if s.came[at].IsZero() {
				s.came[at], s.bytes[at] = packet.Time, b
			}
		}
	}
	for _, s := range streams {
		var all time.Time // when all bytes so far had come
		at := 0
		for rest := s.bytes; len(rest) > 0; {
			f, n, err := framing.Parse(rest, framing.DefaultLimit)
			if err != nil {
				t.Fatal(err)
			}
			var own time.Time
			for _, came := range s.came[at : at+n] {
				if came.After(own) {
					own = came
				}
			}
			if own.After(all) {
				all = own
			}
			if f.Kind == framing.KindEmit || f.Kind == framing.KindEvent {
				waits[account.ID{Origin: f.Origin, Sequence: f.Sequence}] += all.Sub(own)
			}
			at += n
			rest = rest[n:]
		}
	}
}

// TestWiresharkAgreesOnTCP holds what segments mean against tshark's analysis
// where both mean the same.
func TestWiresharkAgreesOnTCP(t *testing.T) {
	tools.Find(t, "tshark")
	o := labs.Loss.Defaults
	o.Events = 500
	tap := &runVirtual(t, labs.Loss, o).Evidence[0].Taps[account.Client]
	segments, _ := analyzed(tap)
	ours := map[string][]string{}
	for _, s := range segments {
		n := fmt.Sprint(s.Packet)
		if s.Tap == tcpflow.AtSender && s.Again != tcpflow.AgainNo {
			ours["again"] = append(ours["again"], n)
		}
		if s.DuplicateAck > 0 {
			ours["duplicate ack"] = append(ours["duplicate ack"], n)
		}
		if s.ZeroWindow {
			ours["zero window"] = append(ours["zero window"], n)
		}
	}
	file := saved(t, tap.Packets)
	for what, filter := range map[string]string{
		"again":         "ip.src == 10.77.0.1 && (tcp.analysis.retransmission || tcp.analysis.fast_retransmission || tcp.analysis.spurious_retransmission || tcp.analysis.out_of_order)",
		"duplicate ack": "tcp.analysis.duplicate_ack",
		"zero window":   "tcp.analysis.zero_window",
	} {
		theirs := []string{}
		for _, row := range tools.Tshark(t, file, []string{"-Y", filter}, "frame.number") {
			theirs = append(theirs, row...)
		}
		if what == "again" && len(theirs) == 0 {
			t.Error("tshark found nothing that was sent again: there is nothing to hold against")
		}
		slices.Sort(theirs)
		slices.Sort(ours[what])
		if d := cmp.Diff(theirs, append([]string{}, ours[what]...)); d != "" {
			t.Errorf("%s (-tshark +ours):\n%s", what, d)
		}
	}
}
