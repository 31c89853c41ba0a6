package labs

import (
	"fmt"
	"strings"

	"rawlab/capture/account"
	"rawlab/labs/report"
)

// lossStory says what happened and why, in this run's numbers.
func lossStory(o *Options, out *Outcome) []string {
	var story []string
	udp, ledger := out.over("udp")
	switch {
	case udp == nil:
	case udp.OnRung():
		story = append(story, rungStory(o, udp))
	default:
		story = append(story, udpStory(udp, ledger))
	}
	tcp, ledger := out.over("tcp")
	if tcp == nil {
		return story
	}
	story = append(story, tcpStory(tcp, ledger, udp))
	if behind := behindStory(o, out.Result, tcp); behind != "" {
		story = append(story, behind)
	}
	return story
}

// udpStory tells what UDP lost, and where.
func udpStory(u *report.Run, l *account.Ledger) string {
	lost := u.Emitted - u.Delivered
	if lost == 0 {
		return "UDP delivered every event, since nothing on their way lost a datagram."
	}
	var text strings.Builder
	text.WriteString(fmt.Sprintf("UDP lost %s of %s events (%s) for good: nobody sends a lost datagram again.",
		report.Count(lost), report.Count(u.Emitted), report.Share(lost, u.Emitted)))
	if u.Fates[string(account.WireLoss)] > 0 {
		text.WriteString(fmt.Sprintf(" Each event crosses the wire twice, to the server and on to the subscriber; the wire took %s on the way there and %s on the way back.",
			report.Count(l.LostOn[account.ToServer]), report.Count(l.LostOn[account.ToSubscriber])))
	}
	return text.String() + lossReasons(u)
}

// lossReasons tell what else than the wire's loss took events.
func lossReasons(u *report.Run) string {
	var text strings.Builder
	for _, f := range account.Fates {
		if n := u.Fates[string(f)]; n > 0 && f != account.WireLoss {
			fmt.Fprintf(&text, " %s: %s.", report.FateReasons[f], report.Count(n))
		}
	}
	return text.String()
}

// tcpStory tells what it cost TCP to deliver, and how that compares with UDP,
// where there is such a run.
func tcpStory(tcp *report.Run, l *account.Ledger, udp *report.Run) string {
	text := fmt.Sprintf("TCP delivered %s of %s", report.Count(tcp.Delivered), report.Count(tcp.Emitted))
	switch {
	case l.Lost == 0:
		text += ", and the wire lost none of its packets."
	case tcp.Retransmits > 0:
		text += fmt.Sprintf(": its hosts sent %s segments again, and what came behind a lost one had to wait for it.", report.Count(tcp.Retransmits))
		if l := tcp.InLineUS; l != nil {
			text += fmt.Sprintf(" %s events stood in line so, although all of their own bytes had come: half of them for %s or more, one in a hundred for %s or more (head-of-line blocking).",
				report.Count(tcp.InLine), report.Milliseconds(l.P50), report.Milliseconds(l.P99))
		}
	default:
		text += ": of its packets the wire took only acknowledgements, which later ones made good."
	}
	if tcp.LatencyUS == nil || udp == nil || udp.LatencyUS == nil {
		return text
	}
	text += fmt.Sprintf(" One event in a hundred took %s or more over TCP, and %s or more over UDP, ",
		report.Milliseconds(tcp.LatencyUS.P99), report.Milliseconds(udp.LatencyUS.P99))
	if udp.OnRung() {
		return text + "where it depends on the rung what has to wait for a lost datagram: with ack, all that came behind it."
	}
	return text + "where nothing waits for what was lost."
}

// behindStory tells why TCP's events waited at the emitter, if they did.
func behindStory(o *Options, r *report.Result, tcp *report.Run) string {
	if !behind(tcp) {
		return ""
	}
	why := r.Scenario.CongestionControl + " takes loss for congestion and slows down"
	switch {
	case o.ReaderDelay.Seconds()*o.Pace > 1:
		why = "the subscriber reads more slowly than that, its window closes, and the emitter is made to wait"
	case o.limited():
		why = "that is more than the wire's rate lets through"
	}
	return fmt.Sprintf("TCP fell behind the pace of %g events per second: %s. Half of the events took %s or more.",
		o.Pace, why, report.Milliseconds(tcp.LatencyUS.P50))
}

// limited tells whether either direction has a rate.
func (o *Options) limited() bool {
	i := o.impairments()
	return i[0].Rate > 0 || i[1].Rate > 0
}
