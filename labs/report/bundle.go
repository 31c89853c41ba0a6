package report

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
)

// Evidence is one run with all that its witnesses saw.
type Evidence struct {
	Transport   string
	Reliability string
	Variant     string
	Ledger      *account.Ledger
	Span        time.Duration // from the first intended emit to the last delivery; 0 if nothing was delivered
	Emissions   []account.Emission
	Taps        [2]account.Tap  // by side
	Wire        [2]account.Wire // by leg
	TCPInfo     []TCPSample     // if they were asked for

	Topics      map[uint64]string         // by origin of who emits, where there are several clients; else nil
	Subscribers map[netip.AddrPort]uint64 // likewise, the origins of who listens
}

// Name is that of the run, see [Run.Name].
func (e *Evidence) Name() string { return runName(e.Transport, e.Reliability, e.Variant) }

// Bundle is a folder that holds a result and its evidence.
type Bundle struct {
	root  *os.Root
	files []string
}

// OpenBundle makes the folder, if need be, and sees that files can be written
// there, before a lab takes its time.
func OpenBundle(folder string) (*Bundle, error) {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	f, err := root.OpenFile("result.json", os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bundle: %s: %w", folder, err), root.Close())
	}
	return &Bundle{root: root}, f.Close()
}

// File is one more file of a bundle.
type File struct {
	Name  string
	Write func(io.Writer) error
}

// Write writes result.json, ledger.csv and capture.pcapng, and tcpinfo.csv if
// there are samples of TCP connections, then the files that are given and the
// result's scenario.yaml, in place of files of those names, and closes the bundle.
func (b *Bundle) Write(r *Result, evidence []Evidence, more ...File) error {
	err := errors.Join(
		b.write("result.json", r.WriteJSON),
		b.write("ledger.csv", func(w io.Writer) error { return writeLedger(w, evidence) }),
		b.write("capture.pcapng", func(w io.Writer) error { return writeCapture(w, r, evidence) }),
	)
	if slices.ContainsFunc(evidence, func(e Evidence) bool { return len(e.TCPInfo) > 0 }) {
		err = errors.Join(err, b.write("tcpinfo.csv", func(w io.Writer) error { return writeTCPInfo(w, r, evidence) }))
	}
	if r.File != nil {
		more = append(more, File{"scenario.yaml", func(w io.Writer) error { _, err := w.Write(r.File); return err }})
	}
	for _, f := range more {
		err = errors.Join(err, b.write(f.Name, f.Write))
	}
	return errors.Join(err, b.root.Close())
}

// Files names what has been written.
func (b *Bundle) Files() []string { return b.files }

func (b *Bundle) write(name string, write func(io.Writer) error) error {
	b.files = append(b.files, name)
	return WriteFile(b.root, name, write)
}

// WriteFile writes one file of a bundle; a full disk is found out here.
func WriteFile(root *os.Root, name string, write func(io.Writer) error) (err error) {
	f, err := root.Create(name)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	b := bufio.NewWriterSize(f, 1<<20)
	err = write(b)
	if err == nil {
		err = b.Flush()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return nil
}

func writeLedger(w io.Writer, evidence []Evidence) error {
	c := csv.NewWriter(w)
	c.Write([]string{"origin", "sequence", "transport", "fate", "latency_us", "packets", "variant", "reliability", "kernel_reason", "head_of_line_us", "topic", "subscriber"})
	for _, e := range evidence {
		for i := range e.Ledger.Events {
			c.Write(ledgerLine(&e, &e.Ledger.Events[i]))
		}
	}
	c.Flush()
	return c.Error()
}

func ledgerLine(e *Evidence, v *account.Event) []string {
	fate, latency := string(v.Fate), ""
	if fate == "" {
		fate = "delivered"
		latency = strconv.FormatFloat(float64(v.Latency.Nanoseconds())/1e3, 'f', 3, 64)
	}
	line, subscriber := "", ""
	if v.To != 0 {
		subscriber = strconv.FormatUint(v.To, 10)
	}
	if e.Transport == "tcp" {
		line = strconv.FormatFloat(float64(v.InLine.Nanoseconds())/1e3, 'f', 3, 64)
	}
	return []string{
		strconv.FormatUint(v.ID.Origin, 10), strconv.FormatUint(v.ID.Sequence, 10),
		e.Transport, fate, latency, strconv.Itoa(v.Packets), e.Variant, e.Reliability, v.Reason, line, e.Topics[v.ID.Origin], subscriber,
	}
}

// tapped is one packet of the capture file, with the tap that saw it.
type tapped struct {
	packet *account.Packet
	note   string
	iface  int // two of each run: its client host's and its server host's
	index  int // at the tap
}

// inOrder lists all taps' packets in the order of time, as the file has them.
func inOrder(evidence []Evidence) []tapped {
	var packets []tapped
	for i := range evidence {
		for side := range evidence[i].Taps {
			packets = append(packets, tappedBy(&evidence[i], side, 2*i+side)...)
		}
	}
	slices.SortStableFunc(packets, func(a, b tapped) int { return cmp.Compare(a.packet.Time.UnixNano(), b.packet.Time.UnixNano()) })
	return packets
}

// PacketNumbers are those that packets have in capture.pcapng, from 1, by run,
// by side and by the packet's place at its tap.
func PacketNumbers(evidence []Evidence) [][2][]int {
	numbers := make([][2][]int, len(evidence))
	for i := range evidence {
		for side := range numbers[i] {
			numbers[i][side] = make([]int, len(evidence[i].Taps[side].Packets))
		}
	}
	for i, t := range inOrder(evidence) {
		numbers[t.iface/2][t.iface%2][t.index] = i + 1
	}
	return numbers
}

// writeCapture writes every tap as an interface of one file, all packets in
// the order of time, each with its event and its fate as its comment.
func writeCapture(w io.Writer, r *Result, evidence []Evidence) error {
	p, err := pcapng.NewWriter(w, pcapng.Section{
		Application: "rawlab lab run " + r.Lab,
		Comment:     fmt.Sprintf("seed %d", r.Seed),
	})
	if err != nil {
		return err
	}
	for _, e := range evidence {
		for _, host := range []string{"client", "server"} {
			name := host + "-" + strings.ReplaceAll(e.Name(), " ", "-")
			_, err := p.AddInterface(pcapng.Interface{
				Name: name, Description: "eth0 of the " + host + " host", LinkType: dissect.LinkEthernet, SnapLen: 1 << 18,
			})
			if err != nil {
				return err
			}
		}
	}
	for _, t := range inOrder(evidence) {
		if err := p.WritePacket(t.record()); err != nil {
			return err
		}
	}
	return p.Flush()
}

func tappedBy(e *Evidence, side, id int) []tapped {
	list := make([]tapped, len(e.Taps[side].Packets))
	for i := range list {
		list[i] = tapped{packet: &e.Taps[side].Packets[i], iface: id, index: i}
		if notes := e.Ledger.Notes[side]; i < len(notes) {
			list[i].note = notes[i]
		}
	}
	return list
}

// Directions in the flags of an enhanced packet block.
const (
	inbound  = 1
	outbound = 2
)

func (t *tapped) record() *pcapng.Packet {
	p := &pcapng.Packet{Interface: t.iface, Time: t.packet.Time, Data: t.packet.Data, Length: len(t.packet.Data) + t.packet.Cut, Flags: inbound}
	if t.packet.Outgoing {
		p.Flags = outbound
	}
	if t.note != "" {
		p.Comments = []string{t.note}
	}
	return p
}
