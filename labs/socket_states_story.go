package labs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/labs/report"
)

// countKnocks counts the SYNs that each waiting client sent.
func (s *socketLives) countKnocks(e *report.Evidence) {
	parser := dissect.NewParser(dissect.LinkEthernet)
	syns := map[uint16]int{}
	for _, p := range e.Taps[account.Client].Packets {
		if h, err := parser.Parse(p.Data); err == nil && p.Outgoing && h.Protocol == dissect.TCP && h.SYN {
			syns[h.Src.Port()]++
		}
	}
	for i := range s.queued {
		s.queued[i].syns = syns[s.queued[i].port]
	}
	slices.SortFunc(s.queued, func(a, b knock) int { return cmp.Compare(a.took, b.took) })
}

// table shows both lives side by side, and the clients that came to the queue.
func (s *socketLives) table() string {
	var b strings.Builder
	for _, l := range []struct {
		title string
		*life
	}{{"the client closes first", &s.client}, {"the server closes first", &s.server}} {
		fmt.Fprintf(&b, "%-26s  client        server\n", l.title)
		for _, x := range l.states {
			if x.sides != [2]string{} {
				fmt.Fprintf(&b, "  %19.0f ms    %-13s %s\n", float64(x.at)/float64(time.Millisecond), orDash(x.sides[0]), orDash(x.sides[1]))
			}
		}
	}
	fmt.Fprintf(&b, "%d clients at a backlog of %d\n", crowd, shortBacklog)
	for i, k := range s.queued {
		fmt.Fprintf(&b, "  %d. connected after %8s, %s\n", i+1, report.Milliseconds(float64(k.took.Microseconds())), count(k.syns, "SYN"))
	}
	return b.String()
}

func orDash(s string) string { return cmp.Or(s, "–") }

// seen lists the states that a side went through, each once.
func (l *life) seen(side int) (list []string) {
	for _, x := range l.states {
		if s := x.sides[side]; s != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// follows reports whether a list has nothing but what the order has, in that
// order, and that there was a connection: a state that is over between two
// looks is not seen.
func follows(list []string, order ...string) bool {
	at := 0
	for _, s := range list {
		i := slices.Index(order[at:], s)
		if i < 0 {
			return false
		}
		at += i + 1
	}
	return slices.Contains(list, "ESTABLISHED")
}

// late is the clients that were not connected before anybody accepted.
func (s *socketLives) late() []knock { return s.queued[min(s.connected, len(s.queued)):] }

func (s *socketLives) checks(o *Options, u *report.Run) []report.Check {
	list := func(l []string) string { return strings.Join(l, ", ") }
	c, v := &s.client, &s.server
	again := 0
	for _, k := range s.late() {
		if k.syns > 1 {
			again++
		}
	}
	checks := []report.Check{
		completeCheck(u),
		check(follows(c.seen(0), "SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"), "who closes first goes through the states of RFC 9293, section 3.3.2", "%s", list(c.seen(0))),
		check(follows(c.seen(1), "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK"), "and so does the other end", "%s", list(c.seen(1))),
		check(s.half, "one direction has ended, and the other still carries an event", "it came: %v", s.half),
		check(c.remembers == [2]bool{true, false} && v.remembers == [2]bool{false, true}, "who closes first keeps the connection in TIME-WAIT, and only he",
			"client first: %s; server first: %s", whoKeeps(c), whoKeeps(v)),
		check(s.connected+s.waiting == crowd && s.waiting > 0 && again == len(s.late()), "who finds the backlog full is not answered, and gets in by sending its SYN again",
			"%d of %d connected, %d in SYN-SENT, %d SYNs dropped; %d of %d sent again", s.connected, crowd, s.waiting, s.overflows, again, len(s.late())),
		check(s.reused == nil, "the port can be bound again at once with SO_REUSEADDR", "%s", outcome(s.reused)),
	}
	if o.backend() == BackendKernel {
		checks = append(checks,
			check(s.refused != nil, "and not without it while the host remembers a connection there", "%s", outcome(s.refused)),
			check(s.connected == shortBacklog+1, "Linux lets one more wait than the backlog says", "%d for a backlog of %d", s.connected, shortBacklog))
	}
	return checks
}

func whoKeeps(l *life) string {
	switch l.remembers {
	case [2]bool{true, false}:
		return "the client's end"
	case [2]bool{false, true}:
		return "the server's end"
	case [2]bool{true, true}:
		return "both ends"
	}
	return "no end"
}

func outcome(err error) string {
	if err == nil {
		return "bound"
	}
	if i := strings.LastIndex(err.Error(), ": "); i >= 0 {
		return err.Error()[i+2:]
	}
	return err.Error()
}

func (s *socketLives) story(o *Options) []string {
	c, v := &s.client, &s.server
	hosts := "the kernel's own list of sockets (inet_diag, what ss shows)"
	if o.backend() == BackendVirtual {
		hosts = "the list of sockets of the hosts' stack (gVisor's; another than Linux's, and where they differ this says what was seen here)"
	}
	story := []string{
		fmt.Sprintf("A connection is two sockets, one at each host, and each is in a state of its own: what you read above is from %s. The client's went through %s. The server's, %s. What stands on one side only for as long as a packet is under way, %v each way, is a state too.",
			hosts, strings.Join(c.seen(0), ", "), strings.Join(c.seen(1), ", "), o.Impairment.Delay),
		fmt.Sprintf("Closing is two farewells, one for each direction. The client said first that it had finished: from then on its socket was in FIN-WAIT-2, the server's in CLOSE-WAIT, and the server's answer still came. A socket that stays in CLOSE-WAIT for long belongs to a program that forgot to close it. Afterwards TIME-WAIT was kept by %s; when the server closed first, by %s. Linux keeps it for 60 s, so that a late packet of the old connection is not taken for one of a new.",
			whoKeeps(c), whoKeeps(v)),
		fmt.Sprintf("That is why a server that is stopped and started at once may find its port taken. Without SO_REUSEADDR: %s. With it: %s.", outcome(s.refused), outcome(s.reused)),
	}
	late := s.late()
	if len(late) == 0 {
		return append(story, fmt.Sprintf("Of %d clients all were connected before anybody accepted, though the backlog was %d.", crowd, shortBacklog))
	}
	return append(story, fmt.Sprintf("The kernel connects clients on its own; accept only hands them over. While nobody accepted, %d of %d clients were told that they are connected, at a backlog of %d. The others' SYNs the server's host dropped without a word (%d), so their sockets stayed in SYN-SENT (%d) and sent the SYN again after a second: the last was connected after %s, and sent %s. A full backlog looks like a slow or lossy network, not like an error.",
		s.connected, crowd, shortBacklog, s.overflows, s.waiting, report.Milliseconds(float64(late[len(late)-1].took.Microseconds())), count(late[len(late)-1].syns, "SYN")))
}
