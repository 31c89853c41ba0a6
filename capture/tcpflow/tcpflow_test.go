package tcpflow_test

import (
	"testing"
	"time"

	"rawlab/capture/dissect"
	"rawlab/capture/tcpflow"
)

func wantAgain(t *testing.T, what string, s tcpflow.Segment, want tcpflow.Again) {
	t.Helper()
	if s.Again != want {
		t.Errorf("%s: sent again %v, want %v", what, s.Again, want)
	}
}

func TestFastBySACK(t *testing.T) {
	s := newScript(t, tcpflow.AtSender, true)
	for i := range int64(5) {
		wantAgain(t, "first transmission", s.up(30+float64(i), 1+i*mss, mss), tcpflow.AgainNo)
	}
	s.down(50, 1, 1+mss, 1+2*mss)
	again := s.up(51, 1, mss)
	wantAgain(t, "after a SACK block", again, tcpflow.AgainFast)
	if again.Since != 21*time.Millisecond {
		t.Errorf("sent again after %v, want 21ms", again.Since)
	}
	s.down(52, 1, 1+mss, 1+5*mss)
	s.down(71, 1+5*mss)
	d := s.flow()
	if d.Again[tcpflow.AgainFast] != 1 || d.Retransmissions() != 1 || d.SACKBlocks != 2 || d.DuplicateAcks != 2 {
		t.Errorf("%d fast of %d, %d blocks, %d duplicate acks; want 1, 1, 2, 2", d.Again[tcpflow.AgainFast], d.Retransmissions(), d.SACKBlocks, d.DuplicateAcks)
	}
}

// TestOvertaken: two segments change places between the sender's CPUs and the
// tap; when one really was sent before the tap looked, half a round trip at
// least has passed.
func TestOvertaken(t *testing.T) {
	s := newScript(t, tcpflow.AtSender, true)
	s.up(30, 1, mss)
	s.up(30.1, 1+2*mss, mss)
	wantAgain(t, "overtaken", s.up(30.2, 1+mss, mss), tcpflow.AgainNo)
	s.down(50, 1, 1+2*mss, 1+3*mss)
	wantAgain(t, "lost after it was overtaken", s.up(51, 1+mss, mss), tcpflow.AgainFast)
	s.up(52, 1+4*mss, mss)
	if again := s.up(73, 1+3*mss, mss); again.Again == tcpflow.AgainNo {
		t.Error("a segment behind a gap of the capture, a round trip later, counts as the first")
	}
}

// TestLostAgain: a retransmission that is lost too is found out by what was
// sent after it.
func TestLostAgain(t *testing.T) {
	s := newScript(t, tcpflow.AtSender, true)
	for i := range int64(3) {
		s.up(30, 1+i*mss, mss)
	}
	s.down(50, 1, 1+mss, 1+3*mss)
	wantAgain(t, "first", s.up(51, 1, mss), tcpflow.AgainFast)
	wantAgain(t, "again, and nothing was heard", s.up(53, 1, mss), tcpflow.AgainUnknown)
	s.up(54, 1+3*mss, mss)
	s.down(74, 1, 1+mss, 1+4*mss)
	wantAgain(t, "again, a later one arrived", s.up(75, 1, mss), tcpflow.AgainFast)
}

func TestFastByDuplicates(t *testing.T) {
	s := newScript(t, tcpflow.AtSender, false)
	for i := range int64(6) {
		s.up(30, 1+i*mss, mss)
	}
	for i := range 3 {
		if got := s.down(50+float64(i), 1); got.DuplicateAck != i+1 {
			t.Errorf("duplicate ack number %d, want %d", got.DuplicateAck, i+1)
		}
	}
	wantAgain(t, "after three duplicates", s.up(53, 1, mss), tcpflow.AgainFast)
	s.down(73, 1+2*mss) // partial: the third is missing too
	wantAgain(t, "after a partial acknowledgement", s.up(73.1, 1+2*mss, mss), tcpflow.AgainFast)
}

