package live

import (
	"fmt"
	"strconv"
	"strings"

	"rawlab/capture"
	"rawlab/labs/report"
)

// list is the pane of packets.
type list struct {
	selected int  // the number of a packet; 0 while there is none
	top      int  // the number of the first one on the screen
	follow   bool // the last packet is always the selected one
	shift    int  // columns of the details that are left of the screen

	summarizer capture.Summarizer
}

// shiftBy is how far an arrow key moves the details.
const shiftBy = 8

// settle puts the selection onto a packet that is shown.
func (l *list) settle(s *store) {
	n := s.shown.len()
	if n == 0 {
		l.selected = 0
		return
	}
	i, exact := s.place(l.selected)
	if l.follow || i == n {
		i = n - 1
	} else if exact {
		return
	}
	l.selected = *s.shown.at(i)
}

// move selects the packet so many rows further down. At the last one it
// follows the capture.
func (l *list) move(s *store, steps int) {
	n := s.shown.len()
	if n == 0 {
		return
	}
	i, _ := s.place(l.selected)
	i = min(max(i+steps, 0), n-1)
	l.selected = *s.shown.at(i)
	l.follow = i == n-1 && steps > 0
}

// window returns which of the shown packets are on a screen of so many rows.
func (l *list) window(s *store, rows int) (from, to int) {
	n := s.shown.len()
	from, _ = s.place(l.top)
	selected, _ := s.place(l.selected)
	from = min(max(from, selected-rows+1), selected, max(n-rows, 0))
	to = min(from+rows, n)
	if from < to {
		l.top = *s.shown.at(from)
	}
	return max(from, 0), max(to, 0)
}

// row is a packet in columns.
type row struct {
	number                                       int
	time, source, target, protocol, length, info string
}

func (l *list) row(s *store, p *packet) row {
	sum := l.summarizer.Summarize(&p.Packet, p.link)
	r := row{
		number: p.number, protocol: sum.Protocol, length: strconv.Itoa(p.Length),
		time: fmt.Sprintf("%.4f", p.Time.Sub(s.first).Seconds()), info: clean(info(p, &sum)),
	}
	if len(s.interfaces) > 1 {
		r.info += clean(" · " + s.interfaces[p.Interface].Name)
	}
	r.source, r.target = ends(p, &sum)
	return r
}

// info tells what a packet carries: its frames, or else what its headers say.
func info(p *packet, sum *capture.Summary) string {
	var said []string
	for i := range p.carried {
		f := p.carried[i].Frame
		text := fmt.Sprintf("%v %d:%d", f.Kind, f.Origin, f.Sequence)
		if f.Topic != "" {
			text += " " + f.Topic
		}
		if part := p.carried[i].Part; part.To-part.From < f.Length {
			text += " (in part)"
		}
		if len(said) == maxInfo {
			said = append(said, fmt.Sprintf("and %s more", report.Count(len(p.carried)-i)))
			break
		}
		said = append(said, text)
	}
	if sum.Detail != "" {
		said = append(said, sum.Detail)
	}
	if len(said) == 0 && sum.Payload > 0 {
		said = append(said, plural(sum.Payload, "byte"))
	}
	for _, c := range p.Comments {
		said = append(said, "# "+fate(c))
	}
	return strings.Join(said, ", ")
}

// fate is what a comment of ours says behind the event, which is told
// already; of others it is all.
func fate(comment string) string {
	named := strings.HasPrefix(comment, "event ") || strings.HasPrefix(comment, "fragment ")
	if _, rest, ok := strings.Cut(comment, "; "); ok && named {
		return rest
	}
	return comment
}

// maxInfo is how many frames a row names.
const maxInfo = 8

// ends returns the addresses of a packet, those of the link if it has no
// others.
func ends(p *packet, sum *capture.Summary) (source, target string) {
	switch {
	case !sum.Source.Addr().IsValid() && p.link == linkEthernet && len(p.Data) >= 12:
		return mac(p.Data[6:12]), mac(p.Data[:6])
	case !sum.Source.Addr().IsValid():
		return "", ""
	case sum.Source.Port() == 0 && sum.Target.Port() == 0:
		return sum.Source.Addr().String(), sum.Target.Addr().String()
	}
	return sum.Source.String(), sum.Target.String()
}
