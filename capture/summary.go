package capture

import (
	"fmt"
	"net/netip"
	"strings"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// Summary is what one line tells of a packet.
type Summary struct {
	Source, Target netip.AddrPort // not valid where there is none; port 0 as well
	Protocol       string         // "udp", "tcp", "icmp", "icmpv6", "arp", "other"
	Detail         string         // TCP flags and numbers, fragments, or what could not be read
	Length         int            // bytes on the interface
	Payload        int            // bytes that TCP or UDP carries
	Frames         []framing.Frame
}

// Summarizer reads packets for their summaries. It is not safe for
// concurrent use.
type Summarizer struct {
	parsers map[uint16]*dissect.Parser
}

// Summarize reads one packet of a link type. Frames of our protocol are told
// where they start with the payload; one that goes on from an earlier TCP
// segment needs the stream put together, which package dissect does. The
// frames alias the packet.
func (s *Summarizer) Summarize(p *Packet, linkType uint16) Summary {
	parser := s.parsers[linkType]
	if parser == nil {
		parser = dissect.NewParser(linkType)
		if s.parsers == nil {
			s.parsers = make(map[uint16]*dissect.Parser)
		}
		s.parsers[linkType] = parser
	}
	h, err := parser.Parse(p.Data)
	sum := Summary{Source: h.Src, Target: h.Dst, Protocol: h.Protocol.String(), Length: p.Length, Payload: h.PayloadLength}
	var details []string
	if h.Protocol == dissect.TCP && !(h.Fragment && h.FragmentOffset > 0) {
		details = append(details, tcpDetail(&h))
	}
	if h.Fragment {
		details = append(details, fragmentDetail(&h))
	}
	if err != nil {
		details = append(details, err.Error())
	} else if !h.Fragment {
		sum.Frames = framesOf(&h)
	}
	sum.Detail = strings.Join(details, ", ")
	return sum
}

func tcpDetail(h *dissect.Headers) string {
	var flags []string
	for _, f := range []struct {
		set  bool
		name string
	}{{h.SYN, "SYN"}, {h.FIN, "FIN"}, {h.RST, "RST"}, {h.PSH, "PSH"}, {h.ACK, "ACK"}} {
		if f.set {
			flags = append(flags, f.name)
		}
	}
	return fmt.Sprintf("[%s] seq %d ack %d", strings.Join(flags, " "), h.Seq, h.Ack)
}

func fragmentDetail(h *dissect.Headers) string {
	more := "the last"
	if h.More {
		more = "more follow"
	}
	return fmt.Sprintf("fragment of %d at byte %d, %s", h.ID, h.FragmentOffset, more)
}

// framesOf returns the whole frames at the start of a payload. On UDP each
// must have its checksum (package framing demands it); on TCP bytes of
// another protocol are no frame unless they look like one in every field.
func framesOf(h *dissect.Headers) []framing.Frame {
	var frames []framing.Frame
	switch h.Protocol {
	case dissect.UDP:
		for f, err := range framing.Unpack(h.Payload) {
			if err != nil {
				break
			}
			frames = append(frames, f)
		}
	case dissect.TCP:
		for b := h.Payload; ; {
			f, n, err := framing.Parse(b, framing.DefaultLimit)
			if err != nil {
				break
			}
			frames, b = append(frames, f), b[n:]
		}
	}
	return frames
}