func TestTimeout(t *testing.T) {
	s := newScript(t, tcpflow.AtSender, true)
	for i := range int64(3) {
		s.up(30, 1+i*mss, mss)
	}
	wantAgain(t, "the first under way, long after", s.up(260, 1, mss), tcpflow.AgainTimeout)
	wantAgain(t, "the same, after twice the time", s.up(700, 1, mss), tcpflow.AgainTimeout)
	s.down(720, 1+mss)
	wantAgain(t, "what followed it", s.up(721, 1+mss, mss), tcpflow.AgainAfterTimeout)
	s.down(741, 1+3*mss)
	s.up(750, 1+3*mss, mss)
	s.up(750, 1+4*mss, mss)
	s.down(770, 1+3*mss, 1+4*mss, 1+5*mss)
	wantAgain(t, "all that was before is acknowledged", s.up(771, 1+3*mss, mss), tcpflow.AgainFast)
}

func TestProbe(t *testing.T) {
	s := newScript(t, tcpflow.AtSender, true)
	s.up(30, 1, mss)
	s.up(30, 1+mss, mss)
	wantAgain(t, "the last, too soon", s.up(45, 1+mss, mss), tcpflow.AgainUnknown)

	s = newScript(t, tcpflow.AtSender, true)
	s.up(30, 1, mss)
	s.up(30, 1+mss, mss)
	wantAgain(t, "the last, after two round trips", s.up(73, 1+mss, mss), tcpflow.AgainProbe)
	wantAgain(t, "a second time", s.up(120, 1+mss, mss), tcpflow.AgainUnknown)

	s = newScript(t, tcpflow.AtSender, false)
	s.up(30, 1, mss)
	s.up(30, 1+mss, mss)
	wantAgain(t, "without SACK there are no probes", s.up(73, 1+mss, mss), tcpflow.AgainUnknown)

	s = newScript(t, tcpflow.AtSender, true)
	s.up(30, 1, mss)
	wantAgain(t, "a single segment: timer or probe", s.up(260, 1, mss), tcpflow.AgainUnknown)
	wantAgain(t, "once more: the timer", s.up(700, 1, mss), tcpflow.AgainTimeout)
}

func TestOpeningTimeout(t *testing.T) {
	s := &script{t: t, a: tcpflow.NewAnalyzer(nil), p: dissect.NewParser(dissect.LinkEthernet), tap: tcpflow.AtSender, port: 40000, window: 16000}
	s.send(0, true, 0, 0, 0, "S")
	wantAgain(t, "SYN", s.send(1000, true, 0, 0, 0, "S"), tcpflow.AgainTimeout)
}

// TestReasonNeedsTheSender: no other tap knows why.
func TestReasonNeedsTheSender(t *testing.T) {
	for _, tap := range []tcpflow.Place{tcpflow.AtReceiver, tcpflow.PlaceUnknown} {
		s := newScript(t, tap, true)
		s.up(30, 1, mss)
		s.up(30, 1+mss, mss)
		s.down(50, 1, 1+mss, 1+2*mss)
		wantAgain(t, tap.String(), s.up(51, 1, mss), tcpflow.AgainUnknown)
		if d := s.flow(); d.RTT.Samples != 0 || d.Tap != tap {
			t.Errorf("tap %v: %d round trips at %v, want none", tap, d.RTT.Samples, d.Tap)
		}
	}
}

func TestDuplicateAck(t *testing.T) {
	s := newScript(t, tcpflow.AtSender, true)
	if got := s.down(25, 1); got.DuplicateAck != 0 {
		t.Error("a duplicate ack while nothing was under way")
	}
	s.up(30, 1, mss)
	s.up(30, 1+mss, mss)
	s.window++
	if got := s.down(50, 1); got.DuplicateAck != 0 {
		t.Error("a duplicate ack with another window")
	}
	if got := s.down(51, 1); got.DuplicateAck != 1 || got.Window != 16001<<scale {
		t.Errorf("duplicate ack %d, window %d; want 1, %d", got.DuplicateAck, got.Window, 16001<<scale)
	}
	if got := s.send(52, false, 1, 1, 10, "A"); got.DuplicateAck != 0 {
		t.Error("a duplicate ack with data")
	}
}

