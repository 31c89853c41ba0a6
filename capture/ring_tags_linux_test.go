package capture_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"rawlab/capture"
	"rawlab/capture/filter"
	"rawlab/capture/pcapng"
)

// TestRingFiltersTags: a filter sees the VLAN tag that the kernel takes out,
// as it would in the file, and which way a packet went.
func TestRingFiltersTags(t *testing.T) {
	n := newNamespace(t)
	tags := map[string]string{"vlan 100": "\x81\x00\x00\x64", "vlan 7": "\x81\x00\x00\x07", "vlan 200 and vlan 100": "\x88\xa8\x00\xc8\x81\x00\x00\x64", "none": ""}
	ip := "\x08\x00\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x4d\x00\x01\x0a\x4d\x00\x02\x23\x28\x00\x07\x00\x08\x00\x00"
	rings := make(map[string]*capture.Ring)
	expressions := map[string]int{ // how many of the four frames, each sent and received
		"vlan": 6, "vlan 100": 2, "vlan 7 and udp port 9000": 2, "vlan 200 and vlan 100 and udp src port 9000": 2, "udp port 9000": 2,
		"ether[12:2] = 0x8100 and ether[16:2] = 0x800": 4, "ether[14:4] & 0x0fffffff = 0x00640800": 2, "not vlan": 2, "len = 46": 4, "vlan and host 10.77.0.1": 4,
		"inbound": 4, "outbound": 4, "vlan 100 and inbound": 1, "udp and outbound": 1,
	}
	for expr := range expressions {
		p, err := filter.Compile(expr, pcapng.LinkEthernet)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := p.Kernel()
		if err != nil {
			t.Fatal(err)
		}
		rings[expr] = n.ring(t, capture.RingConfig{Filter: raw, BlockBytes: 64 << 10, Blocks: 4})
	}
	for _, tag := range tags {
		n.send(t, []byte("\x02\x00\x00\x00\x00\x09\x02\x00\x00\x00\x00\x01"+tag+ip))
	}
	for expr, want := range expressions {
		p, err := filter.Compile(expr, pcapng.LinkEthernet)
		if err != nil {
			t.Fatal(err)
		}
		packets := drain(t, rings[expr])
		if len(packets) != want {
			t.Errorf("%q: %d packets, want %d", expr, len(packets), want)
		}
		for i := range packets {
			if ok, err := capture.Match(p, &packets[i]); !ok || err != nil {
				t.Errorf("%q: in the file it would not accept %x (%v)", expr, packets[i].Data, err)
			}
		}
	}
}

// send puts a frame onto lo as it is.
func (n *namespace) send(t *testing.T, frame []byte) {
	t.Helper()
	n.do(t, func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: 1})
	})
}
