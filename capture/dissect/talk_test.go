package dissect_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/dissect"
)

// dialogue is a TCP connection under construction, both directions.
type dialogue struct {
	t       testing.TB
	said    [2]int // bytes, by the client and by the server
	packets [][]byte
}

func newDialogue(t testing.TB) *dialogue {
	d := &dialogue{t: t}
	d.packets = append(d.packets,
		tcpPacket(t, segment{src: client4, dst: server4, seq: 99, syn: true, noA: true}),
		tcpPacket(t, segment{src: server4, dst: client4, seq: 499, ack: 100, syn: true}))
	return d
}

// client and server add a segment for each text.
func (d *dialogue) client(texts ...string) *dialogue { return d.say(0, texts) }
func (d *dialogue) server(texts ...string) *dialogue { return d.say(1, texts) }

func (d *dialogue) say(who int, texts []string) *dialogue {
	for _, b := range texts {
		d.packets = append(d.packets, d.segment(who, d.said[who], b))
		d.said[who] += len(b)
	}
	return d
}

func (d *dialogue) segment(who, at int, b string) []byte {
	s := segment{src: client4, dst: server4, seq: 100 + uint32(at), ack: 500 + uint32(d.said[1]), payload: []byte(b)}
	if who == 1 {
		s = segment{src: server4, dst: client4, seq: 500 + uint32(at), ack: 100 + uint32(d.said[0]), payload: []byte(b)}
	}
	return tcpPacket(d.t, s)
}

// explain dissects packets with what an assembler finds in all of them.
func explain(t testing.TB, link uint16, packets ...[]byte) (layers [][]dissect.Layer, messages []*dissect.Message) {
	t.Helper()
	a := dissect.NewAssembler(&dissect.Options{LinkType: link, Messages: func(int) bool { return true }})
	for i, p := range packets {
		a.Add(i, epoch, p)
	}
	carried := make([][]dissect.Carried, len(packets))
	for _, f := range a.Finish() {
		for _, p := range f.Parts {
			carried[p.Packet] = append(carried[p.Packet], dissect.Carried{Frame: f, Part: p})
		}
	}
	messages = a.Messages()
	for _, m := range messages {
		for _, p := range m.Parts {
			carried[p.Packet] = append(carried[p.Packet], dissect.Carried{Message: m, Part: p})
		}
	}
	for i, p := range packets {
		layers = append(layers, dissect.Dissect(p, link, carried[i]...))
	}
	return layers, messages
}

// above writes the layers above the transport, by packet.
func above(all [][]dissect.Layer) []string {
	var s []string
	for i, ls := range all {
		for _, l := range ls {
			if l.OSI > 4 && l.Name != "none" {
				s = append(s, fmt.Sprintf("%d: %d %s %d-%d", i, l.OSI, l.Name, l.From-66, l.To-66))
			}
		}
	}
	return s
}

// masked returns a WebSocket frame of a client; server the same without a
// mask.
func masked(first byte, text string) string {
	b := []byte{first, 0x80 | byte(len(text)), 1, 2, 3, 4}
	for i := range len(text) {
		b = append(b, text[i]^b[2+i%4])
	}
	return string(b)
}

func unmaskedFrame(first byte, text string) string {
	if len(text) < 126 {
		return string([]byte{first, byte(len(text))}) + text
	}
	return string(binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(len(text)))) + text
}

const (
	upgrade = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	agreed  = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: abc\r\n\r\n"
)

