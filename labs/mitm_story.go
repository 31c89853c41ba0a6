package labs

import (
	"fmt"
	"strings"
	"time"

	"rawlab/labs/report"
)

// viewsTable shows what each run gives away.
func viewsTable(views []view) string {
	var b strings.Builder
	line := func(name string, cell func(*view) string) {
		fmt.Fprintf(&b, "%-32s", name)
		for i := range views {
			fmt.Fprintf(&b, " %11s", cell(&views[i]))
		}
		b.WriteString("\n")
	}
	encrypted := func(v *view, yes bool) string {
		switch {
		case strings.HasSuffix(v.name, " plain"):
			return "–"
		case yes:
			return "yes"
		}
		return "no"
	}
	line("seen from the middle", func(v *view) string { return v.name })
	line("  addresses and ports", func(v *view) string { return count(v.flows, "pair") })
	line("  packets", func(v *view) string { return report.Count(v.packets) })
	line("    the topic, times", func(v *view) string { return report.Count(v.topic) })
	line("    one of the words, times", func(v *view) string { return report.Count(v.words) })
	line("  the name asked for (SNI)", func(v *view) string { return encrypted(v, v.asked) })
	line("  the certificate's name", func(v *view) string { return encrypted(v, v.shown) })
	line("  events, counted", func(v *view) string { return report.Count(len(v.pieces)) })
	line("    of so many bytes", func(v *view) string { return fmt.Sprintf("%d or %d", v.sizes[0], v.sizes[1]) })
	line("    told apart by their size", func(v *view) string { return report.Count(v.right) })
	line("  their rhythm off by at most", func(v *view) string { return report.Milliseconds(float64(v.skew) / float64(time.Microsecond)) })
	return b.String()
}

func viewChecks(out *Outcome, views []view) []report.Check {
	var checks []report.Check
	for i := range views {
		v := &views[i]
		checks = append(checks, completeCheck(&out.Result.Runs[i]))
		if out.Evidence[i].Variant == "plain" {
			checks = append(checks, check(v.topic >= v.emitted && v.words >= v.emitted, fmt.Sprintf("%s: topic and words stand in the packets for everybody to read", v.name),
				"the topic %d times, a word %d times, for %d events", v.topic, v.words, v.emitted))
			continue
		}
		checks = append(checks,
			check(v.topic == 0 && v.words == 0, fmt.Sprintf("%s: neither topic nor words stand in any packet", v.name), "in %d packets the topic %d times, a word %d times", v.packets, v.topic, v.words),
			sizesCheck(v),
			check(v.asked, fmt.Sprintf("%s: the name of the server that the clients ask for can be read", v.name), "read: %v", v.asked))
	}
	tls, dtls := &views[1], &views[3]
	return append(checks, check(!tls.shown && dtls.shown, "TLS 1.3 hides the server's certificate, DTLS 1.2 does not", "its name read over TLS: %v, over DTLS: %v", tls.shown, dtls.shown))
}

// sizesCheck holds what the sizes of records tell. A record with several
// events, whose emitter was late, may be as long as one with others.
func sizesCheck(v *view) report.Check {
	if v.joined == 0 {
		return check(len(v.pieces) == v.emitted && v.right == v.emitted, fmt.Sprintf("%s: sizes alone tell how many events there were, and which word each was", v.name),
			"%d of %d counted, %d told right", len(v.pieces), v.emitted, v.right)
	}
	off := len(v.pieces) - v.emitted
	return check(max(off, -off) <= v.joined, fmt.Sprintf("%s: sizes alone tell how many events there were, but for those that shared a record", v.name),
		"%d of %d counted, %d of them shared a record", len(v.pieces), v.emitted, v.joined)
}

func viewStory(o *Options, r *report.Result, views []view) []string {
	plain, tls, bare, dtls := &views[0], &views[1], &views[2], &views[3]
	between := time.Duration(float64(time.Second) / o.Pace)
	return []string{
		fmt.Sprintf("In plain, who looks at the wire reads along: the topic %q stood there %d times over TCP and %d over UDP, one of the words %d and %d times. Each event passes twice, to the server and on to the subscriber.",
			secretTopic, plain.topic, bare.topic, plain.words, bare.words),
		fmt.Sprintf("With TLS and DTLS the same search of %s and %s packets finds the topic %d times and the words %d times. What is left is what the network needs to do its work, and what nobody thought of hiding: who talks to whom (%s of addresses and ports), and, in the first packet, the name of the server that the clients want, %s. DTLS 1.2 also shows the server's certificate%s.",
			report.Count(tls.packets), report.Count(dtls.packets), tls.topic+dtls.topic, tls.words+dtls.words, count(tls.flows, "pair"), serverName, map[bool]string{true: "; TLS 1.3 encrypts it", false: ""}[!tls.shown]),
		fmt.Sprintf("Encryption does not change how long something is, but for a constant. The emitter's records were of %d or %d bytes over TLS, %d or %d over DTLS: %d apart, as the two words are (%d and %d bytes). So who looks on counted %d and %d events of %d, and knew of %d and %d of them which word it was, without a key%s. Padding would hide that (RFC 8446, section 5.4), for bytes.",
			tls.sizes[0], tls.sizes[1], dtls.sizes[0], dtls.sizes[1], tls.sizes[1]-tls.sizes[0], len(shortWord), len(longWord), len(tls.pieces), len(dtls.pieces), tls.emitted, tls.right, dtls.right, sharedRecords(tls.joined)),
		fmt.Sprintf("And when: the application emitted every %v, and the records' rhythm was off that by %s at most over TLS, %s over DTLS. Rhythm tells a person who types from a machine that measures.",
			between, report.Milliseconds(float64(tls.skew)/float64(time.Microsecond)), report.Milliseconds(float64(dtls.skew)/float64(time.Microsecond))),
		fmt.Sprintf("It cost %s packets instead of %s over TCP, and %s instead of %s over UDP; for each byte of payload %s bytes on the wire instead of %s, and %s instead of %s.",
			report.Count(r.Runs[1].Packets), report.Count(r.Runs[0].Packets), report.Count(r.Runs[3].Packets), report.Count(r.Runs[2].Packets),
			overhead(&r.Runs[1]), overhead(&r.Runs[0]), overhead(&r.Runs[3]), overhead(&r.Runs[2])),
	}
}

// sharedRecords says what the size of a record with several events tells.
func sharedRecords(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d of TLS's had left together, since their emitter was late: how many of either word, the size still says, not in which order)", n)
}

// overhead is the bytes on the wire for a byte of payload.
func overhead(u *report.Run) string {
	o, _ := u.Overhead()
	return fmt.Sprintf("%.1f", o)
}
