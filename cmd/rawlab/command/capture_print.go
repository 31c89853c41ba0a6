package command

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rawlab/capture"
	"rawlab/capture/pcapng"
)

// packetPrinter prints a line for each packet.
type packetPrinter struct {
	w      *bufio.Writer
	source capture.Source
	hex    bool
	json   bool

	summarizer capture.Summarizer
	number     int
	line       []byte // scratch
	second     int64  // that clock says
	clock      string
}

// packetLine is a packet in JSON.
type packetLine struct {
	Number    int         `json:"number"`
	Time      string      `json:"time"`
	Interface string      `json:"interface,omitempty"`
	Outgoing  bool        `json:"outgoing,omitempty"`
	Source    string      `json:"src"`
	Target    string      `json:"dst"`
	Protocol  string      `json:"protocol"`
	Length    int         `json:"length"`
	Captured  int         `json:"captured"`
	Payload   int         `json:"payload"`
	Detail    string      `json:"detail,omitempty"`
	Frames    []frameLine `json:"frames,omitempty"`
	Comments  []string    `json:"comments,omitempty"`
	Data      string      `json:"data,omitempty"` // hexadecimal, with -X
}

type frameLine struct {
	Kind    string `json:"kind"`
	Event   string `json:"event"` // origin:sequence; a string, for 64 bits do not fit JavaScript's numbers
	Topic   string `json:"topic,omitempty"`
	Payload int    `json:"payload"`
}

func (p *packetPrinter) Flush() error { return p.w.Flush() }

func (p *packetPrinter) Write(packet *capture.Packet) error {
	p.number++
	interfaces := p.source.Interfaces()
	i := &interfaces[packet.Interface]
	s := p.summarizer.Summarize(packet, i.LinkType)
	if p.json {
		return json.NewEncoder(p.w).Encode(p.object(packet, i, &s))
	}
	p.line = p.stamp(p.line[:0], packet.Time)
	if len(interfaces) > 1 { // else it need not be told every time
		p.line = append(p.line, i.Name...)
		switch {
		case packet.Outgoing:
			p.line = append(p.line, " out "...)
		case packet.Flags&pcapng.FlagDirection == pcapng.FlagInbound:
			p.line = append(p.line, " in "...)
		default:
			p.line = append(p.line, ' ')
		}
	}
	p.line = append(appendText(p.line, packet, i, &s), '\n')
	if _, err := p.w.Write(p.line); err != nil {
		return err
	}
	if p.hex {
		return dump(p.w, packet.Data)
	}
	return nil
}

// stamp appends the local time of day.
func (p *packetPrinter) stamp(b []byte, t time.Time) []byte {
	if second := t.Unix(); second != p.second || p.clock == "" {
		p.second, p.clock = second, t.Local().Format("15:04:05.")
	}
	const nine = 1_000_000_000
	b = append(b, p.clock...)
	at := len(b)
	b = strconv.AppendInt(b, int64(t.Nanosecond())+nine, 10)
	return append(b[:at], append(b[at+1:], ' ')...) // without the leading 1
}

func (p *packetPrinter) object(packet *capture.Packet, i *pcapng.Interface, s *capture.Summary) *packetLine {
	source, target := ends(packet, i, s)
	l := &packetLine{
		Number: p.number, Time: packet.Time.UTC().Format(time.RFC3339Nano), Interface: i.Name, Outgoing: packet.Outgoing,
		Source: source, Target: target, Protocol: s.Protocol,
		Length: packet.Length, Captured: len(packet.Data), Payload: s.Payload,
		Detail: s.Detail, Comments: packet.Comments,
	}
	if p.hex {
		l.Data = hex.EncodeToString(packet.Data)
	}
	for _, f := range s.Frames {
		l.Frames = append(l.Frames, frameLine{
			Kind: f.Kind.String(), Event: fmt.Sprintf("%d:%d", f.Origin, f.Sequence), Topic: string(f.Topic), Payload: len(f.Payload),
		})
	}
	return l
}

// ends returns the addresses of a packet, those of the link if it has no
// others.
func ends(packet *capture.Packet, i *pcapng.Interface, s *capture.Summary) (source, target string) {
	if !s.Source.Addr().IsValid() && i.LinkType == pcapng.LinkEthernet && len(packet.Data) >= 14 {
		return net.HardwareAddr(packet.Data[6:12]).String(), net.HardwareAddr(packet.Data[:6]).String()
	}
	return string(appendAddress(nil, s.Source)), string(appendAddress(nil, s.Target))
}

func appendAddress(b []byte, a netip.AddrPort) []byte {
	switch {
	case !a.Addr().IsValid():
		return b
	case a.Port() == 0:
		return a.Addr().AppendTo(b)
	}
	return a.AppendTo(b)
}

// appendText appends the line for people, behind its time.
func appendText(b []byte, packet *capture.Packet, i *pcapng.Interface, s *capture.Summary) []byte {
	if s.Source.Addr().IsValid() {
		b = append(appendAddress(b, s.Source), " > "...)
		b = appendAddress(b, s.Target)
	} else {
		source, target := ends(packet, i, s)
		b = append(append(append(b, source...), " > "...), target...)
	}
	b = append(append(append(b, ' '), s.Protocol...), ", "...)
	b = append(strconv.AppendInt(b, int64(s.Length), 10), " bytes"...)
	if s.Detail != "" {
		b = append(append(b, ", "...), s.Detail...)
	}
	for n := range s.Frames {
		f := &s.Frames[n]
		b = append(append(append(b, ", "...), f.Kind.String()...), ' ')
		b = append(strconv.AppendUint(b, f.Origin, 10), ':')
		b = strconv.AppendUint(b, f.Sequence, 10)
		if len(f.Topic) > 0 {
			b = appendPrintable(append(b, ' '), f.Topic)
		}
		b = append(strconv.AppendInt(append(b, " ("...), int64(len(f.Payload)), 10), " bytes)"...)
	}
	for _, c := range packet.Comments {
		b = appendPrintable(append(b, " # "...), []byte(c))
	}
	return b
}

// appendPrintable quotes what could confuse a terminal.
func appendPrintable(b, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c >= utf8.RuneSelf || c == 0x7f {
			return append(b, printable(string(text))...)
		}
	}
	return append(b, text...)
}

// printable quotes what could confuse a terminal.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// dump prints bytes as tcpdump -XX does: offset, pairs in hexadecimal, text.
func dump(w io.Writer, data []byte) error {
	for at := 0; at < len(data); at += 16 {
		row := data[at:min(at+16, len(data))]
		var pairs, text strings.Builder
		for i, c := range row {
			if i%2 == 0 {
				pairs.WriteByte(' ')
			}
			fmt.Fprintf(&pairs, "%02x", c)
			if c < ' ' || c > '~' {
				c = '.'
			}
			text.WriteByte(c)
		}
		if _, err := fmt.Fprintf(w, "\t0x%04x: %-40s  %s\n", at, pairs.String(), text.String()); err != nil {
			return err
		}
	}
	return nil
}
