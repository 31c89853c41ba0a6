package udpq_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/udpq"
)

// mixed is datagrams of several sizes, among them runs of equal ones.
func mixed() (datagrams []string) {
	for i := range 150 {
		d := fmt.Sprintf("%04d", i)
		switch {
		case i < 100:
			d += strings.Repeat("a", 124)
		case i%3 == 0:
			d += strings.Repeat("b", i)
		}
		datagrams = append(datagrams, d)
	}
	return datagrams
}

func all(datagrams []string) string { return strings.Join(datagrams, "") }

// However datagrams travel, the same ones come, in order and as they were cut.
func TestBatchesDeliverTheSame(t *testing.T) {
	for name, test := range map[string]struct {
		address string
		offload bool
		prepare func(*testing.T, *udpq.Pair)
		refused bool
	}{
		"batches":                {"127.0.0.1:0", false, nil, false},
		"batches over IPv6":      {"[::1]:0", false, nil, false},
		"trains":                 {"127.0.0.1:0", true, nil, false},
		"trains over IPv6":       {"[::1]:0", true, nil, false},
		"recvmmsg not there":     {"127.0.0.1:0", false, withoutReceive(syscall.ENOSYS), false},
		"recvmmsg forbidden":     {"[::1]:0", false, withoutReceive(syscall.EPERM), false},
		"sendmmsg not there":     {"127.0.0.1:0", false, refuseAll(syscall.ENOSYS), true},
		"sendmmsg forbidden":     {"127.0.0.1:0", true, refuseAll(syscall.EPERM), true},
		"device that cannot cut": {"127.0.0.1:0", true, refuseTrains(syscall.EIO), false},
		"path that cannot":       {"[::1]:0", true, refuseTrains(syscall.EINVAL), false},
	} {
		t.Run(name, func(t *testing.T) {
			p := udpq.NewPair(t, test.address, test.offload)
			p.SetBuffers(t, 1<<20)
			if test.prepare != nil {
				test.prepare(t, p)
			}
			want := mixed()
			if taken, refused := p.Send(want); taken != all(want) || refused != "" {
				t.Fatalf("Send() took %d bytes and refused %d, want all taken", len(taken), len(refused))
			}
			got, _ := p.Receive(t, len(want))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("received (-want +got):\n%s", diff)
			}
			if p.Refused() != test.refused {
				t.Errorf("batches given up: %v, want %v", p.Refused(), test.refused)
			}
			p.Answer(want)
			if got, _ := p.ReceiveAnswers(t, len(want)); !cmp.Equal(want, got) {
				t.Errorf("answers differ: (-want +got):\n%s", cmp.Diff(want, got))
			}
		})
	}
}

func withoutReceive(errno syscall.Errno) func(*testing.T, *udpq.Pair) {
	return func(t *testing.T, p *udpq.Pair) { p.WithoutReceive(t, errno) }
}

func refuseAll(errno syscall.Errno) func(*testing.T, *udpq.Pair) {
	return func(_ *testing.T, p *udpq.Pair) { p.RefuseSend(func([]byte, bool) syscall.Errno { return errno }) }
}

func refuseTrains(errno syscall.Errno) func(*testing.T, *udpq.Pair) {
	return func(_ *testing.T, p *udpq.Pair) {
		p.RefuseSend(func(_ []byte, train bool) syscall.Errno {
			if train {
				return errno
			}
			return 0
		})
	}
}

func TestBatchesTakeFewCalls(t *testing.T) {
	p := udpq.NewPair(t, "127.0.0.1:0", false)
	p.SetBuffers(t, 1<<20)
	want := mixed()
	p.Send(want)
	if _, calls := p.Receive(t, len(want)); calls != 3 {
		t.Errorf("%d datagrams received in %d calls, want 64, 64 and the rest", len(want), calls)
	}
}

