package command

import (
	"fmt"
	"io"

	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
	"rawlab/capture/tcpflow"
)

// captureScan reads a capture file packet by packet and follows the TCP flows
// of each interface. It keeps no packet.
type captureScan struct {
	name       string
	interfaces []pcapng.Interface
	taps       []*scanTap
	packets    int
	err        error // why the file could not be read to its end
}

// scanTap is one interface of the file.
type scanTap struct {
	parser   *dissect.Parser
	analyzer *tcpflow.Analyzer
	done     []tcpflow.Flow // given up by the analyzer
	excess   int            // those that there was no room for
}

// maxDoneFlows bounds the flows of an interface that are told after the
// analyzer gave them up, about 800 bytes each.
const maxDoneFlows = 1 << 16

// seenPacket is one packet as a scan comes by it; it is valid until the next.
type seenPacket struct {
	pcapng.Packet
	number   int
	link     uint16
	headers  dissect.Headers
	readable bool
	segment  tcpflow.Segment
	tcp      bool // segment holds one
}

// way is the packet's direction at its tap.
func (p *seenPacket) way() tcpflow.Way {
	switch p.Flags & pcapng.FlagDirection {
	case pcapng.FlagInbound:
		return tcpflow.In
	case pcapng.FlagOutbound:
		return tcpflow.Out
	}
	return tcpflow.WayUnknown
}

// scanCapture reads a file from its beginning; visit may end the reading. As
// with the index, a file that ends early is no error of its own.
func scanCapture(name string, file io.ReadSeeker, visit func(*seenPacket) (more bool)) (*captureScan, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r, err := pcapng.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	x := &captureScan{name: name}
	for more := true; more; {
		p := seenPacket{}
		if p.Packet, err = r.Next(); err != nil {
			if err != io.EOF {
				x.err = fmt.Errorf("%s: %w", name, err)
			}
			break
		}
		x.interfaces = r.Interfaces()
		x.packets++
		p.number = x.packets
		x.read(&p)
		more = visit(&p)
	}
	return x, nil
}

// read fills in what the packet's headers say and what its segment means.
func (x *captureScan) read(p *seenPacket) {
	for len(x.taps) <= p.Interface {
		t := &scanTap{parser: dissect.NewParser(x.interfaces[len(x.taps)].LinkType)}
		t.analyzer = tcpflow.NewAnalyzer(&tcpflow.Options{Done: t.keep})
		x.taps = append(x.taps, t)
	}
	t := x.taps[p.Interface]
	p.link = x.interfaces[p.Interface].LinkType
	h, err := t.parser.Parse(p.Data)
	p.headers, p.readable = h, err == nil
	if p.readable {
		p.segment, p.tcp = t.analyzer.Add(p.number, p.Time, p.way(), &p.headers, p.Data)
	}
}

func (t *scanTap) keep(f tcpflow.Flow) {
	if len(t.done) == maxDoneFlows {
		t.excess++
		return
	}
	t.done = append(t.done, f)
}

// flows are those of one interface, in order of appearance.
func (t *scanTap) flows() []tcpflow.Flow { return append(t.done, t.analyzer.Flows()...) }
