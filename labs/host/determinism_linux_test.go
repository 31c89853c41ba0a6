package host_test

import (
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rawlab/labs/wire"
)

// lostSegments sends bytes over TCP under a congestion control and returns
// which segments of the stream the wire lost when they were sent first.
func lostSegments(t *testing.T, congestion string, bytes int) []uint32 {
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
	return firstLosses(rows[0], mss)
}

// firstLosses finds the segments whose first transmission was lost. The
// stream begins behind the SYN.
func firstLosses(rows []wire.Row, mss uint32) []uint32 {
	var start uint32
	seen := map[uint32]bool{}
	var lost []uint32
	for _, r := range rows {
		if r.DstPort != 9000 || r.Protocol != wire.ProtocolTCP {
			continue
		}
		if start == 0 {
			start = r.Seq + 1
			continue
		}
		segment := (r.Seq - start) / mss
		if r.Span < mss/2 || seen[segment] {
			continue // a FIN, or the rest of a segment sent in parts
		}
		seen[segment] = true
		if r.Fate == wire.Lost {
			lost = append(lost, segment)
		}
	}
	slices.Sort(lost)
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
	const bytes = 1448 * 600
	var want []uint32
	for cc := range strings.FieldsSeq(string(text)) {
		got := lostSegments(t, cc, bytes)
		if want == nil {
			want = got
			t.Logf("%s loses segments %v", cc, got)
		}
		if len(got) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s loses segments %v, another congestion control %v", cc, got, want)
		}
	}
}