func TestDSACK(t *testing.T) {
	s := newScript(t, tcpflow.AtSender, true)
	s.up(30, 1, mss)
	s.up(30, 1+mss, mss)
	if got := s.down(50, 1, 1+mss, 1+2*mss); got.DSACK {
		t.Error("a plain SACK block is none")
	}
	if got := s.down(51, 1+2*mss, 1, 1+mss); !got.DSACK {
		t.Error("a block below the acknowledgement is one")
	}
	if d := s.flow(); d.DSACKs != 1 {
		t.Errorf("%d DSACKs, want 1", d.DSACKs)
	}
}

func TestZeroWindow(t *testing.T) {
	s := newScript(t, tcpflow.AtSender, true)
	s.up(30, 1, mss)
	s.window = 0
	if got := s.down(50, 1+mss); !got.ZeroWindow {
		t.Error("no zero window")
	}
	probe := s.send(300, true, mss, 1, 0, "A")
	if !probe.WindowProbe || probe.KeepAlive || probe.Again != tcpflow.AgainNo {
		t.Errorf("probe = %+v", probe)
	}
	if got := s.down(320, 1+mss); !got.ZeroWindow || got.DuplicateAck != 0 {
		t.Errorf("answer = %+v", got)
	}
	if got := s.send(500, true, 1+mss, 1, 1, "A"); !got.WindowProbe {
		t.Error("a byte beyond a shut window probes it")
	}
	s.window = 100
	if got := s.down(550, 1+mss); !got.WindowUpdate {
		t.Error("no window update")
	}
	d := s.flow()
	if d.ZeroWindows.Count != 1 || d.ZeroWindows.Longest != 500*time.Millisecond || d.Probes != 2 || d.LeastWindow != 0 || d.MostWindow != 64000 {
		t.Errorf("zero windows %+v, %d probes, windows %d to %d", d.ZeroWindows, d.Probes, d.LeastWindow, d.MostWindow)
	}
	if got := s.send(9000, true, mss, 1, 0, "A"); !got.KeepAlive {
		t.Error("no keep-alive")
	}
}

func TestNagle(t *testing.T) {
	s := newScript(t, tcpflow.AtSender, true)
	s.up(30, 1, 100)
	s.down(90, 101)
	if got := s.up(90.1, 101, 50); got.NagleWait != 60100*time.Microsecond {
		t.Errorf("waited %v, want 60.1ms", got.NagleWait)
	}
	s.send(120, false, 1, 151, 30, "A")
	if got := s.send(120.1, true, 151, 31, 50, "A"); got.NagleWait != 0 {
		t.Error("an answer made the application write: that is no wait")
	}
	s.send(135, false, 31, 201, 0, "A")
	s.send(135.1, false, 31, 201, 10, "A")
	if got := s.send(135.2, true, 201, 41, 50, "A"); got.NagleWait != 0 {
		t.Error("a question came behind the acknowledgement: that is no wait")
	}
	s.send(140, false, 41, 251, 0, "A")
	if got := s.send(145, true, 251, 41, 50, "A"); got.NagleWait != 0 {
		t.Error("5 ms after the acknowledgement: that is no wait")
	}
	if d := s.flow(); d.Nagle.Count != 1 || d.NagleOff {
		t.Errorf("%+v, off %t; want one wait", d.Nagle, d.NagleOff)
	}
	s.send(146, true, 301, 41, 50, "A")
	if d := s.flow(); d.Nagle.Count != 0 || !d.NagleOff {
		t.Errorf("%+v, off %t; want off: two small segments were under way", d.Nagle, d.NagleOff)
	}
}

