package dissect_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/dissect"
	"rawlab/internal/tools"
)

// split4 cuts an IPv4 packet into fragments of a size, a multiple of eight.
func split4(packet []byte, size int) [][]byte {
	var all [][]byte
	body := packet[34:]
	for at := 0; at < len(body); at += size {
		end := min(at+size, len(body))
		f := slices.Concat(packet[:34], body[at:end])
		binary.BigEndian.PutUint16(f[16:], uint16(20+end-at))
		place := uint16(at / 8)
		if end < len(body) {
			place |= 0x2000
		}
		binary.BigEndian.PutUint16(f[20:], place)
		putSum(f[14:34], 10, 0)
		all = append(all, f)
	}
	return all
}

// split6 does the same with a fragment header.
func split6(packet []byte, size int) [][]byte {
	var all [][]byte
	body := packet[54:]
	for at := 0; at < len(body); at += size {
		end := min(at+size, len(body))
		header := []byte{packet[20], 0, 0, 0, 0, 0, 0, 9}
		place := uint16(at)
		if end < len(body) {
			place |= 1
		}
		binary.BigEndian.PutUint16(header[2:], place)
		f := slices.Concat(packet[:54], header, body[at:end])
		binary.BigEndian.PutUint16(f[18:], uint16(8+end-at))
		f[20] = 44
		all = append(all, f)
	}
	return all
}

func TestJoined(t *testing.T) {
	_, answer := dnsMessages(t)
	dns4 := split4(udpPacket(t, netAddrPort(server4, 53), client4, answer), 64)
	dns6 := split6(udpPacket(t, netAddrPort(server6, 53), client6, answer), 64)
	ping := split4(icmp4(append(unhex(t, "0800 0000 1234 0007"), make([]byte, 100)...)), 64)
	for name, tt := range map[string]struct {
		packets [][]byte
		from    int
		want    []string
	}{
		"DNS":          {dns4, 34, []string{"0: UDP 0-8", "0: DNS 8-64", "1: DNS 0-64", "2: DNS 0-" + fmt.Sprint(len(answer)+8-128)}},
		"DNS, IPv6":    {dns6, 62, []string{"0: UDP 0-8", "0: DNS 8-64", "1: DNS 0-64", "2: DNS 0-" + fmt.Sprint(len(answer)+8-128)}},
		"ping":         {ping, 34, []string{"0: ICMP 0-64", "1: ICMP 0-44"}},
		"out of order": {[][]byte{ping[1], ping[0]}, 34, []string{"0: ICMP 0-44", "1: ICMP 0-64"}},
		"one is lost":  {ping[1:], 34, []string{"0: data 0-44"}},
	} {
		t.Run(name, func(t *testing.T) {
			layers, _ := explain(t, dissect.LinkEthernet, tt.packets...)
			var got []string
			for i, ls := range layers {
				checkLayers(t, tt.packets[i], ls)
				for _, l := range ls {
					if l.From >= tt.from && l.To > l.From {
						got = append(got, fmt.Sprintf("%d: %s %d-%d", i, l.Name, l.From-tt.from, l.To-tt.from))
					}
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("layers (-want +got):\n%s", diff)
			}
		})
	}
	layers, _ := explain(t, dissect.LinkEthernet, dns4...)
	if got := value(layers[0], "UDP", "checksum"); !strings.HasSuffix(got, ", good") {
		t.Errorf("checksum over all fragments = %q, want it good", got)
	}
	if got := value(layers[2], "DNS", "part"); !strings.Contains(got, "of a datagram put together from 3 fragments; completes it, the rest is in packet 0, 1") {
		t.Errorf("part = %q", got)
	}
	if rows := tools.Tshark(t, tools.SaveData(t, dissect.LinkEthernet, dns4...), sequenceNumbers, "dns.a", "ip.fragment.count"); rows[2][0] != "10.0.0.1" || rows[2][1] != "3" {
		t.Errorf("tshark read %q, want the same datagram", rows)
	}
}
