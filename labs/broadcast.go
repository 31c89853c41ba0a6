package labs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rawlab/labs/report"
	"rawlab/labs/wire"
)

// Broadcast has many clients listen to one emitter.
var Broadcast = &Lab{
	Name:     "broadcast",
	Question: "what does it cost a server to tell everybody?",
	Varies:   "how many clients listen: 1, 4, 16; and how they are told: over TCP, over UDP, by one UDP datagram to a multicast group",
	Held:     "events, pace, the wire; all clients are on one host, beyond one wire",
	Expect:   "a copy for each client over TCP and over UDP; to a group one for all, and what the wire takes from one it takes from all",
	Predict: Prediction{
		Ask:  "%s. How many packets with events leave the server's host over UDP, when nobody is in a group?",
		Unit: "packets", Given: func(o *Options) string {
			return fmt.Sprintf("%s events go to %d clients", report.Count(o.Events), audiences[len(audiences)-1])
		},
		Answer: func(r *report.Result) float64 { return r.Figures["udp packets to 16"] },
	},
	Defaults: Options{Events: 100, Size: 100, Pace: 200, Seed: 1, Impairment: wire.Impairment{Delay: 5 * time.Millisecond}},
	Takes:    []string{"events", "size", "pace", "loss", "delay", "seed", "ipv6"},
	Next: []string{
		"rawlab lab run broadcast --loss 5%",
		"rawlab lab run broadcast --size 1000",
		"rawlab serve --help",
	},
	Reading: []string{"RFC 1112 (multicast: one datagram for a group)", "RFC 8085, section 4 (what a multicast application must see to)", "RFC 5740 (NORM: reliable multicast by asking again)"},
	run:     runBroadcast,
}

// audiences are how many clients listen.
var audiences = [...]int{1, 4, 16}

func runBroadcast(ctx context.Context, o *Options) (*Outcome, error) {
	if most := 2_000; o.Events > most {
		return nil, &OptionError{fmt.Errorf("--events %d: must be 1 to %d, each goes to %d clients", o.Events, most, audiences[len(audiences)-1])}
	}
	if o.Size > maxFramed {
		return nil, &OptionError{fmt.Errorf("--size %d: must be 0 to %d bytes, so that an event fits into one packet", o.Size, maxFramed)}
	}
	out := &Outcome{Result: newResult(o)}
	var all [len(audiences)][3]*audience
	var groups []group
	for i, n := range audiences {
		variant := fmt.Sprintf("to %d", n)
		tcp, udp, multicast := newAudience(n, "TCP"), newAudience(n, "UDP"), newAudience(n, "multicast")
		all[i] = [3]*audience{tcp, udp, multicast}
		groups = append(groups,
			group{o, []*plan{tcp.plan(overTCP, variant), udp.plan(overPlainUDP, variant)}},
			group{o, []*plan{multicast.plan(multicast.transport(o), "group of "+variant[3:])}})
	}
	if _, err := out.conductTogether(ctx, o, groups...); err != nil {
		return nil, err
	}
	r := out.Result
	r.Figures = map[string]float64{}
	for i := range all {
		for j, a := range all[i] {
			a.read(&out.Evidence[3*i+j])
			r.Figures[strings.ToLower(a.name)+fmt.Sprintf(" packets to %d", a.clients)] = float64(a.packets)
		}
	}
	last := 3 * (len(audiences) - 1) // the tables are wide enough for the largest
	r.Runs, out.Evidence = r.Runs[last:], out.Evidence[last:]
	r.Details = audiencesTable(all[:])
	r.Checks = broadcastChecks(all[:])
	r.Story = broadcastStory(all[:])
	return out, nil
}