func TestTalk(t *testing.T) {
	answer := "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
	tests := map[string]struct {
		packets [][]byte
		want    []string
	}{
		"request and answer": {
			newDialogue(t).client("GET / HTTP/1.1\r\nHost: a\r\n\r\n").server(answer+"01234", "56789").packets,
			[]string{"2: 7 HTTP request 0-27", "3: 7 HTTP response 0-39", "3: 7 HTTP body 39-44", "4: 7 HTTP body 0-5"},
		},
		"head over two segments": {
			newDialogue(t).client("GET / HTTP/1.1\r\nHos", "t: a\r\n\r\n").packets,
			[]string{"2: 7 HTTP request 0-19", "3: 7 HTTP request 0-8"},
		},
		"two requests at once, no body after HEAD": {
			newDialogue(t).client("HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n").server(answer + answer + "0123456789").packets,
			[]string{"2: 7 HTTP request 0-19", "2: 7 HTTP request 19-37", "3: 7 HTTP response 0-39", "3: 7 HTTP response 39-78", "3: 7 HTTP body 78-88"},
		},
		"chunks": {
			newDialogue(t).client("GET / HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nhel", "lo\r\n0\r\n\r\n").packets,
			[]string{"2: 7 HTTP request 0-18", "3: 7 HTTP response 0-47", "4: 7 HTTP chunk 0-3", "4: 7 HTTP body 3-6", "5: 7 HTTP body 0-2", "5: 7 HTTP chunk 4-9"},
		},
		"until the end": {
			newDialogue(t).client("GET / HTTP/1.0\r\n\r\n").server("HTTP/1.0 200 OK\r\n\r\nhello", "more").packets,
			[]string{"2: 7 HTTP request 0-18", "3: 7 HTTP response 0-19", "3: 7 HTTP body 19-24", "4: 7 HTTP body 0-4"},
		},
		"WebSocket with Engine.IO and Socket.IO": {
			newDialogue(t).client(upgrade).server(agreed+unmaskedFrame(0x81, `0{"sid":"x"}`)).client(masked(0x81, `42["hi",1]`)).server(unmaskedFrame(0x81, "2"), unmaskedFrame(0x88, "\x03\xe8bye")).packets,
			[]string{
				"2: 7 HTTP request 0-176", "3: 7 HTTP response 0-104", "3: 5 WebSocket 104-106", "3: 5 Engine.IO 106-118",
				"4: 5 WebSocket 0-6", "4: 5 Engine.IO 6-7", "4: 7 Socket.IO 7-8", "4: 6 JSON 8-16",
				"5: 5 WebSocket 0-2", "5: 5 Engine.IO 2-3", "6: 5 WebSocket 0-7",
			},
		},
		"message over two frames, a ping between": {
			newDialogue(t).client(upgrade).server(agreed).client(masked(0x01, `42["h`), masked(0x89, "?"), masked(0x80, `i"]`)).packets,
			[]string{
				"2: 7 HTTP request 0-176", "3: 7 HTTP response 0-104", "4: 5 WebSocket 0-6", "4: 7 message 6-11",
				"5: 5 WebSocket 0-7", "6: 5 WebSocket 0-6", "6: 5 Engine.IO 6-6", "6: 7 Socket.IO 6-6", "6: 6 JSON 6-9",
			},
		},
		"refused upgrade": {
			newDialogue(t).client(upgrade).server("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno").client("GET /a HTTP/1.1\r\n\r\n").packets,
			[]string{"2: 7 HTTP request 0-176", "3: 7 HTTP response 0-47", "3: 7 HTTP body 47-49", "4: 7 HTTP request 0-19"},
		},
		"WebSocket met in the middle": {
			newDialogue(t).client(masked(0x81, "hello there"), masked(0x81, "again")).packets[2:],
			[]string{"0: 5 WebSocket 0-6", "0: 7 message 6-17", "1: 5 WebSocket 0-6", "1: 7 message 6-11"},
		},
		"HTTP met in the middle": {
			newDialogue(t).server("…the end of something", answer+"0123456789").packets[2:],
			[]string{"0: 7 data 0-23", "1: 7 HTTP response 0-39", "1: 7 HTTP body 39-49"},
		},
		"another protocol": {
			newDialogue(t).client("EHLO example.org, I am pleased to meet you\r\n").packets,
			[]string{"2: 7 data 0-44"},
		},
		"another protocol, then one that is known": {
			newDialogue(t).client("STARTTLS, please, whatever else you do here\r\n", "GET / HTTP/1.1\r\n\r\n").packets,
			[]string{"2: 7 data 0-45", "3: 7 HTTP request 0-18"},
		},
		"two connections on the same ports": {
			append(newDialogue(t).client("GET / HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\n\r\nabc").packets, reopened(t)...),
			[]string{"2: 7 HTTP request 0-18", "3: 7 HTTP response 0-19", "3: 7 HTTP body 19-22", "5: 7 HTTP request 0-18"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			layers, _ := explain(t, dissect.LinkEthernet, tt.packets...)
			if diff := cmp.Diff(tt.want, above(layers)); diff != "" {
				t.Errorf("layers (-want +got):\n%s", diff)
			}
			for i, ls := range layers {
				checkLayers(t, tt.packets[i], ls)
			}
		})
	}
}

// reopened is a new connection between the same ports, later on.
func reopened(t *testing.T) [][]byte {
	return [][]byte{
		tcpPacket(t, segment{src: client4, dst: server4, seq: 1 << 20, syn: true, noA: true}),
		tcpPacket(t, segment{src: client4, dst: server4, seq: 1<<20 + 1, payload: []byte("GET / HTTP/1.1\r\n\r\n")}),
	}
}

