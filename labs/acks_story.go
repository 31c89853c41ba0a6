package labs

import (
	"fmt"
	"strings"

	"rawlab/labs/report"
)

// harm is what a crash did: events lost, and times that the application
// worked on one again.
type harm struct{ lost, twice int }

func (h harm) String() string {
	switch {
	case h.lost > 0 && h.twice > 0:
		return fmt.Sprintf("%d lost, %d again", h.lost, h.twice)
	case h.lost > 0:
		return fmt.Sprintf("%d lost", h.lost)
	case h.twice > 0:
		return fmt.Sprintf("%d twice", h.twice)
	}
	return "each once"
}

// matrix is the harm of each crash (first index) under each promise.
type matrix [][]harm

// countMatrix reads it off the ledgers: perCrash events belong to a crash.
func countMatrix(evidence []report.Evidence) matrix {
	m := make(matrix, len(crashes))
	for i := range m {
		m[i] = make([]harm, len(evidence))
	}
	for p := range evidence {
		place := map[eventID]int{}
		for i, e := range evidence[p].Emissions {
			place[e.ID] = i / perCrash
		}
		for _, e := range evidence[p].Ledger.Events {
			cell := &m[place[e.ID]][p]
			cell.twice += e.Duplicates
			if e.Fate != "" {
				cell.lost++
			}
		}
	}
	return m
}

func (m matrix) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-38s", "who crashed")
	for i := range promises {
		fmt.Fprintf(&b, " %13s", promises[i].name)
	}
	b.WriteString("\n")
	for i, row := range m {
		lines := strings.Split(strings.TrimRight(report.Wrap(crashes[i].name, "  ", 36), "\n"), "\n")
		for j, line := range lines {
			if j < len(lines)-1 {
				b.WriteString(line + "\n")
				continue
			}
			fmt.Fprintf(&b, "%-38s", line)
			for _, c := range row {
				fmt.Fprintf(&b, " %13s", c)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// sum adds up what the crashes did under a promise.
func (m matrix) sum(promise int) (all harm) {
	for _, row := range m {
		all.lost += row[promise].lost
		all.twice += row[promise].twice
	}
	return all
}

// deathsOfServer is how often a run's server dies: at two steps, and at the end.
const deathsOfServer = 3

// killedOf counts the servers' processes that a signal ended.
func killedOf(all []*acking) (n int) {
	for _, a := range all {
		n += a.server.killed
	}
	return n
}

func acksChecks(o *Options, all []*acking, m matrix) []report.Check {
	most, least, once := m.sum(0), m.sum(1), m.sum(2)
	checks := []report.Check{
		check(most.lost > 0 && most.twice == 0, "at most once: a crash may lose an event, and never repeats one", "%d lost, %d worked on twice", most.lost, most.twice),
		check(least.lost == 0 && least.twice > 0, "at least once: a crash loses no event, and may repeat one", "%d lost, %d worked on twice", least.lost, least.twice),
		check(once == harm{}, "deduplicated: a crash does neither, wherever it comes", "%d lost, %d worked on twice", once.lost, once.twice),
		check(all[2].refused+uint64(all[2].repeats) == uint64(least.twice), "the events that come twice at least once are those that the ends know again when they may",
			"%d worked on twice; known again: %d by the server, %d by the subscriber", least.twice, all[2].refused, all[2].repeats),
		check(m[1][0].lost == 1 && m[1][1].lost == 0, "what a server had read and not stored is gone, unless its emitter keeps it until it is acknowledged",
			"%d lost at most once, %d at least once", m[1][0].lost, m[1][1].lost),
	}
	if o.backend() == BackendKernel {
		killed := killedOf(all)
		checks = append(checks, check(killed == deathsOfServer*len(all), "each of the server's deaths was that of its process, by SIGKILL", "%d of %d", killed, deathsOfServer*len(all)))
	}
	return checks
}

// deathWords tell how the servers died.
func deathWords(o *Options, all []*acking) string {
	if o.backend() == BackendKernel {
		return fmt.Sprintf("The server was a process on its host, with its topic in a folder. At the step that a crash is about it was ended by SIGKILL, which none can catch: no goodbye, nothing flushed, its sockets closed by the kernel; another was started on what the disk had (%d were killed in all). Emitter and subscriber died by closing their sockets in mid-conversation.", killedOf(all))
	}
	return "On virtual hosts one process has everything, so the server died within it: at the step that a crash is about its sockets were cut, it said and stored nothing more, and another was made on the memory that outlived it. On kernel hosts it is a process that SIGKILL ends."
}

func acksStory(o *Options, r *report.Result, all []*acking, m matrix) []string {
	most, least := m.sum(0), m.sum(1)
	known := all[2]
	return []string{
		fmt.Sprintf("Every TCP segment here was acknowledged, and events were lost all the same (%d of %d at most once): TCP's acknowledgement says that the other host's kernel has the bytes, not that anybody stored, sent on or worked on what is in them. Only the application that did it can say so.",
			most.lost, r.Runs[0].Emitted),
		fmt.Sprintf("At most once, nobody tries again: the emitter goes on when it has emitted, and the server forgets for the subscriber what it has sent. When the server died before storing, %s; when the subscriber died before its work, %s. The emitter's own death (%s) and the server's behind the store (%s) came when the event was already in other hands.",
			m[1][0], m[3][0], m[0][0], m[2][0]),
		fmt.Sprintf("At least once, whoever hands an event on keeps it until the next one has acknowledged it, and otherwise does it again. It cannot see whether the event or the acknowledgement was lost. Where it was the acknowledgement, the application worked on the same event again: after the emitter's crash %s, after the server's behind the store %s, after the subscriber's %s. %s in all, and none lost.",
			m[0][1], m[2][1], m[3][1], count(least.twice, "repetition")),
		fmt.Sprintf("Deduplicated, the same events are sent again, and known by their origin and sequence, which emitter and subscriber keep on a disk: the server passed over %s that it had stored before its death or its emitter's, the subscriber %s that it had worked on. To the application each came once. The way there is at least once; it is the memory at the end that makes it once.",
			count(int(known.refused), "event"), count(known.repeats, "event")),
		fmt.Sprintf("Returning subscribers were told what they had missed, every time: %s.", receiptWords(all)),
		deathWords(o, all),
	}
}

// receiptWords lists the receipts of returning subscribers.
func receiptWords(all []*acking) string {
	var words []string
	for _, a := range all {
		var replayed []string
		for _, r := range a.receipts {
			replayed = append(replayed, fmt.Sprint(r.Replayed))
		}
		words = append(words, fmt.Sprintf("%s %s replayed", a.name, strings.Join(replayed, ", ")))
	}
	return strings.Join(words, "; ")
}