func TestDelayedAck(t *testing.T) {
	s := newScript(t, tcpflow.AtReceiver, true)
	s.up(30, 1, 100)
	if got := s.down(30.2, 101); got.DelayedAck != 0 {
		t.Errorf("at once: %v", got.DelayedAck)
	}
	s.up(40, 101, 100)
	s.up(50, 201, 100)
	if got := s.down(80, 301); got.DelayedAck != 40*time.Millisecond {
		t.Errorf("delayed by %v, want 40ms", got.DelayedAck)
	}
	s.up(100, 301, 100)
	if got := s.send(150, false, 1, 401, 20, "A"); got.DelayedAck != 0 {
		t.Error("with data it is no bare acknowledgement")
	}
	if d := s.flow(); d.DelayedAcks.Count != 1 {
		t.Errorf("%+v, want one", d.DelayedAcks)
	}
}

func TestHoles(t *testing.T) {
	s := newScript(t, tcpflow.AtReceiver, true)
	s.up(30, 1, mss)
	if got := s.up(31, 1+2*mss, mss); !got.BeyondHole {
		t.Errorf("%+v: not beyond a hole", got)
	}
	s.up(32, 1+4*mss, mss)
	if got := s.up(33, 1+2*mss, mss); !got.DuplicateHit || got.Again != tcpflow.AgainUnknown {
		t.Errorf("%+v: brought nothing new", got)
	}
	if got := s.up(52, 1+mss, mss); !got.FillsHole {
		t.Errorf("%+v: fills a hole", got)
	}
	if got := s.up(62, 1+3*mss, mss); !got.FillsHole {
		t.Errorf("%+v: fills the other", got)
	}
	d := s.flow()
	if d.BeyondHole != 2 || d.FilledHoles != 2 || d.DuplicateHits != 1 || d.Holes.Count != 2 || d.Holes.Longest != 21*time.Millisecond {
		t.Errorf("%+v", d)
	}
}

func TestRoundTrips(t *testing.T) {
	s := newScript(t, tcpflow.AtSender, true)
	s.up(30, 1, mss)
	s.down(60, 1+mss)
	s.up(70, 1+mss, mss)
	s.up(71, 1+2*mss, mss)
	s.down(90, 1+mss, 1+2*mss, 1+3*mss)
	s.up(91, 1+mss, mss)
	s.down(111, 1+3*mss) // Karn: of neither can the time be told
	d := s.flow()
	if d.RTT.Samples != 2 || d.RTT.Min != 20*time.Millisecond || d.RTT.Max != 30*time.Millisecond || d.RTT.Mean() != 25*time.Millisecond {
		t.Errorf("%+v, want 20 and 30 ms", d.RTT)
	}
	// RFC 6298, section 2.3: SRTT = 7/8·20 + 1/8·30, RTTVAR = 3/4·10 + 1/4·10
	if d.RTT.Smoothed != 21250*time.Microsecond || d.RTT.Variation != 10*time.Millisecond {
		t.Errorf("SRTT %v, RTTVAR %v; want 21.25ms, 10ms", d.RTT.Smoothed, d.RTT.Variation)
	}
}

// TestPositions: numbers wrap; those of a flow seen from its middle count
// from its first byte.
func TestPositions(t *testing.T) {
	s := newScript(t, tcpflow.AtSender, true) // 256 bytes before the numbers wrap
	if got := s.up(30, 1001, mss); got.Seq != 1001 || got.Ack != 1 {
		t.Errorf("positions %d and %d, want 1001 and 1", got.Seq, got.Ack)
	}
	s = &script{t: t, a: tcpflow.NewAnalyzer(nil), p: dissect.NewParser(dissect.LinkEthernet), tap: tcpflow.AtSender, port: 40000, isn: [2]uint32{5000, 9000}, window: 10}
	if got := s.up(0, 1234, mss); got.Seq != 1 || got.Ack != 1 || got.Window != 10 {
		t.Errorf("positions %d and %d, window %d; want 1, 1 and 10", got.Seq, got.Ack, got.Window)
	}
	if d := s.flow(); d.Scaled || s.a.Flows()[0].Opened {
		t.Error("the handshake was not captured, and neither the scale")
	}
}

