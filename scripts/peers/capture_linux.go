package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"rawlab/capture/pcapng"
	"rawlab/framing"
)

// captureTopic compares reading a file of datagrams of 128 bytes, and
// capturing them, with what people do that with. A reading is a whole process,
// from its start to its end, of a file that was just written and is in memory.
// What one does of each packet of "bytes of each layer":
//   - rawlab: counts every layer, tells frames of ours from other payload, and
//     so takes their checksums; on every CPU.
//   - gopacket: decodes Ethernet, IPv4, UDP and a payload, and adds up their
//     lengths; on one CPU, as its loop is written.
//   - tshark: dissects every protocol that it knows.
func captureTopic(s *settings) ([]comparison, func() error, error) {
	folder, err := os.MkdirTemp("", "rawlab-capture-")
	if err != nil {
		return nil, nil, err
	}
	closing := func() error { return os.RemoveAll(folder) }
	packets, lasting := 1_000_000, 2*time.Second
	if s.quick {
		packets, lasting = 200_000, time.Second
	}
	file := filepath.Join(folder, "datagrams.pcapng")
	if err := writeDatagrams(file, packets); err != nil {
		return nil, nil, errors.Join(err, closing())
	}
	gopacket, err := exec.LookPath("gopacket") // scripts/peers.sh builds it
	if err != nil {
		return nil, nil, errors.Join(err, closing())
	}
	ours := func(args ...string) func(context.Context) (float64, error) {
		return timed(append([]string{"rawlab", "capture", "-r", file}, args...)...)
	}
	reading := fmt.Sprintf("%d packets, ", packets)
	list := []comparison{{
		name: reading + "bytes of each layer", peerName: "gopacket DecodingLayerParser", unit: "s", lowerIsBetter: true, must: 3, pairs: 5,
		ours: ours("-q"), peer: timed(gopacket, file),
	}}
	if _, err := exec.LookPath("tshark"); err == nil {
		list = append(list, comparison{
			name: reading + "bytes of each layer", peerName: "tshark -q -z io,phs", unit: "s", lowerIsBetter: true, must: 100,
			ours: ours("-q"), peer: timed("tshark", "-n", "-r", file, "-q", "-z", "io,phs"),
		})
	} else {
		fmt.Fprintln(os.Stderr, "capture: no tshark found: left out")
	}
	_, err = exec.LookPath("tcpdump")
	if err == nil {
		list = append(list, comparison{
			name: reading + "a line of text for each", peerName: "tcpdump -n", unit: "s", lowerIsBetter: true, must: 2,
			ours: ours("-n"), peer: timed("tcpdump", "-Z", "root", "-n", "-r", file),
		})
	} else {
		fmt.Fprintln(os.Stderr, "capture: no tcpdump found: left out")
	}
	if err == nil && os.Getuid() == 0 {
		out := filepath.Join(folder, "out")
		list = append(list, comparison{
			name: "128 B datagrams sent while captured to a file", peerName: "tcpdump -w", unit: "datagrams/s", must: 1,
			ours: underCapture(lasting, "rawlab", "capture", "-i", "lo", "-w", out, "udp"),
			peer: underCapture(lasting, "tcpdump", "-Z", "root", "-B", "16384", "-i", "lo", "--direction=in", "-w", out, "udp"),
		})
	} else if err == nil {
		fmt.Fprintln(os.Stderr, "capture: not root, and tcpdump does not run in the network that any user can have: capturing is left out")
	}
	return list, closing, nil
}

// alone runs f on a thread in a network of its own, with a loopback interface
// and nothing else. What f starts is in it too.
func alone(f func() error) error {
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with its network
		ended <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("unshare: %w", err)
			}
			lo, err := netlink.LinkByName("lo")
			if err != nil {
				return err
			}
			if err := netlink.LinkSetUp(lo); err != nil {
				return err
			}
			return f()
		}()
	}()
	return <-ended
}

// timed runs a command to its end, its output thrown away, and returns how
// many seconds that took.
func timed(command ...string) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		var said strings.Builder
		cmd.Stderr = &said
		began := time.Now()
		if err := cmd.Run(); err != nil { // os.DevNull takes what it prints
			return 0, fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, strings.TrimSpace(said.String()))
		}
		return time.Since(began).Seconds(), nil
	}
}

// writeDatagrams writes a capture of so many emits.
func writeDatagrams(path string, packets int) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w, err := pcapng.NewWriter(file, pcapng.Section{})
	if err != nil {
		return err
	}
	if _, err := w.AddInterface(pcapng.Interface{Name: "lo", LinkType: pcapng.LinkEthernet}); err != nil {
		return err
	}
	p := pcapng.Packet{Time: time.Unix(1_700_000_000, 0)}
	headers := []byte{
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, // Ethernet
		0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, // IPv4
		0x9c, 0x40, 0x25, 0xe4, 0, 0, 0, 0, // UDP, 40000 to 9700
	}
	payload := make([]byte, 128)
	for n := range packets {
		f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagCRC, Origin: 1, Sequence: uint64(n + 1), Topic: []byte("news"), Payload: payload}
		if p.Data, err = f.Append(append(p.Data[:0], headers...)); err != nil {
			return err
		}
		size := len(p.Data) - 14
		p.Data[16], p.Data[17] = byte(size>>8), byte(size)
		p.Data[38], p.Data[39] = byte((size-20)>>8), byte(size-20)
		p.Length, p.Time = len(p.Data), p.Time.Add(10*time.Microsecond)
		if err := w.WritePacket(&p); err != nil {
			return err
		}
	}
	return errors.Join(w.Flush(), file.Close())
}

// underCapture returns how many datagrams a second one socket sends to another
// while a command captures them, which must say that it has lost none.
func underCapture(lasting time.Duration, command ...string) func(context.Context) (float64, error) {
	return func(ctx context.Context) (rate float64, _ error) {
		err := alone(func() error {
			c, err := startCapture(ctx, command)
			if err != nil {
				return err
			}
			rate, err = blast(ctx, lasting)
			dropped, endErr := c.end()
			if dropped > 0 {
				fmt.Fprintf(os.Stderr, "capture: %s dropped %d packets\n", command[0], dropped)
			}
			return errors.Join(err, endErr)
		})
		return rate, err
	}
}

// blast sends datagrams of 128 bytes to a socket that reads them.
func blast(ctx context.Context, lasting time.Duration) (float64, error) {
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b := make([]byte, 256)
		for {
			if _, err := sink.Read(b); err != nil {
				return
			}
		}
	}()
	defer func() { sink.Close(); <-read }()
	conn, err := net.DialUDP("udp4", nil, sink.LocalAddr().(*net.UDPAddr))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	b, n, began := make([]byte, 128), 0, time.Now()
	for end := began.Add(lasting); time.Now().Before(end) && ctx.Err() == nil; {
		for range 32 {
			if _, err := conn.Write(b); err != nil {
				return 0, err
			}
			n++
		}
	}
	return float64(n) / time.Since(began).Seconds(), ctx.Err()
}
