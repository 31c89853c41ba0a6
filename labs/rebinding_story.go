package labs

import (
	"fmt"
	"strings"
	"time"

	"rawlab/labs/report"
)

// rebindingTable shows how each conversation went on.
func rebindingTable(res *report.Result, all []*rebinding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-14s %15s  %-20s %s\n", "", "nothing new for", "the emitter's port", "went on as")
	for i, r := range all {
		u, as := &res.Runs[i], "same sessions"
		switch {
		case r.seals == nil && u.Transport == "tcp":
			as = "new connections"
		case r.seals != nil && r.shaken() > 2:
			as += ", new keys"
		case r.seals != nil:
			as += ", same keys"
		}
		ports := fmt.Sprintf("%d, then %d", r.ports[0][0], r.ports[0][1])
		fmt.Fprintf(&b, "  %-12s %15s  %-20s %s\n", u.Name(), report.Milliseconds(float64(r.outage().Nanoseconds())/1e3), ports, as)
	}
	return b.String()
}

func rebindingChecks(o *Options, out *Outcome, all []*rebinding, resets int) []report.Check {
	runs := out.Result.Runs
	tcp, r := &runs[0], all[0]
	lost := tcp.Fates["connection-lost"]
	checks := []report.Check{
		check(resets > 0 && r.reopened, "the emitter's TCP connection is reset: its segments come from a port that the server knows no connection of",
			"%s, the emitter connected anew: %v", count(resets, "reset"), r.reopened),
		check(r.stalled == 0 && r.kept == 2 && r.retransmits > 0, "the subscriber's TCP connection, on which it says nothing itself, waits in vain, and the server holds both connections for established",
			"%d delivered within %v, %s held, %s sent again on them", r.stalled, o.giveUpAfter(), count(r.kept, "connection"), count(int(r.retransmits), "segment")),
		check(tcp.Delivered+lost == tcp.Emitted && tcp.Duplicates == 0, "of TCP's events, those written to the dead connection are lost with it, and only those",
			"%d of %d delivered, %d lost with the connection, %d of them stored and replayed", tcp.Delivered, tcp.Emitted, lost, r.receipt.Replayed),
	}
	for i, r := range all[1:] { // DTLS's too
		s := &r.sessions
		checks = append(checks, check(s.Moved == 2 && s.Accepted == 2, fmt.Sprintf("%s: both sessions move to the new ports, and none is opened anew", runs[i+1].Name()),
			"%d sessions opened, %d moved", s.Accepted, s.Moved))
	}
	udp := &runs[1]
	return append(checks, completeCheck(&runs[2]),
		check(udp.Duplicates == 0 && udp.Delivered+udp.Fates["unauthorized"] == udp.Emitted, "plain UDP loses only what came from the new port before its session had moved there",
			"%d of %d delivered, %d came as a stranger's", udp.Delivered, udp.Emitted, udp.Fates["unauthorized"]))
}

func rebindingStory(o *Options, res *report.Result, all []*rebinding, resets int) []string {
	tcp, udp, ack := all[0], all[1], all[2]
	ms := func(d time.Duration) string { return report.Milliseconds(float64(d.Nanoseconds()) / 1e3) }
	lost := res.Runs[0].Fates["connection-lost"]
	return []string{
		fmt.Sprintf("Between the hosts stands what stands in every home: a translator (NAT) that shows each of the client's ports to the server as one of its own. After %d events it forgot them, as it does when it is restarted or a conversation was silent for long, and took others: the emitter's port %d became %d. Neither client is told.",
			tcp.before, tcp.ports[0][0], tcp.ports[0][1]),
		fmt.Sprintf("A TCP connection is named by two addresses and two ports, and by nothing else. The emitter's next segment came from port %d, of which the server's host knows no connection: it answered with a reset (%s). The emitter connected anew; %s written before it knew %s gone with the old connection, and nobody can tell the application which.",
			tcp.ports[0][1], count(resets, "reset"), count(lost, "event"), wereOf(lost)),
		fmt.Sprintf("The subscriber says nothing, so nobody reset it: it would have waited for as long as the server tries, which sent to a port that leads nowhere (%s again within %v, with ever longer pauses), and held %s for established that nobody was at the other end of. This lab's subscriber gives up after %v of silence. Back under its name it got its receipt: %d missed, all replayed, since the topic stores. New events had not come for %s.",
			count(int(tcp.retransmits), "segment"), o.giveUpAfter(), count(tcp.kept, "connection"), o.giveUpAfter(), tcp.receipt.Replayed, ms(tcp.outage())),
		fmt.Sprintf("A session over UDP is the client's, not the address's. The server told the emitter that it does not know port %d, and the subscriber learned it when it next said something itself, at the latest by a ping (every %v). Each said which session is its own, showed by a cookie that it receives what is sent there, and by a proof under the session's key that it is no thief; %d of 2 sessions moved on plain UDP, %d of 2 with ack. New events had not come for %s and %s.",
			udp.ports[0][1], o.keepAlive(), udp.sessions.Moved, ack.sessions.Moved, ms(udp.outage()), ms(ack.outage())),
		fmt.Sprintf("What plain UDP sent before it had moved came as a stranger's and was refused: %s. With ack it was sent again from the new address: %s lost.",
			count(res.Runs[1].Fates["unauthorized"], "event"), count(res.Runs[2].Emitted-res.Runs[2].Delivered, "event")),
	}
}

// wereOf is the verb for so many.
func wereOf(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
