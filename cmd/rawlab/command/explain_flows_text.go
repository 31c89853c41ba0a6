package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"rawlab/capture/pcapng"
	"rawlab/capture/tcpflow"
	"rawlab/labs/report"
)

// flowsOutput is what --flows shows.
type flowsOutput struct {
	scan  *captureScan
	flows []*joinedFlow
	waits *streamWaits
}

func (o *flowsOutput) print(p *explainPrinter) error {
	for i, j := range o.flows {
		if i > 0 {
			p.line("")
		}
		p.line("%s", p.bold(fmt.Sprintf("tcp %v > %v", j.client(), j.server())))
		var taps []string
		for _, v := range j.views {
			taps = append(taps, fmt.Sprintf("%s at %s", count(v.Packets, "packet"), placeName(o.scan.interfaces, v.iface)))
		}
		p.wrapped("  ", fmt.Sprintf("%s; from %s UTC, %s", strings.Join(taps, ", "), j.first().UTC().Format("2006-01-02 15:04:05.000000"), duration(j.last().Sub(j.first()))))
		o.printDirection(p, j, true)
		o.printDirection(p, j, false)
		if err := p.flush(); err != nil {
			return err
		}
	}
	return nil
}

func (o *flowsOutput) printDirection(p *explainPrinter, j *joinedFlow, toServer bool) {
	d := j.direction(toServer)
	name := "to the server"
	if !toServer {
		name = "to the client"
	}
	p.line("")
	p.line("  %s", p.bold(name))
	entry := func(name, text string) { p.wrapped(fmt.Sprintf("    %-16s", name), text) }
	a := d.any
	entry("sent", fmt.Sprintf("%s with %s of payload, at most %s each%s", count(a.Segments, "segment"), count(int(a.Bytes), "byte"), report.Count(a.Largest), allowed(a.MSS)))
	entry("sent again", d.againText())
	if rtt := &a.RTT; d.sent != nil && rtt.Samples > 0 {
		entry("round trips", fmt.Sprintf("min %s, mean %s, max %s; SRTT at the end %s ± %s (%s)",
			shortTime(rtt.Min), shortTime(rtt.Mean()), shortTime(rtt.Max), shortTime(rtt.Smoothed), shortTime(rtt.Variation), count(rtt.Samples, "sample")))
	} else {
		entry("round trips", "unknown: "+d.unheard())
	}
	entry("window", windowText(a))
	entry("answers", fmt.Sprintf("%s, %s, %s of things that came twice (DSACK)",
		count(a.DuplicateAcks, "duplicate ack"), count(a.SACKBlocks, "SACK block"), count(a.DSACKs, "report")))
	entry("Nagle waits", d.nagleText())
	entry("delayed acks", d.delayedText())
	entry("out of order", d.holesText())
	entry("in line", o.lineText(d))
	for _, text := range j.sampleTexts(d) {
		entry("TCP_INFO", text)
	}
}

func allowed(mss int) string {
	if mss == 0 {
		return ""
	}
	return fmt.Sprintf(" (the receiver allows %s)", report.Count(mss))
}

// unheard says why what the sender's tap tells is not known.
func (d *flowDirection) unheard() string {
	if d.any.Tap == tcpflow.PlaceUnknown {
		return "the file does not say which packets left where it was captured"
	}
	return "there is no tap at the sender"
}

func (d *flowDirection) againText() string {
	n := d.any.Retransmissions()
	if d.sent == nil {
		return fmt.Sprintf("%s twice; why is unknown: %s", count(n, "segment seen"), d.unheard())
	}
	var kinds []string
	for k := tcpflow.AgainUnknown; int(k) < len(d.sent.Again); k++ {
		if c := d.sent.Again[k]; c > 0 {
			kinds = append(kinds, report.Count(c)+glue+strings.ReplaceAll(k.String(), " ", glue))
		}
	}
	if n == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%s: %s", count(n, "segment"), strings.Join(kinds, ", "))
}

