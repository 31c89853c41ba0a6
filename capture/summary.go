package capture

import (
	"fmt"
	"net/netip"
	"strconv"

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
	link    uint16 // of the packet before
	parser  *dissect.Parser
	parsers map[uint16]*dissect.Parser
	frames  []framing.Frame
	detail  []byte
}

// Summarize reads one packet of a link type. Frames of our protocol are told
// where they start with the payload; one that goes on from an earlier TCP
// segment needs the stream put together, which package dissect does. The
// frames alias the packet, and are valid until the next call.
func (s *Summarizer) Summarize(p *Packet, linkType uint16) Summary {
	if s.parser == nil || linkType != s.link {
		s.turnTo(linkType)
	}
	h, err := s.parser.Parse(p.Data)
	sum := Summary{Source: h.Src, Target: h.Dst, Protocol: h.Protocol.String(), Length: p.Length, Payload: h.PayloadLength}
	s.detail = s.detail[:0]
	if h.Protocol == dissect.TCP && !(h.Fragment && h.FragmentOffset > 0) {
		s.tcpDetail(&h)
	}
	if h.Fragment {
		s.fragmentDetail(&h)
	}
	if err != nil {
		s.detail = append(s.separated(), err.Error()...)
	} else if !h.Fragment {
		sum.Frames = s.framesOf(&h)
	}
	sum.Detail = string(s.detail)
	return sum
}

// turnTo takes the parser of a link type.
func (s *Summarizer) turnTo(linkType uint16) {
	if s.parsers == nil {
		s.parsers = make(map[uint16]*dissect.Parser)
	}
	if s.parsers[linkType] == nil {
		s.parsers[linkType] = dissect.NewParser(linkType)
	}
	s.link, s.parser = linkType, s.parsers[linkType]
}

// separated returns the detail so far, for another to be appended.
func (s *Summarizer) separated() []byte {
	if len(s.detail) == 0 {
		return s.detail
	}
	return append(s.detail, ", "...)
}

func (s *Summarizer) tcpDetail(h *dissect.Headers) {
	b := append(s.separated(), '[')
	start := len(b)
	for _, f := range [...]struct {
		set  bool
		name string
	}{{h.SYN, "SYN"}, {h.FIN, "FIN"}, {h.RST, "RST"}, {h.PSH, "PSH"}, {h.ACK, "ACK"}} {
		if f.set && len(b) > start {
			b = append(b, ' ')
		}
		if f.set {
			b = append(b, f.name...)
		}
	}
	b = strconv.AppendUint(append(b, "] seq "...), uint64(h.Seq), 10)
	s.detail = strconv.AppendUint(append(b, " ack "...), uint64(h.Ack), 10)
}

func (s *Summarizer) fragmentDetail(h *dissect.Headers) {
	more := "the last"
	if h.More {
		more = "more follow"
	}
	s.detail = fmt.Appendf(s.separated(), "fragment of %d at byte %d, %s", h.ID, h.FragmentOffset, more)
}

// framesOf returns the whole frames at the start of a payload. On UDP each
// must have its checksum (package framing demands it); on TCP bytes of
// another protocol are no frame unless they look like one in every field.
func (s *Summarizer) framesOf(h *dissect.Headers) []framing.Frame {
	s.frames = s.frames[:0]
	switch h.Protocol {
	case dissect.UDP:
		for f, err := range framing.Unpack(h.Payload) {
			if err != nil {
				break
			}
			s.frames = append(s.frames, f)
		}
	case dissect.TCP:
		for b := h.Payload; ; {
			f, n, err := framing.Parse(b, framing.DefaultLimit)
			if err != nil {
				break
			}
			s.frames, b = append(s.frames, f), b[n:]
		}
	}
	return s.frames
}
