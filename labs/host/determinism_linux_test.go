package host_test

import (
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rawlab/labs/wire"
)

// firstFates sends bytes over TCP under a congestion control and returns, for
// each segment of the stream, whether the wire lost it when it was sent first.
func firstFates(t *testing.T, congestion string, bytes int) map[uint32]bool {
	t.Helper()
	const mss = 1448
	k := newKernel(t)
	lossy := wire.Impairment{Loss: 0.03, Delay: time.Millisecond}
	if err := k.Wire.Set(9, [2]wire.Impairment{lossy, {Delay: time.Millisecond}}); err != nil {
		t.Fatal(err)
	}
	l, err := k.Server.Listen(t.Context(), "tcp", "10.77.0.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	read := make(chan int64, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			read <- -1
			return
		}
		defer c.Close()
		n, _ := io.Copy(io.Discard, c)
		read <- n
	}()
	c, err := k.Client.Dial(t.Context(), "tcp", "10.77.0.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	setCongestion(t, c, congestion)
	if _, err := c.Write(make([]byte, bytes)); err != nil {
		t.Fatal(err)
	}
	c.(*net.TCPConn).CloseWrite()
	if n := <-read; n != int64(bytes) {
		t.Fatalf("%s: %d bytes arrived, want %d", congestion, n, bytes)
	}
	c.Close()
	rows, _, err := k.Wire.Stop()
	k.Wire = nil
	if err != nil {
		t.Fatal(err)
	}
	return lostAtFirst(rows[0], mss)
}

// lostAtFirst tells of each segment whether its first transmission was lost.
// The stream begins behind the SYN. A segment whose beginning went alone first
// (the send buffer was full just there) is left out: that part's fate is
// its own.
func lostAtFirst(rows []wire.Row, mss uint32) map[uint32]bool {
	var start uint32
	began := map[uint32]bool{}
	lost := map[uint32]bool{}
	for _, r := range rows {
		if r.DstPort != 9000 || r.Protocol != wire.ProtocolTCP {
			continue
		}
		if start == 0 {
			start = r.Seq + 1
			continue
		}
		segment := (r.Seq - start) / mss
		_, known := lost[segment]
		if !began[r.Seq] && !known && r.Span >= mss/2 {
			lost[segment] = r.Fate == wire.Lost
		}
		began[r.Seq] = true
	}
	return lost
}

func setCongestion(t *testing.T, c net.Conn, name string) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var set error
	if err := raw.Control(func(fd uintptr) {
		set = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	}); err != nil || set != nil {
		t.Fatal(err, set)
	}
}

// TestCongestionControlsLoseTheSameSegments holds that a segment's fate
// depends on where it is in the stream, not on when it is sent.
func TestCongestionControlsLoseTheSameSegments(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
	if err != nil {
		t.Fatal(err)
	}
	const segments = 600
	var want map[uint32]bool
	for cc := range strings.FieldsSeq(string(text)) {
		got := firstFates(t, cc, 1448*segments)
		if want == nil {
			want = got
		}
		compared, lost := 0, 0
		for segment, fate := range got {
			expected, known := want[segment]
			if !known {
				continue
			}
			compared++
			if fate {
				lost++
			}
			if fate != expected {
				t.Errorf("%s: segment %d lost: %t, under another congestion control %t", cc, segment, fate, expected)
			}
		}
		t.Logf("%s: %d segments compared, %d of them lost", cc, compared, lost)
		if compared < segments*9/10 || lost == 0 {
			t.Errorf("%s: %d of %d segments could be compared, %d of them lost", cc, compared, segments, lost)
		}
	}
}
