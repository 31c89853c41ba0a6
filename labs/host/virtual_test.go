package host_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"rawlab/internal/clock"
	"rawlab/labs/host"
	"rawlab/labs/wire"
)

const (
	echoAddress = "10.77.0.2:9000"
	tick        = 10 * time.Millisecond
)

// newVirtual makes virtual hosts with a delay of a tick each way.
func newVirtual(t *testing.T) *host.Virtual {
	t.Helper()
	v, err := host.NewVirtual(&host.VirtualConfig{
		Seed: 1,
		Tap:  func(int, time.Time, bool, []byte) {},
		Fail: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	delayed := wire.Impairment{Delay: tick}
	if err := v.Set(1, [2]wire.Impairment{delayed, delayed}); err != nil {
		t.Fatal(err)
	}
	return v
}

// connect returns both ends of a TCP connection.
func connect(t *testing.T, v *host.Virtual, address string) (client, server net.Conn) {
	t.Helper()
	l, err := v.Server.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if client, err = v.Client.Dial(t.Context(), "tcp", address); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	return client, server
}

func TestVirtualTCPCarriesEveryByte(t *testing.T) {
	for _, address := range []string{echoAddress, "[fd77::2]:9000"} {
		v := newVirtual(t)
		client, server := connect(t, v, address)
		lossy := wire.Impairment{Delay: tick, Loss: 0.05, Reorder: 0.05, Duplicate: 0.05, Corrupt: 0.02}
		if err := v.Set(1, [2]wire.Impairment{lossy, lossy}); err != nil {
			t.Fatal(err)
		}
		sent := bytes.Repeat([]byte("every byte in its order "), 1<<13)
		var wg sync.WaitGroup
		wg.Go(func() {
			io.Copy(server, server)
			server.Close()
		})
		wg.Go(func() {
			if n, err := client.Write(sent); n != len(sent) || err != nil {
				t.Errorf("Write = %d, %v, want %d bytes", n, err, len(sent))
			}
			client.(interface{ CloseWrite() error }).CloseWrite()
		})
		got, err := io.ReadAll(client)
		wg.Wait()
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%s: %d bytes came back, %v, want the %d sent", address, len(got), err, len(sent))
		}
		client.Close()
		v.Close()
	}
}

func TestVirtualUDPTakesTheWiresTime(t *testing.T) {
	v := newVirtual(t)
	server, err := v.Server.ListenPacket(t.Context(), "udp", echoAddress)
	if err != nil {
		t.Fatal(err)
	}
	client, err := v.Client.Dial(t.Context(), "udp", echoAddress)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 64)
		n, from, err := server.ReadFrom(b)
		if err != nil || from.String() != client.LocalAddr().String() {
			t.Errorf("ReadFrom = %q, %v, %v, want it from %v", b[:n], from, err, client.LocalAddr())
			return
		}
		server.WriteTo(b[:n], from)
	})
	began := v.Clock().Now()
	client.Write([]byte("there and back"))
	b := make([]byte, 64)
	n, err := client.Read(b)
	wg.Wait()
	if took := v.Clock().Now().Sub(began); string(b[:n]) != "there and back" || err != nil || took != 2*tick {
		t.Errorf("echo = %q, %v after %v, want it after %v", b[:n], err, took, 2*tick)
	}
}

func TestVirtualErrorsAreTheSystems(t *testing.T) {
	v := newVirtual(t)
	if _, err := v.Client.Dial(t.Context(), "tcp", echoAddress); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial TCP to nobody = %v, want refused", err)
	}
	u, err := v.Client.Dial(t.Context(), "udp", echoAddress)
	if err != nil {
		t.Fatal(err)
	}
	u.Write([]byte("nobody home"))
	if _, err := u.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Read UDP after a refusal = %v, want refused", err)
	}
	if _, err := v.Server.Listen(t.Context(), "tcp", "10.77.0.9:1"); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("Listen at a stranger's address = %v, want not available", err)
	}
	if _, err := v.Server.ListenPacket(t.Context(), "udp", echoAddress); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Server.ListenPacket(t.Context(), "udp", echoAddress); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("second ListenPacket = %v, want in use", err)
	}
	if _, err := u.Write(make([]byte, 70_000)); !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("Write of 70,000 bytes = %v, want too long", err)
	}
	for _, address := range []string{"example.com:80", "10.77.0.2", "10.77.0.2:x"} {
		if _, err := v.Client.Dial(t.Context(), "tcp", address); err == nil {
			t.Errorf("Dial %q succeeded", address)
		}
	}
	if _, err := v.Client.Dial(t.Context(), "unix", "/x"); err == nil {
		t.Error("Dial of a unix socket succeeded")
	}
}

