package labs

import (
	"fmt"
	"strings"
	"time"

	"rawlab/labs/report"
)

// checks hold a run against what its policy and its transport promise.
func (a *absence) checks(u *report.Run) []report.Check {
	offline, down, refused := u.Fates["offline"], u.Fates["wire-loss"], u.Fates["send-refused"]
	var checks []report.Check
	claim, want := "of the subscriber's absence, all %d events are delivered on its return", 0
	if a.ignores() {
		claim, want = "the %d events of the subscriber's absence are gone", a.each
	}
	checks = append(checks, check(offline == want && int(a.receipt.Replayed) == a.each-want && a.receipt.Expired.Len() == 0,
		u.Name()+": "+fmt.Sprintf(claim, a.each), "%d offline, receipt: %d replayed", offline, a.receipt.Replayed))
	switch {
	case a.complete:
		checks = append(checks, check(down == 0, fmt.Sprintf("%s: what met no network is sent again, and all of it delivered", u.Name()), "%d of %d lost", down, a.each))
	case a.plain:
		checks = append(checks, check(down == a.each, fmt.Sprintf("%s: what met no network is gone, whatever the topic's policy", u.Name()), "%d of %d lost", down, a.each))
	}
	lost := offline + down + refused + u.Fates["fragment-lost"]
	return append(checks, check(refused == a.each && a.again.Replayed == 0 && u.Delivered == u.Emitted-lost && u.Duplicates == 0,
		fmt.Sprintf("%s: while the server is away the emitter is told so at once; all else is delivered once", u.Name()),
		"%d of %d refused; %d of %d delivered, %d twice", refused, a.each, u.Delivered, u.Emitted, u.Duplicates))
}

func (a *absence) ignores() bool { return a.policy.String() == "ignore" }

// absencesTable shows what each absence came to.
func absencesTable(runs []report.Run, absences []*absence) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-26s", fmt.Sprintf("%d events while away: the", absences[0].each))
	for i := range runs {
		fmt.Fprintf(&b, " %s", column12(runs[i].Transport+" "+runs[i].Variant))
	}
	b.WriteString("\n")
	line := func(name string, cell func(*absence, *report.Run) string) {
		fmt.Fprintf(&b, "%-26s", "  "+name)
		for i, a := range absences {
			fmt.Fprintf(&b, " %s", column12(cell(a, &runs[i])))
		}
		b.WriteString("\n")
	}
	line("subscriber", func(a *absence, u *report.Run) string {
		return lostOr(u.Fates["offline"], fmt.Sprintf("%d replayed", a.receipt.Replayed))
	})
	line("network", func(_ *absence, u *report.Run) string { return lostOr(u.Fates["wire-loss"], "sent again") })
	line("server", func(a *absence, _ *report.Run) string { return fmt.Sprintf("%d refused", a.refusals) })
	return b.String()
}

func column12(s string) string { return fmt.Sprintf("%12s", s) }

func lostOr(n int, otherwise string) string {
	if n == 0 {
		return otherwise
	}
	return fmt.Sprintf("%d lost", n)
}

func absencesStory(runs []report.Run, absences []*absence) []string {
	ignore, store, udp := absences[0], absences[1], absences[2]
	story := []string{
		fmt.Sprintf("The subscriber, bob, heard %d events, left, and returned after %d more. On a topic that ignores, the server had nobody to give those to and let them go: their fate is offline (%d over TCP, %d over UDP), and nobody would have known without the account. On a topic that stores, the server kept them in the topic's log and bob's place in it: on return it sent the receipt (%d replayed), then the events, then went on live. The transport makes no difference here: what a subscriber's absence costs is up to the queue.",
			ignore.each, ignore.each, runs[0].Fates["offline"], runs[2].Fates["offline"], store.receipt.Replayed),
		fmt.Sprintf("Then the network was away for %v. Nobody had left: the server still had its subscriber, so nothing was stored for it, and the policy made no difference. TCP sends until it is acknowledged, in ever longer pauses: %d of its %d events were lost, and the first came %s after the network had returned. Over %s %d of %d were lost.",
			downFor, runs[0].Fates["wire-loss"], ignore.each, report.Milliseconds(float64(ignore.late)/float64(time.Microsecond)), runs[2].Name(), runs[2].Fates["wire-loss"], udp.each),
		fmt.Sprintf("Then the server was away. It had said good-bye, so the clients knew at once, and refused what they were to emit: %d events over TCP, %d over UDP. Nobody can store what nobody has: the emitter has to keep such events itself until a server takes them. When the server was back, on what it had stored before, bob's receipt said %d replayed: no server, nothing missed. Lab acks has servers that do not say good-bye.",
			ignore.refusals, udp.refusals, store.again.Replayed),
	}
	return story
}