func windowText(a *tcpflow.Direction) string {
	text := fmt.Sprintf("offered %s to %s bytes", report.Count(a.LeastWindow), report.Count(a.MostWindow))
	if !a.Scaled {
		text += " (before scaling: the opening was not captured)"
	}
	if a.ZeroWindows.Count == 0 && a.Probes == 0 {
		return text + ", never none"
	}
	return text + fmt.Sprintf("; none %s, %s in all, at most %s, %s", times(a.ZeroWindows.Count),
		shortTime(a.ZeroWindows.Total), shortTime(a.ZeroWindows.Longest), count(a.Probes, "probe"))
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return report.Count(n) + " times"
}

func (d *flowDirection) nagleText() string {
	switch {
	case d.sent == nil:
		return "unknown: " + d.unheard()
	case d.sent.NagleOff:
		return "none: small segments left while others were unacknowledged (TCP_NODELAY)"
	case d.sent.Nagle.Count == 0:
		return "none seen"
	}
	return waitsText(&d.sent.Nagle, "segment", "at most ")
}

func (d *flowDirection) delayedText() string {
	switch {
	case d.came == nil && d.any.Tap == tcpflow.PlaceUnknown:
		return "unknown: " + d.unheard()
	case d.came == nil:
		return "unknown: there is no tap at the receiver"
	case d.came.DelayedAcks.Count == 0:
		return "none of 20 ms or more"
	}
	return waitsText(&d.came.DelayedAcks, "acknowledgement", "")
}

func (d *flowDirection) holesText() string {
	if d.came == nil {
		return "unknown: there is no tap at the receiver"
	}
	c := d.came
	if c.BeyondHole+c.FilledHoles+c.DuplicateHits == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%s came before something sent earlier, %s filled a hole, %s brought nothing new; the stream stood still %s, %s in all, at most %s",
		count(c.BeyondHole, "segment"), report.Count(c.FilledHoles), report.Count(c.DuplicateHits), times(c.Holes.Count), shortTime(c.Holes.Total), shortTime(c.Holes.Longest))
}

// lineText tells of events that waited for what was before them in the
// stream: head-of-line blocking.
func (o *flowsOutput) lineText(d *flowDirection) string {
	if d.came == nil {
		return "unknown: there is no tap at the receiver"
	}
	k := waitKey{d.cameAt, route{d.src, d.dst}}
	n, w := o.waits.all[k], o.waits.by[k]
	switch {
	case n == 0:
		return "no events"
	case w.Count == 0:
		return fmt.Sprintf("none of %s waited behind earlier bytes", count(n, "event"))
	}
	return fmt.Sprintf("%s of %s waited behind earlier bytes, mean %s, at most %s (head-of-line blocking)",
		report.Count(w.Count), count(n, "event"), shortTime(w.Total/time.Duration(w.Count)), shortTime(w.Longest))
}

func waitsText(w *tcpflow.Waits, what, most string) string {
	return fmt.Sprintf("%s, %s%s in all, %s%s the longest", count(w.Count, what), most, shortTime(w.Total), most, shortTime(w.Longest))
}

// sampleTexts sum up the looks at the direction's sender.
func (j *joinedFlow) sampleTexts(d *flowDirection) []string {
	var of []tcpInfoSample
	for _, s := range j.samples {
		if s.local == d.src {
			of = append(of, s)
		}
	}
	if len(of) == 0 {
		return nil
	}
	least, most := int64(-1), int64(0)
	threshold := map[string]bool{}
	low, high := of[0].rtt, of[0].rtt
	for _, s := range of {
		if n, err := strconv.ParseInt(s.cwnd, 10, 64); err == nil {
			if least < 0 || n < least {
				least = n
			}
			most = max(most, n)
		}
		if s.ssthresh != "" {
			threshold[s.ssthresh] = true
		}
		low, high = min(low, s.rtt), max(high, s.rtt)
	}
	last := of[len(of)-1]
	text := fmt.Sprintf("%s at the %s: cwnd %d to %d segments, smoothed round trip %s to %s, sent again %s", count(len(of), "sample"), printable(last.host),
		least, most, shortTime(low), shortTime(high), last.retransmits)
	if len(threshold) > 0 {
		text += fmt.Sprintf(", ssthresh %s at the end", last.ssthresh)
	}
	return []string{text}
}

// placeName names an interface.
func placeName(interfaces []pcapng.Interface, i int) string {
	if name := interfaces[i].Name; name != "" {
		return printable(name)
	}
	return fmt.Sprintf("interface %d", i)
}
