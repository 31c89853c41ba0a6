package command

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"rawlab/capture"
	"rawlab/capture/pcapng"
)

// captureOutput is where packets go.
type captureOutput struct {
	sink   capture.Sink
	writer *capture.Writer // nil when printing, or into a row of files
	file   *os.File        // nil for stdout
	row    *fileRow        // with -C or -G
}

// openOutput comes after the source is open, so that a capture that may not
// start does not empty a file.
func (f *captureFlags) openOutput(c *cobra.Command, source capture.Source) (*captureOutput, error) {
	if f.write == "" {
		p := &packetPrinter{w: bufio.NewWriter(c.OutOrStdout()), source: source, hex: f.hex, json: f.json}
		return &captureOutput{sink: p}, nil
	}
	if f.write == "-" {
		w, err := capture.NewWriter(c.OutOrStdout(), source, f.filter)
		return &captureOutput{sink: w, writer: w}, err
	}
	if f.rotates() {
		row, err := f.openRow(source)
		return &captureOutput{sink: row, row: row}, err
	}
	return f.openFile(f.write, source)
}

func (f *captureFlags) openFile(path string, source capture.Source) (*captureOutput, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	w, err := capture.NewWriter(file, source, f.filter)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &captureOutput{sink: w, writer: w, file: file}, nil
}

// name tells which files of a row were written.
func (o *captureOutput) name(w io.Writer) {
	if o.row != nil {
		fmt.Fprintf(w, "wrote %v\n", o.row)
	}
}

// writeStats notes what was counted on each interface.
func (o *captureOutput) writeStats(s []capture.Stats) error {
	switch {
	case o.row != nil && o.row.out != nil:
		return o.row.out.writeStats(s)
	case o.writer != nil:
		return o.writer.WriteStats(s)
	}
	return nil
}

// close writes out the rest and adds what goes wrong to err, the error so
// far. If the output failed, a file loses its cut last block, so that what is
// left of it is good.
func (o *captureOutput) close(err error) error {
	if o.row != nil && o.row.out != nil {
		return o.row.out.close(err)
	}
	if o.writer == nil { // printed, and flushed by Run
		return err
	}
	flushErr := o.writer.Flush()
	if !errors.Is(err, flushErr) {
		err = errors.Join(err, flushErr)
	}
	if o.file == nil {
		return err
	}
	info, statErr := o.file.Stat()
	closeErr := o.file.Close()
	err = errors.Join(err, closeErr)
	if flushErr == nil && closeErr == nil || statErr != nil || !info.Mode().IsRegular() {
		return err
	}
	kept, trimErr := capture.TrimFile(o.file.Name())
	if trimErr != nil {
		return errors.Join(err, trimErr)
	}
	return fmt.Errorf("%w; %s holds the first %d packets", err, o.file.Name(), kept)
}

// packetPrinter prints a line for each packet.
type packetPrinter struct {
	w      *bufio.Writer
	source capture.Source
	hex    bool
	json   bool

	summarizer capture.Summarizer
	number     int
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
	i := p.source.Interfaces()[packet.Interface]
	line := p.line(packet, &i)
	if p.json {
		if p.hex {
			line.Data = hex.EncodeToString(packet.Data)
		}
		return json.NewEncoder(p.w).Encode(line)
	}
	if len(p.source.Interfaces()) == 1 {
		line.Interface = "" // it need not be told every time
	}
	if _, err := fmt.Fprintln(p.w, line.text(packet.Time)); err != nil {
		return err
	}
	if p.hex {
		return dump(p.w, packet.Data)
	}
	return nil
}

func (p *packetPrinter) line(packet *capture.Packet, i *pcapng.Interface) *packetLine {
	s := p.summarizer.Summarize(packet, i.LinkType)
	l := &packetLine{
		Number: p.number, Time: packet.Time.UTC().Format(time.RFC3339Nano), Interface: i.Name, Outgoing: packet.Outgoing,
		Source: address(s.Source), Target: address(s.Target), Protocol: s.Protocol,
		Length: packet.Length, Captured: len(packet.Data), Payload: s.Payload,
		Detail: s.Detail, Comments: packet.Comments,
	}
	if l.Source == "" && i.LinkType == pcapng.LinkEthernet && len(packet.Data) >= 14 {
		l.Source, l.Target = net.HardwareAddr(packet.Data[6:12]).String(), net.HardwareAddr(packet.Data[:6]).String()
	}
	for _, f := range s.Frames {
		l.Frames = append(l.Frames, frameLine{
			Kind: f.Kind.String(), Event: fmt.Sprintf("%d:%d", f.Origin, f.Sequence), Topic: string(f.Topic), Payload: len(f.Payload),
		})
	}
	return l
}

func address(a netip.AddrPort) string {
	if !a.Addr().IsValid() {
		return ""
	}
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

// text is the line for people.
func (l *packetLine) text(t time.Time) string {
	var b strings.Builder
	b.WriteString(t.Local().Format("15:04:05.000000000 "))
	if l.Interface != "" {
		way := "in"
		if l.Outgoing {
			way = "out"
		}
		fmt.Fprintf(&b, "%s %s ", l.Interface, way)
	}
	fmt.Fprintf(&b, "%s > %s %s, %d bytes", l.Source, l.Target, l.Protocol, l.Length)
	if l.Detail != "" {
		fmt.Fprintf(&b, ", %s", l.Detail)
	}
	for _, f := range l.Frames {
		fmt.Fprintf(&b, ", %s %s", f.Kind, f.Event)
		if f.Topic != "" {
			fmt.Fprintf(&b, " %s", printable(f.Topic))
		}
		fmt.Fprintf(&b, " (%d bytes)", f.Payload)
	}
	for _, c := range l.Comments {
		fmt.Fprintf(&b, " # %s", printable(c))
	}
	return b.String()
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
