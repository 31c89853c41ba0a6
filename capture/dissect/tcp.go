package dissect

import (
	"fmt"
	"strings"

	"github.com/google/gopacket/layers"
)

// tcp reads a TCP header (RFC 9293, section 3.1).
func (d *dissection) tcp(at int) {
	var t layers.TCP
	if err := d.decode(&t, at); err != nil {
		d.undecoded(osiTransport, at, err)
		return
	}
	end := at + len(t.Contents)
	checksum := d.transport(layers.IPProtocolTCP, at, d.end)
	d.header(Layer{
		Name: "TCP", OSI: osiTransport, From: at, To: end,
		Fields: append([]Field{
			{"source port", fmt.Sprint(uint16(t.SrcPort)), at, at + 2},
			{"destination port", fmt.Sprint(uint16(t.DstPort)), at + 2, at + 4},
			{"sequence", fmt.Sprint(t.Seq), at + 4, at + 8},
			{"acknowledges", acknowledges(&t), at + 8, at + 12},
			{"header", fmt.Sprintf("%d bytes", len(t.Contents)), at + 12, at + 13},
			{"flags", tcpFlags(&t), at + 12, at + 14},
			{"window", fmt.Sprintf("%d (before scaling)", t.Window), at + 14, at + 16},
			{"checksum", fmt.Sprintf("%#04x, %v", t.Checksum, checksum), at + 16, at + 18},
			{"urgent", fmt.Sprint(t.Urgent), at + 18, at + 20},
		}, segmentOptions{t.SYN, t.Ack}.fields(d.data[at+tcpHeaderBytes:end], at+tcpHeaderBytes)...),
		Meaning: tcpMeaning(&t, d.end-end, checksum),
	})
	d.protocol, d.ports = TCP, [2]uint16{uint16(t.SrcPort), uint16(t.DstPort)}
	d.application(end)
}

func acknowledges(t *layers.TCP) string {
	if !t.ACK {
		return "nothing"
	}
	return fmt.Sprintf("all before %d", t.Ack)
}

func tcpFlags(t *layers.TCP) string {
	var set []string
	for _, f := range []struct {
		on   bool
		name string
	}{{t.SYN, "SYN"}, {t.FIN, "FIN"}, {t.RST, "RST"}, {t.PSH, "PSH"}, {t.ACK, "ACK"}, {t.URG, "URG"}, {t.ECE, "ECE"}, {t.CWR, "CWR"}, {t.NS, "NS"}} {
		if f.on {
			set = append(set, f.name)
		}
	}
	if len(set) == 0 {
		return "none"
	}
	return strings.Join(set, " ")
}

// tcpMeaning is one sentence on what this segment does.
func tcpMeaning(t *layers.TCP, payload int, checksum Checksum) string {
	switch {
	case checksum == ChecksumBad:
		return "The checksum is bad: the receiving kernel throws the segment away, and the sender will send it again."
	case t.SYN && t.ACK:
		return "Second of the three packets that open a connection: the server agrees and states where its own numbers start."
	case t.SYN:
		return "First of the three packets that open a connection: the client states where its byte numbers start."
	case t.RST:
		return "Breaks the connection off at once: what is under way is lost."
	case payload > 0:
		return fmt.Sprintf("%d bytes of the stream, numbered from %d; the receiver puts them in order and acknowledges them, or they are sent again.", payload, t.Seq)
	case t.FIN:
		return "Closes one direction: no more bytes will follow."
	}
	return fmt.Sprintf("No data, only the news that every byte before %d has arrived.", t.Ack)
}
