package host_test

import (
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"rawlab/labs/host"
	"rawlab/labs/wire"
)

// TestTuning gives one host what the other has not.
func TestTuning(t *testing.T) {
	if !host.Isolated() {
		t.Skip("no right to private namespaces")
	}
	k, err := host.NewKernel(&host.Config{Hosts: map[string]host.Tuning{
		"client": {MTU: 1400, CongestionControl: "reno", Sysctls: map[string]string{"net.ipv4.tcp_sack": "0"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	for h, want := range map[*host.Host]string{k.Client: "1400 0", k.Server: "1500 1"} {
		var mtu, sack []byte
		err := h.Do(func() (err error) {
			i, err := net.InterfaceByName(host.Interface)
			if err != nil {
				return err
			}
			mtu = strconv.AppendInt(mtu, int64(i.MTU), 10)
			sack, err = os.ReadFile("/proc/sys/net/ipv4/tcp_sack")
			return err
		})
		if got := string(mtu) + " " + strings.TrimSpace(string(sack)); err != nil || got != want {
			t.Errorf("host %s: MTU and tcp_sack are %q, %v, want %q", h.Name, got, err, want)
		}
	}
	if cc, err := k.Client.CongestionControl(); err != nil || cc != "reno" {
		t.Errorf("congestion control is %q, %v, want reno", cc, err)
	}
}

// TestTuningRefused names what cannot be, and what could.
func TestTuningRefused(t *testing.T) {
	if !host.Isolated() {
		t.Skip("no right to private namespaces")
	}
	for name, c := range map[string]struct {
		tuning host.Tuning
		want   string
	}{
		"MTU":                  {host.Tuning{MTU: 9000}, "MTU of 9000 bytes, must be 68 to 1500"},
		"unknown control":      {host.Tuning{CongestionControl: "none-such"}, "allows hosts"},
		"not of the network":   {host.Tuning{Sysctls: map[string]string{"kernel.hostname": "x"}}, "only those of its network"},
		"up and away":          {host.Tuning{Sysctls: map[string]string{"net/../kernel/x": "1"}}, "only those of its network"},
		"unknown sysctl":       {host.Tuning{Sysctls: map[string]string{"net.ipv4.none_such": "1"}}, "cannot have that of its own"},
		"of the whole machine": {host.Tuning{Sysctls: map[string]string{"net.core.rmem_max": "1"}}, "cannot have that of its own"},
		"bad value":            {host.Tuning{Sysctls: map[string]string{"net.ipv4.tcp_sack": "maybe"}}, `refuses the value "maybe"`},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := host.NewKernel(&host.Config{Hosts: map[string]host.Tuning{"server": c.tuning}})
			if err == nil {
				k.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "host server") {
				t.Errorf("NewKernel: %v, want the server's name and %q", err, c.want)
			}
		})
	}
}

// TestTCPInfo compares what a socket says with what inet_diag says, over a
// wire whose delay is known.
func TestTCPInfo(t *testing.T) {
	k := newKernel(t)
	const delay = 5 * time.Millisecond
	if err := k.Wire.Set(1, [2]wire.Impairment{{Delay: delay}, {Delay: delay}}); err != nil {
		t.Fatal(err)
	}
	l, err := k.Server.Listen(t.Context(), "tcp", "10.77.0.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	c, err := k.Client.Dial(t.Context(), "tcp", "10.77.0.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	own, err := host.TCPInfo(c.(*net.TCPConn))
	if err != nil {
		t.Fatal(err)
	}
	if own.State != "ESTABLISHED" || own.CongestionWindow == 0 || own.RTT < 2*delay || own.RTT > time.Second {
		t.Errorf("TCPInfo = %+v over a wire of %v each way", own, delay)
	}
	all, err := k.Client.Connections()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].Local.String() != c.LocalAddr().String() || all[0].Remote.String() != "10.77.0.2:9000" ||
		all[0].State != "ESTABLISHED" || all[0].RTT < 2*delay {
		t.Errorf("Connections = %+v, want the one from %v", all, c.LocalAddr())
	}
}

// TestForget has a wire count without keeping rows.
func TestForget(t *testing.T) {
	if !host.Isolated() {
		t.Skip("no right to private namespaces")
	}
	k, err := host.NewKernel(&host.Config{Forget: true})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := k.Wire.Set(1, [2]wire.Impairment{{Loss: 1}}); err != nil {
		t.Fatal(err)
	}
	c, err := k.Client.Dial(t.Context(), "udp", "10.77.0.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const n = 100
	for range n {
		if _, err := c.Write([]byte("gone")); err != nil {
			t.Fatal(err)
		}
	}
	settled(t, k)
	rows, stats, err := k.Wire.Stop()
	k.Wire = nil
	if err != nil {
		t.Fatal(err)
	}
	// What the host's kernel said of its own before that has passed.
	if s := stats[0]; len(rows[0]) != 0 || s.Lost < n || s.Came != s.Lost+s.Left || s.Missing != 0 {
		t.Errorf("%d rows, counts %+v; want no rows and all of %d lost", len(rows[0]), s, n)
	}
}