// waits are operations that wait for ever unless something ends them.
var waits = map[string]func(t *testing.T, v *host.Virtual) (conn interface {
	Close() error
	SetDeadline(time.Time) error
}, wait func() error){
	"TCP read": func(t *testing.T, v *host.Virtual) (interface {
		Close() error
		SetDeadline(time.Time) error
	}, func() error) {
		c, _ := connect(t, v, echoAddress)
		return c, func() error { _, err := c.Read(make([]byte, 1)); return err }
	},
	"TCP write": func(t *testing.T, v *host.Virtual) (interface {
		Close() error
		SetDeadline(time.Time) error
	}, func() error) {
		c, _ := connect(t, v, echoAddress)
		return c, func() error { _, err := c.Write(make([]byte, 32<<20)); return err }
	},
	"UDP read": func(t *testing.T, v *host.Virtual) (interface {
		Close() error
		SetDeadline(time.Time) error
	}, func() error) {
		c, err := v.Client.Dial(t.Context(), "udp", echoAddress)
		if err != nil {
			t.Fatal(err)
		}
		return c, func() error { _, err := c.Read(make([]byte, 1)); return err }
	},
	"UDP read from": func(t *testing.T, v *host.Virtual) (interface {
		Close() error
		SetDeadline(time.Time) error
	}, func() error) {
		c, err := v.Server.ListenPacket(t.Context(), "udp", echoAddress)
		if err != nil {
			t.Fatal(err)
		}
		return c, func() error { _, _, err := c.ReadFrom(make([]byte, 1)); return err }
	},
	"accept": func(t *testing.T, v *host.Virtual) (interface {
		Close() error
		SetDeadline(time.Time) error
	}, func() error) {
		l, err := v.Server.Listen(t.Context(), "tcp", echoAddress)
		if err != nil {
			t.Fatal(err)
		}
		return l.(interface {
			Close() error
			SetDeadline(time.Time) error
		}), func() error { _, err := l.Accept(); return err }
	},
}

func TestVirtualDeadlines(t *testing.T) {
	for name, begin := range waits {
		t.Run(name, func(t *testing.T) {
			v := newVirtual(t)
			c, wait := begin(t, v)
			began := v.Clock().Now()
			c.SetDeadline(began.Add(time.Minute))
			if err := wait(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("wait = %v, want deadline exceeded", err)
			}
			if took := v.Clock().Now().Sub(began); took != time.Minute {
				t.Errorf("the deadline of a minute passed after %v", took)
			}
			if err := wait(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("wait after the deadline = %v, want deadline exceeded", err)
			}
			c.SetDeadline(time.Time{})
			later(v.Clock(), time.Second, func() { c.SetDeadline(time.Unix(1, 0)) })
			if err := wait(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("wait, with a past deadline set meanwhile = %v, want deadline exceeded", err)
			}
			c.Close()
		})
	}
}

func TestVirtualCloseFreesWhoWaits(t *testing.T) {
	for name, begin := range waits {
		t.Run(name, func(t *testing.T) {
			v := newVirtual(t)
			c, wait := begin(t, v)
			later(v.Clock(), time.Second, func() { c.Close() })
			if err := wait(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("wait = %v, want closed", err)
			}
			if err := wait(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("wait after Close = %v, want closed", err)
			}
			if err := c.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("second Close = %v, want closed", err)
			}
		})
	}
}

// later runs f once d has passed.
func later(c clock.Clock, d time.Duration, f func()) { c.AfterFunc(d, f) }

func TestVirtualDialEndsWithItsContext(t *testing.T) {
	v := newVirtual(t)
	if err := v.Set(1, [2]wire.Impairment{{Loss: 1}, {}}); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	later(v.Clock(), time.Second, func() { cancel(enough) })
	if _, err := v.Client.Dial(ctx, "tcp", echoAddress); !errors.Is(err, enough) {
		t.Errorf("Dial = %v, want %v", err, enough)
	}
}

func TestVirtualPeersEndIsTold(t *testing.T) {
	v := newVirtual(t)
	client, server := connect(t, v, echoAddress)
	server.Close()
	if n, err := client.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("Read after the peer closed = %d, %v, want EOF", n, err)
	}
	client.Write([]byte("too late"))
	<-v.Clock().NewTimer(time.Second).C() // a reset comes back
	if _, err := client.Write([]byte("still")); !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("Write to nobody = %v, want a broken pipe or a reset", err)
	}
}

func TestVirtualCountersTellWhatWasDropped(t *testing.T) {
	v := newVirtual(t)
	before, err := v.Server.Counters()
	if err != nil {
		t.Fatal(err)
	}
	server, err := v.Server.ListenPacket(t.Context(), "udp", echoAddress)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.SetReceiveBuffer(server, 4096); err != nil {
		t.Fatal(err)
	}
	client, err := v.Client.Dial(t.Context(), "udp", echoAddress)
	if err != nil {
		t.Fatal(err)
	}
	const sent, size = 100, 1000
	for range sent {
		client.Write(make([]byte, size))
	}
	<-v.Clock().NewTimer(time.Second).C()
	m, err := v.Memory(server)
	if err != nil || m.Waiting == 0 || m.Limit == 0 {
		t.Errorf("Memory = %+v, %v, want something waiting", m, err)
	}
	read := 0
	for {
		server.SetReadDeadline(v.Clock().Now())
		if _, _, err := server.ReadFrom(make([]byte, size)); err != nil {
			break
		}
		read++
	}
	after, err := v.Server.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if d := after.Minus(before); read != 0 || d["Udp.RcvbufErrors"] == 0 || d["Udp.RcvbufErrors"]+d["Udp.InDatagrams"] != sent {
		t.Errorf("%d sent, %d read past their deadline, counters moved by %v", sent, read, d)
	}
}