// One refused datagram costs that one.
func TestRefusedDatagramIsNamed(t *testing.T) {
	for _, offload := range []bool{false, true} {
		p := udpq.NewPair(t, "127.0.0.1:0", offload)
		p.SetBuffers(t, 1<<20)
		var tried []string
		p.RefuseSend(func(first []byte, train bool) syscall.Errno {
			if train && strings.Contains(string(first), "0120") || string(first) == "0121" || strings.HasPrefix(string(first), "0120") {
				tried = append(tried, string(first[:4]))
				return syscall.ENOBUFS
			}
			return 0
		})
		datagrams := mixed()
		taken, refused := p.Send(datagrams)
		if refused == "" || len(tried) == 0 {
			t.Fatalf("nothing was refused, tried %v", tried)
		}
		if len(taken)+len(refused) != len(all(datagrams)) {
			t.Errorf("%d bytes taken and %d refused of %d", len(taken), len(refused), len(all(datagrams)))
		}
		var want []string
		for _, d := range datagrams {
			if !strings.Contains(refused, d) {
				want = append(want, d)
			}
		}
		if got, _ := p.Receive(t, len(want)); !cmp.Equal(want, got) {
			t.Errorf("offload %v: what came is not what was taken:\n%s", offload, cmp.Diff(want, got))
		}
	}
}

// A train that comes joined is one message to the kernel.
func TestTrainsComeJoined(t *testing.T) {
	p := udpq.NewPair(t, "127.0.0.1:0", true)
	if !p.Cuts() {
		udpq.Lacking(t, "this kernel has no UDP_SEGMENT")
	}
	p.SetBuffers(t, 1<<20)
	want := make([]string, 64*20)
	for i := range want {
		want[i] = fmt.Sprintf("%04d%s", i, strings.Repeat("a", 124))
	}
	p.Send(want)
	got, calls := p.Receive(t, len(want))
	if !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
	if calls != 1 {
		t.Errorf("%d datagrams received in %d calls, want 1", len(want), calls)
	}
}

// What found the receive buffer full is told with what comes next.
func TestOverflowIsCounted(t *testing.T) {
	p := udpq.NewPair(t, "127.0.0.1:0", false)
	p.SetBuffers(t, 1) // the kernel's least
	sent := 0
	for range 20 {
		p.Send(mixed())
		sent += len(mixed())
	}
	received, _ := p.Receive(t, 1)
	count := len(received)
	p.Send([]string{"last"})
	for received[len(received)-1] != "last" {
		received, _ = p.Receive(t, 1)
		count += len(received)
	}
	if got := int(p.Overflowed()); got == 0 || count+got != sent+1 {
		t.Errorf("received %d and told of %d drops, of %d sent", count, got, sent+1)
	}
}

func TestSmallReceiveBufferIsTold(t *testing.T) {
	for asked, want := range map[int]bool{1 << 30: true, 4 << 10: false, -1: false} {
		var log bytes.Buffer
		s := serve(t, &udpq.Config{ReceiveBuffer: asked, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		s.stop()
		if got := strings.Contains(log.String(), fmt.Sprintf("sysctl -w net.core.rmem_max=%d", asked)); got != want {
			t.Errorf("asked for %d: told %v, want %v: %s", asked, got, want, &log)
		}
	}
}

// Many frames in many trains: each comes once, and the accounts balance.
func TestTrainsOfPackedDatagrams(t *testing.T) {
	s := serve(t, &udpq.Config{Offload: true, PackBudget: 1400})
	listener := dial(t, s, &udpq.ClientConfig{Offload: true})
	subscribe(t, listener, "news")
	emitter := dial(t, s, &udpq.ClientConfig{Offload: true, PackBudget: 1400})
	const events, window = 2000, 100
	for n := range events {
		if _, err := emitter.Emit("news", fmt.Appendf(nil, "%d", n)); err != nil {
			t.Fatal(err)
		}
		if n%window != window-1 {
			continue
		}
		if err := emitter.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for m := n - window + 1; m <= n; m++ {
			expect(t, listener, m)
		}
	}
	s.stop() // when it returns, all is accounted for
	st := s.Stats()
	if st.Received != events || st.Forwarded != events || st.Due != events || st.Overflow != 0 {
		t.Errorf("Stats() = %+v, want %d received, forwarded and due", st, events)
	}
}
