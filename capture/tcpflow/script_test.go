package tcpflow_test

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"rawlab/capture/dissect"
	"rawlab/capture/tcpflow"
)

// script is a connection told segment by segment, seen by one tap.
type script struct {
	t      testing.TB
	a      *tcpflow.Analyzer
	p      *dissect.Parser
	tap    tcpflow.Place // of what the client sends
	port   uint16
	isn    [2]uint32 // of the client, of the server
	window uint16    // offered, before scaling
	sack   bool
	n      int
	data   [][]byte
}

const (
	mss   = 1000
	scale = 2
)

// newScript has done the handshake, SYN at 0 ms, answer at 20 ms, and the
// server has offered its window.
func newScript(t testing.TB, tap tcpflow.Place, sack bool) *script {
	t.Helper()
	s := &script{t: t, a: tcpflow.NewAnalyzer(nil), p: dissect.NewParser(dissect.LinkEthernet), tap: tap, port: 40000, isn: [2]uint32{0xffffff00, 77}, window: 16000, sack: sack}
	s.handshake(0)
	s.down(20.2, 1)
	return s
}

func (s *script) handshake(ms float64) {
	s.send(ms, true, 0, 0, 0, "S")
	s.send(ms+20, false, 0, 1, 0, "SA")
	s.send(ms+20.1, true, 1, 1, 0, "A")
}

// up is data of the client from a position on, down an acknowledgement of the
// server without data; blocks are pairs of positions.
func (s *script) up(ms float64, seq, length int64) tcpflow.Segment {
	s.t.Helper()
	return s.send(ms, true, seq, 1, int(length), "A")
}

func (s *script) down(ms float64, ack int64, blocks ...int64) tcpflow.Segment {
	s.t.Helper()
	return s.send(ms, false, 1, ack, 0, "A", blocks...)
}

var start = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func (s *script) send(ms float64, fromClient bool, seq, ack int64, length int, flags string, blocks ...int64) tcpflow.Segment {
	s.t.Helper()
	client, server := net.IP{10, 77, 0, 1}, net.IP{10, 77, 0, 2}
	me, other := 0, 1
	tcp := &layers.TCP{SrcPort: layers.TCPPort(s.port), DstPort: 9700, Window: s.window}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: client, DstIP: server}
	if !fromClient {
		me, other = 1, 0
		tcp.SrcPort, tcp.DstPort, ip.SrcIP, ip.DstIP = tcp.DstPort, tcp.SrcPort, server, client
	}
	tcp.Seq = s.isn[me] + uint32(seq)
	for _, f := range flags {
		switch f {
		case 'S':
			tcp.SYN = true
			tcp.Options = append(tcp.Options,
				layers.TCPOption{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{mss >> 8, mss & 0xff}},
				layers.TCPOption{OptionType: layers.TCPOptionKindWindowScale, OptionLength: 3, OptionData: []byte{scale}})
			if s.sack {
				tcp.Options = append(tcp.Options, layers.TCPOption{OptionType: layers.TCPOptionKindSACKPermitted, OptionLength: 2})
			}
		case 'A':
			tcp.ACK = true
			tcp.Ack = s.isn[other] + uint32(ack)
		case 'F':
			tcp.FIN = true
		case 'R':
			tcp.RST = true
		}
	}
	if len(blocks) > 0 {
		var b []byte
		for _, x := range blocks {
			b = binary.BigEndian.AppendUint32(b, s.isn[other]+uint32(x))
		}
		tcp.Options = append(tcp.Options, layers.TCPOption{OptionType: layers.TCPOptionKindSACK, OptionLength: uint8(2 + len(b)), OptionData: b})
	}
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		s.t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, tcp, gopacket.Payload(make([]byte, length))); err != nil {
		s.t.Fatal(err)
	}
	return s.add(ms, fromClient, buf.Bytes())
}

func (s *script) add(ms float64, fromClient bool, data []byte) tcpflow.Segment {
	s.t.Helper()
	h, err := s.p.Parse(data)
	if err != nil {
		s.t.Fatal(err)
	}
	s.n++
	s.data = append(s.data, data)
	got, ok := s.a.Add(s.n, start.Add(time.Duration(ms*float64(time.Millisecond))), s.way(fromClient), &h, data)
	if !ok {
		s.t.Fatalf("packet %d is no segment", s.n)
	}
	return got
}

func (s *script) way(fromClient bool) tcpflow.Way {
	switch {
	case s.tap == tcpflow.PlaceUnknown:
		return tcpflow.WayUnknown
	case (s.tap == tcpflow.AtSender) == fromClient:
		return tcpflow.Out
	}
	return tcpflow.In
}

// flow is the only one, its direction to the server.
func (s *script) flow() tcpflow.Direction {
	s.t.Helper()
	f := s.a.Flows()
	if len(f) != 1 {
		s.t.Fatalf("%d flows, want 1", len(f))
	}
	return f[0].ToServer
}