func TestDamagedMeansNothing(t *testing.T) {
	s := newScript(t, tcpflow.AtReceiver, true)
	s.up(30, 1, mss)
	data := append([]byte(nil), s.data[len(s.data)-1]...)
	data[len(data)-1] ^= 1
	if got := s.add(31, true, data); !got.Damaged || got.DuplicateHit {
		t.Errorf("%+v, want damaged", got)
	}
	if d := s.flow(); d.Damaged != 1 || d.Segments != 2 {
		t.Errorf("%d damaged, %d segments; want 1 and 2", d.Damaged, d.Segments)
	}
}

func TestPortsUsedAgain(t *testing.T) {
	var done []tcpflow.Flow
	s := newScript(t, tcpflow.AtSender, true)
	s.a = tcpflow.NewAnalyzer(&tcpflow.Options{Done: func(f tcpflow.Flow) { done = append(done, f) }})
	s.handshake(0)
	s.up(30, 1, mss)
	s.send(40, true, 1+mss, 1, 0, "R")
	s.isn[0] += 123456
	s.handshake(1000)
	if got := s.up(1030, 1, mss); got.Seq != 1 || got.Flow != 1 {
		t.Errorf("position %d of flow %d, want 1 of 1", got.Seq, got.Flow)
	}
	if len(done) != 1 || done[0].ToServer.Bytes != mss || len(s.a.Flows()) != 1 {
		t.Errorf("%d flows done, %d left; want one each", len(done), len(s.a.Flows()))
	}
}

func TestBounds(t *testing.T) {
	done := 0
	s := newScript(t, tcpflow.AtSender, true)
	s.a = tcpflow.NewAnalyzer(&tcpflow.Options{MaxFlows: 8, MaxSent: 20, Done: func(tcpflow.Flow) { done++ }})
	for i := range 100 {
		s.port = uint16(40000 + i)
		s.handshake(float64(100 * i))
		for j := range int64(10) {
			s.up(float64(100*i)+30, 1+j*mss, mss)
		}
	}
	if left := len(s.a.Flows()); left > 8 || left+done != 100 {
		t.Errorf("%d flows left, %d given up; want at most 8, 100 together", left, done)
	}
	wantAgain(t, "beyond what is remembered", s.up(1e5, 1+9*mss, mss), tcpflow.AgainUnknown)
}

func FuzzAdd(f *testing.F) {
	s := newScript(f, tcpflow.AtSender, true)
	s.up(30, 1, mss)
	s.up(31, 1+mss, mss)
	s.down(50, 1, 1+mss, 1+2*mss)
	s.up(51, 1, mss)
	for _, b := range s.data {
		f.Add(b, uint8(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, way uint8) {
		a := tcpflow.NewAnalyzer(&tcpflow.Options{MaxFlows: 4, MaxSent: 8})
		p := dissect.NewParser(dissect.LinkEthernet)
		at := start
		for _, d := range append(s.data, data, data) {
			h, err := p.Parse(d)
			if err != nil {
				continue
			}
			at = at.Add(time.Duration(way) * time.Millisecond)
			a.Add(1, at, tcpflow.Way(way%3), &h, d)
		}
		for _, f := range a.Flows() {
			for _, d := range []tcpflow.Direction{f.ToServer, f.ToClient} {
				if d.Retransmissions() > d.Segments || d.FilledHoles > f.Packets || d.LeastWindow > d.MostWindow {
					t.Errorf("%+v", d)
				}
			}
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	s := newScript(b, tcpflow.AtSender, true)
	s.up(30, 1, mss)
	data := s.data[len(s.data)-1]
	h, err := s.p.Parse(data)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.a.Add(1, start, tcpflow.Out, &h, data)
	}
}