func TestTalkFields(t *testing.T) {
	hello := "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwhole bod" // 38 and the body
	d := newDialogue(t).client(upgrade).server(agreed).
		client(masked(0x01, `42["h`), masked(0x80, `i"]`)).                                                     // packets 4, 5
		server(unmaskedFrame(0x81, `451-/x,7["up",{"_placeholder":true,"num":0}]`)).                            // 6
		server(unmaskedFrame(0x82, "\x01\x02"), unmaskedFrame(0xc1, "zzz"), unmaskedFrame(0x88, "\x03\xe8bye")) // 7, 8, 9
	plain := newDialogue(t).client("GET / HTTP/1.1\r\n\r\n").server(hello[:41], hello[41:])
	ws, _ := explain(t, dissect.LinkEthernet, d.packets...)
	body, _ := explain(t, dissect.LinkEthernet, plain.packets...)
	for _, tt := range []struct {
		layers             []dissect.Layer
		layer, field, want string
	}{
		{ws[4], "WebSocket", "masking key", "01020304"},
		{ws[4], "message", "unmasked", `"42[\"h"`},
		{ws[5], "WebSocket", "message", "text, put together from 2 frames: 8 bytes"},
		{ws[5], "Socket.IO", "event", `"hi"`},
		{ws[6], "Socket.IO", "attachments", "1, in the messages that follow"},
		{ws[6], "Socket.IO", "namespace", "/x"},
		{ws[6], "Socket.IO", "number", "7, which the acknowledgement repeats"},
		{ws[6], "Socket.IO", "event", `"up"`},
		{ws[7], "Socket.IO attachment", "attachment", "attachment 1 of 1"},
		{ws[8], "WebSocket", "flags", "the message's last frame, compressed (permessage-deflate)"},
		{ws[9], "WebSocket", "code", "1000 (normal)"},
		{ws[9], "WebSocket", "reason", "bye"},
		{body[3], "HTTP body", "part", "bytes 0 to 2 of 9 of HTTP body; packet 4 completes it"},
		{body[4], "HTTP body", "part", "bytes 3 to 8 of 9 of HTTP body; completes it, the rest is in packet 3"},
	} {
		if got := value(tt.layers, tt.layer, tt.field); got != tt.want {
			t.Errorf("%s %s = %q, want %q", tt.layer, tt.field, got, tt.want)
		}
	}
}

// TestTalkDisorder: whatever order segments come in, and however often, the
// same messages are found.
func TestTalkDisorder(t *testing.T) {
	d := newDialogue(t).client(upgrade[:50], upgrade[50:]).server(agreed[:30], agreed[30:]).client(masked(0x81, "hello"), masked(0x81, "world"))
	names := func(order ...int) []string {
		var packets [][]byte
		for _, i := range order {
			packets = append(packets, d.packets[i])
		}
		_, messages := explain(t, dissect.LinkEthernet, packets...)
		var s []string
		for _, m := range messages {
			s = append(s, m.Name)
		}
		slices.Sort(s)
		return s
	}
	want := names(0, 1, 2, 3, 4, 5, 6, 7)
	if len(want) != 4 {
		t.Fatalf("messages = %q, want a request, an answer and two frames", want)
	}
	for _, order := range [][]int{{0, 1, 3, 2, 5, 4, 7, 6}, {0, 1, 2, 2, 3, 3, 4, 5, 5, 6, 6, 7}, {0, 1, 2, 3, 6, 7, 4, 5}} {
		if diff := cmp.Diff(want, names(order...)); diff != "" {
			t.Errorf("order %v (-want +got):\n%s", order, diff)
		}
	}
	layers, _ := explain(t, dissect.LinkEthernet, d.packets[0], d.packets[1], d.packets[2], d.packets[3], d.packets[3])
	if diff := cmp.Diff([]string{"2: 7 HTTP request 0-50", "3: 7 HTTP request 0-126", "4: 7 HTTP request 0-126"}, above(layers)); diff != "" {
		t.Errorf("a retransmission (-want +got):\n%s", diff)
	}
}

// TestTalkHoles: bytes that the capture lacks cost the message they are of,
// not those behind it.
func TestTalkHoles(t *testing.T) {
	long := strings.Repeat("x", 3000)
	d := newDialogue(t).client("GET / HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n", long[:1000], long[1000:2000], long[2000:], "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	packets := slices.Delete(slices.Clone(d.packets), 5, 6)
	layers, _ := explain(t, dissect.LinkEthernet, packets...)
	want := []string{"2: 7 HTTP request 0-18", "3: 7 HTTP response 0-41", "4: 7 HTTP body 0-1000", "5: 7 HTTP body 0-1000", "6: 7 HTTP response 0-45"}
	if diff := cmp.Diff(want, above(layers)); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	if got := value(layers[5], "HTTP body", "part"); got != "bytes 2000 to 2999 of 3000 of HTTP body; 1000 are not in the capture" {
		t.Errorf("part = %q, want the gap named", got)
	}
	// A capture of the first bytes of each packet.
	for i := range d.packets {
		d.packets[i] = d.packets[i][:min(len(d.packets[i]), 140)]
	}
	layers, _ = explain(t, dissect.LinkEthernet, d.packets...)
	want = []string{"2: 7 HTTP request 0-18", "3: 7 HTTP response 0-41", "4: 7 HTTP body 0-74", "5: 7 HTTP body 0-74", "6: 7 HTTP body 0-74", "7: 7 HTTP response 0-45"}
	if diff := cmp.Diff(want, above(layers)); diff != "" {
		t.Errorf("cut packets (-want +got):\n%s", diff)
	}
}