func broadcastChecks(all [][3]*audience) []report.Check {
	// each asks one thing of every size of one kind of audience
	each := func(kind int, claim string, holds func(*audience) bool, measured func(*audience) string) report.Check {
		c := report.Check{Claim: claim, Held: true}
		var words []string
		for _, row := range all {
			c.Held = c.Held && holds(row[kind])
			words = append(words, measured(row[kind]))
		}
		c.Measured = strings.Join(words, "; ")
		return c
	}
	var checks []report.Check
	for kind, a := range all[0] {
		checks = append(checks, each(kind, a.name+": every client's deliveries are accounted for",
			func(a *audience) bool { return a.delivered+a.lost == a.expected && a.unexplained == 0 },
			func(a *audience) string {
				return fmt.Sprintf("%s = %s + %s, %d unexplained", report.Count(a.expected), report.Count(a.delivered), report.Count(a.lost), a.unexplained)
			}))
	}
	packets := func(a *audience) string {
		return fmt.Sprintf("%s of %s to %d", count(a.packets, "packet"), count(a.told, "event"), a.clients)
	}
	return append(checks,
		each(0, "TCP delivers every event to every client", func(a *audience) bool { return a.delivered == a.expected },
			func(a *audience) string {
				return fmt.Sprintf("%s of %s", report.Count(a.delivered), report.Count(a.expected))
			}),
		each(1, "UDP sends a packet for each client and each event that reached the server", func(a *audience) bool { return a.packets == a.clients*a.told }, packets),
		each(2, "to a group it sends one for each such event", func(a *audience) bool { return a.packets == a.told }, packets),
		each(2, "all of a group on one host get an event, or none does", func(a *audience) bool { return a.some == 0 },
			func(a *audience) string { return fmt.Sprintf("%s came to some", count(a.some, "event")) }))
}

// audiencesTable shows what left the server, and what became of it.
func audiencesTable(all [][3]*audience) string {
	var b strings.Builder
	b.WriteString("with events, at the server's wire   packets      bytes  delivered     lost\n")
	for _, row := range all {
		for _, a := range row {
			name := fmt.Sprintf("%s to %s", a.name, count(a.clients, "client"))
			fmt.Fprintf(&b, "  %-30s %10s %10s %10s %8s\n", name, report.Count(a.packets), report.Count(a.bytes), report.Count(a.delivered), report.Count(a.lost))
		}
	}
	return b.String()
}

func broadcastStory(all [][3]*audience) []string {
	first, last := all[0], all[len(all)-1]
	tcp, udp, multicast := last[0], last[1], last[2]
	story := []string{
		fmt.Sprintf("To tell %s of the %s that reached it, the server sent %s with %s bytes over UDP, where %s took %s. Over TCP it sent %s. The same bytes crossed the same wire %d times.",
			count(udp.clients, "client"), count(udp.told, "event"), count(udp.packets, "packet"), report.Count(udp.bytes), count(first[1].clients, "client"), report.Count(first[1].packets), report.Count(tcp.packets), udp.clients),
		fmt.Sprintf("A datagram to a multicast group left once for each event, however many had joined: %s with %s bytes for %s, as for %s. The network, or here the clients' host, makes the copies where the ways part. TCP has two ends and cannot do that.",
			count(multicast.packets, "packet"), report.Count(multicast.bytes), count(multicast.clients, "client"), report.Count(first[2].clients)),
	}
	if udp.lost+multicast.lost == 0 {
		return append(story, fmt.Sprintf("All %s deliveries are accounted for, each client's by itself. Nobody in a group acknowledges anything: what is lost on the way to it stays lost, unless the application sees to it.",
			report.Count(tcp.expected+udp.expected+multicast.expected)))
	}
	return append(story, fmt.Sprintf("The wire took something too. Over UDP %s of %s deliveries were lost, and %s reached some clients and not others; of the group's %s were, each event for all of the group at once. TCP sent again what was missing, to each client for itself, and lost %s.",
		report.Count(udp.lost), report.Count(udp.expected), count(udp.some, "event"), report.Count(multicast.lost), noneOr(tcp.lost)))
}
