package labs

import (
	"fmt"
	"time"

	"rawlab/capture/account"
	"rawlab/labs/report"
)

// rungChecks hold a run on a rung against what the rung promises, and both
// ends' own counts against the wire's.
func rungChecks(o *Options, u *report.Run, l *account.Ledger, complete bool) []report.Check {
	lost := u.Emitted - u.Delivered
	first := report.Check{
		Claim: fmt.Sprintf("%s delivers every event exactly once, though the wire takes datagrams", title(u)),
		Measured: fmt.Sprintf("%s of %s, %d twice; of the datagrams with events %s were lost, and %s sent again",
			report.Count(u.Delivered), report.Count(u.Emitted), u.Duplicates, report.Count(u.LostCarriers), report.Count(u.Retransmits)),
		Held: lost == 0 && u.Duplicates == 0,
	}
	switch {
	case complete:
	case o.plainLoss():
		first.Claim = fmt.Sprintf("%s delivers no event twice, and loses fewer to the wire than it hits", title(u))
		first.Held = u.Duplicates == 0 && u.Fates[string(account.WireLoss)] < max(1, u.WireHit)
	default:
		first.Claim = fmt.Sprintf("%s delivers no event twice", title(u))
		first.Held = u.Duplicates == 0
	}
	checks := []report.Check{first, {
		Claim:    fmt.Sprintf("the datagrams that carried events again are those that both ends of %s count", title(u)),
		Measured: fmt.Sprintf("%s on the wire, %s counted", report.Count(u.Retransmits), report.Count(l.ToldRetransmits)),
		Held:     int64(u.Retransmits) == l.ToldRetransmits,
	}}
	if o.plainLoss() {
		checks = append(checks, hitCheck(o, u, l.Shared))
	}
	return checks
}

// title is a run's name as sentences have it.
func title(u *report.Run) string { return "UDP with " + u.Reliability }

// hitCheck holds the events that the wire hit against its loss. They are the
// same on every rung, as long as none share a datagram; those that do are hit
// together.
func hitCheck(o *Options, u *report.Run, shared int) report.Check {
	low, high := o.expectedHits(u.Emitted, float64(max(1, shared)))
	return report.Check{
		Claim:    fmt.Sprintf("the wire hits as many events as two crossings with %s loss do, whether they are delivered or not", o.lossWords()),
		Measured: fmt.Sprintf("%s events, expected %s to %s", report.Count(u.WireHit), report.Count(low), report.Count(high)),
		Held:     u.WireHit >= low && u.WireHit <= high,
	}
}

// rungStory tells what it cost a rung to make good what the wire took.
func rungStory(o *Options, u *report.Run) string {
	lost := u.Emitted - u.Delivered
	text := fmt.Sprintf("The wire took %s of the datagrams in which %s carried events", report.Count(u.LostCarriers), title(u))
	switch {
	case u.LostCarriers == 0:
		text = fmt.Sprintf("The wire took none of the datagrams in which %s carried events", title(u))
	case u.Retransmits > 0:
		text += fmt.Sprintf("; datagrams were sent again %s times", report.Count(u.Retransmits))
	}
	if lost == 0 {
		text += ". Every event was delivered."
	} else {
		text += fmt.Sprintf(". %s of %s events (%s) were lost all the same.", report.Count(lost), report.Count(u.Emitted), report.Share(lost, u.Emitted))
	}
	text += lossReasons(u)
	if behind(u) && o.ReaderDelay.Seconds()*o.Pace <= 1 && !o.limited() {
		text += fmt.Sprintf(" It fell behind the pace of %g events per second, and half of the events took %s or more: they waited for those before them, or for a window.",
			o.Pace, report.Milliseconds(u.LatencyUS.P50))
	}
	return text
}

// behind tells whether events waited at the emitter rather than on the way.
func behind(u *report.Run) bool {
	return u.LatencyUS != nil && u.LatencyUS.P50 >= float64(time.Second.Microseconds())
}
