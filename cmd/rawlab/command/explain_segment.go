package command

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"rawlab/capture/dissect"
	"rawlab/capture/tcpflow"
)

// words tells what a rung's packet is, in pieces of which each may begin a
// line. ports says whether they must be told, too.
func (r *ladderRung) words(ports bool) []string {
	var w []string
	if r.sample != nil {
		return r.sample.words()
	}
	if ports && r.src.Port() != 0 {
		w = append(w, fmt.Sprintf("%d > %d", r.src.Port(), r.dst.Port()))
	}
	switch {
	case r.segment != nil:
		w = append(w, segmentWords(r.segment)...)
		if r.arrival != nil && r.arrival != r.segment {
			w = append(w, receiverWords(r.arrival)...)
		}
	case r.fragment:
		w = append(w, fmt.Sprintf("%v fragment, %s", r.protocol, count(r.length, "byte")))
	default:
		w = append(w, fmt.Sprintf("%v, %s", r.protocol, count(r.length, "byte")))
	}
	return append(w, r.events...)
}

// segmentWords tells what a segment says and what it means.
func segmentWords(s *tcpflow.Segment) []string {
	var head []string
	for _, f := range []struct {
		on   bool
		name string
	}{{s.SYN, "SYN"}, {s.FIN, "FIN"}, {s.RST, "RST"}} {
		if f.on {
			head = append(head, f.name)
		}
	}
	switch {
	case s.Length > 0:
		head = append(head, fmt.Sprintf("seq %d–%d", s.Seq, s.Seq+int64(s.Length)-1))
	case s.SYN || s.FIN || s.RST:
		head = append(head, fmt.Sprintf("seq %d", s.Seq))
	}
	if s.ACK {
		head = append(head, fmt.Sprintf("ack %d", s.Ack))
	}
	w := []string{strings.Join(head, " ")}
	if s.Again != tcpflow.AgainNo {
		w = append(w, againWords(s.Again, s.Since))
	}
	if s.DuplicateAck > 0 {
		w = append(w, fmt.Sprintf("dup ack %d", s.DuplicateAck))
	}
	for _, b := range s.SACK {
		w = append(w, fmt.Sprintf("SACK %d–%d", b.From, b.To-1))
	}
	for _, f := range []struct {
		on   bool
		text string
	}{
		{s.DSACK, "came twice (DSACK)"}, {s.ZeroWindow, "zero window"}, {s.WindowUpdate, fmt.Sprintf("window update to %d", s.Window)},
		{s.WindowProbe, "window probe"}, {s.KeepAlive, "keep-alive"},
		{s.NagleWait > 0, fmt.Sprintf("Nagle wait, at most %s", shortTime(s.NagleWait))},
	} {
		if f.on {
			w = append(w, f.text)
		}
	}
	return append(w, receiverWords(s)...)
}

// receiverWords tells what a segment meant where it came.
func receiverWords(s *tcpflow.Segment) []string {
	var w []string
	if s.DelayedAck > 0 {
		w = append(w, fmt.Sprintf("delayed ack, %s", shortTime(s.DelayedAck)))
	}
	for _, f := range []struct {
		on   bool
		text string
	}{
		{s.BeyondHole, "beyond a hole"}, {s.FillsHole, "fills a hole"},
		{s.DuplicateHit, "nothing new"}, {s.Damaged, "bad checksum"},
	} {
		if f.on {
			w = append(w, f.text)
		}
	}
	return w
}

// againWords tells why bytes were sent again, and how long after the last time.
func againWords(a tcpflow.Again, since time.Duration) string {
	why := a.String()
	if a == tcpflow.AgainUnknown {
		why = "reason unknown"
	}
	text := "sent again: " + why
	if since > 0 {
		text += ", after " + shortTime(since)
	}
	return text
}

// shortTime writes a span of time in three or four digits.
func shortTime(d time.Duration) string {
	switch {
	case d.Abs() >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d.Abs() >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d.Abs() >= 100*time.Millisecond:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
	case d.Abs() >= 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	case d.Abs() >= time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.0f µs", d.Seconds()*1e6)
}

// pillars are the hosts of a ladder, from left to right; the first packet's
// sender is the first. Where both ends of packets have one address, as on
// loopback, each port is a host of its own.
type pillars struct {
	names  []string
	at     map[netip.AddrPort]int
	byPort bool
	ports  bool // there are several flows: packets tell their ports
	hidden int  // packets between hosts for which there was no room
}

// maxPillars is how many hosts fit beside each other.
const maxPillars = 8

func findPillars(rungs []*ladderRung) *pillars {
	p := &pillars{at: map[netip.AddrPort]int{}}
	flows := map[route]bool{}
	portless := false
	for _, r := range rungs {
		portless = portless || r.src.Port() == 0
		p.byPort = p.byPort || r.src.Addr() == r.dst.Addr()
		a, b := r.src, r.dst
		if b.Compare(a) < 0 {
			a, b = b, a
		}
		if r.protocol == dissect.TCP || r.protocol == dissect.UDP {
			flows[route{a, b}] = true
		}
	}
	p.ports = (len(flows) > 1 || portless) && !p.byPort
	for _, r := range rungs {
		for _, end := range [2]netip.AddrPort{r.src, r.dst} {
			key := p.key(end)
			if _, known := p.at[key]; known || len(p.names) == maxPillars {
				continue
			}
			p.at[key] = len(p.names)
			name := key.String()
			if p.ports {
				name = key.Addr().String()
			}
			p.names = append(p.names, name)
		}
	}
	return p
}

// key names the pillar of an end: with its port if there is but one flow.
func (p *pillars) key(end netip.AddrPort) netip.AddrPort {
	if p.byPort || !p.ports {
		return end
	}
	return netip.AddrPortFrom(end.Addr(), 0)
}

// between returns the pillars that a rung goes between.
func (p *pillars) between(r *ladderRung) (from, to int, ok bool) {
	from, known := p.at[p.key(r.src)]
	to, ok = p.at[p.key(r.dst)]
	return from, to, known && ok
}
