package dissect_test

import (
	"math/rand/v2"
	"testing"

	"rawlab/capture/dissect"
)

// FuzzTalk lets two programs say anything to each other, in segments of any
// size, some of them lost, doubled or cut.
func FuzzTalk(f *testing.F) {
	query, answer := dnsMessages(f)
	length := string([]byte{0, byte(len(query))})
	for i, s := range [][2]string{
		{upgrade + masked(0x01, `42["h`) + masked(0x80, `i"]`) + masked(0x88, "\x03\xe8"), agreed + unmaskedFrame(0x81, `451-["up",{"_placeholder":true,"num":0}]`) + unmaskedFrame(0x82, "ab")},
		{"POST /?EIO=4 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n42[1]\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n2\x1e4[]HTTP/1.1 200 OK\r\n\r\n"},
		{string(unhex(f, "16030100310100002d0303")) + string(make([]byte, 32)) + string(unhex(f, "000002130101000002 0000")), string(unhex(f, "140303000101 170303001800")) + string(make([]byte, 23))},
		{length + string(query), string([]byte{0, byte(len(answer))}) + string(answer)},
	} {
		f.Add(uint64(i), []byte(s[0]), []byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, seed uint64, client, server []byte) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		d := newDialogue(t)
		if seed%3 == 0 {
			d.packets = nil // met in the middle
		}
		rest := [2][]byte{client, server}
		for len(rest[0])+len(rest[1]) > 0 && len(d.packets) < 200 {
			who := rnd.IntN(2)
			n := min(1+rnd.IntN(400), len(rest[who]))
			if n > 0 {
				d.say(who, []string{string(rest[who][:n])})
				rest[who] = rest[who][n:]
			}
			switch last := len(d.packets) - 1; {
			case last < 0 || seed%2 == 0:
			case rnd.IntN(8) == 0:
				d.packets = d.packets[:last]
			case rnd.IntN(8) == 0:
				d.packets = append(d.packets, d.packets[rnd.IntN(last+1)])
			case rnd.IntN(8) == 0:
				d.packets[last] = d.packets[last][:66+rnd.IntN(len(d.packets[last])-65)]
			}
		}
		layers, messages := explain(t, dissect.LinkEthernet, d.packets...)
		for i, ls := range layers {
			checkLayers(t, d.packets[i], ls)
			checkLayers(t, d.packets[i], dissect.Dissect(d.packets[i], dissect.LinkEthernet))
		}
		for _, m := range messages {
			for _, p := range m.Parts {
				if p.From < 66 || p.From > p.To || p.To > len(d.packets[p.Packet]) || p.At < 0 || p.At+p.To-p.From > m.Length {
					t.Fatalf("part %+v of %q with %d bytes", p, m.Name, m.Length)
				}
			}
		}
	})
}

// FuzzDatagram reads a datagram of anything, on ports of any protocol.
func FuzzDatagram(f *testing.F) {
	query, answer := dnsMessages(f)
	f.Add(uint16(53), query)
	f.Add(uint16(53), answer)
	f.Add(uint16(443), unhex(f, "c3 00000001 08 0001020304050607 04 a0a1a2a3 00 04 00112233 c3 00000000 00 00"))
	f.Add(uint16(4433), unhex(f, "16 feff 0000 000000000007 0010 01 000004 0001 000000 000004 fefd0001 15 fefd 0001 000000000008 0002 0100"))
	f.Fuzz(func(t *testing.T, port uint16, payload []byte) {
		if len(payload) > 60_000 {
			return
		}
		data := udpPacket(t, client6, netAddrPort(server6, port), payload)
		checkLayers(t, data, dissect.Dissect(data, dissect.LinkEthernet))
	})
}
