package command

import (
	"fmt"
	"io"

	"rawlab/capture/account"
	"rawlab/labs/report"
)

// askedJSON is what the kernel itself said of the events of an account.
type askedJSON struct {
	Source    string     `json:"source"`
	Lost      []lostJSON `json:"lost"`                // it dropped all that came here of these events
	Forwarded []lostJSON `json:"forwarded,omitempty"` // the server sent these on, and a kernel dropped some copy, or all
	Untold    uint64     `json:"untold"`              // drops that there was no room to tell of
}

// lostJSON are the events that one reason took.
type lostJSON struct {
	Reason string       `json:"reason"`
	Fate   account.Fate `json:"fate,omitempty"`
	Count  int          `json:"count"`
	Events string       `json:"events"`
}

// askedSourceName is where the reasons come from.
const askedSourceName = "this host's kernel itself (eBPF at its tracepoint kfree_skb)"

// askedOf sums up what the kernel said of the emitted events.
func (a *accounting) askedOf(told *reasonsJSON) *askedJSON {
	lost, forwarded := map[string][]account.ID{}, map[string][]account.ID{}
	d := a.asked.dropped
	for i := range a.emitted {
		id := a.emitted[i].ID
		if reason, is := d.Lost(id, account.ToServer); is {
			lost[reason] = append(lost[reason], id)
		}
		if reason, is := d.Took(id, account.ToSubscriber); is {
			forwarded[reason] = append(forwarded[reason], id)
		}
	}
	return &askedJSON{Source: askedSourceName, Lost: lostOf(told, lost), Forwarded: lostOf(told, forwarded), Untold: told.Untold}
}

// lostOf lists events by reason, in the order in which the reasons were told.
func lostOf(told *reasonsJSON, events map[string][]account.ID) []lostJSON {
	list := []lostJSON{}
	for _, r := range told.Reasons {
		if ids := events[r.Reason]; len(ids) > 0 {
			list = append(list, lostJSON{r.Reason, r.Fate, len(ids), ranges(ids)})
		}
	}
	return list
}

// String says how many they are, why, and which.
func (l *lostJSON) String() string {
	text := fmt.Sprintf("%s by %s", report.Count(l.Count), l.Reason)
	if l.Fate != "" {
		text += fmt.Sprintf(" (%s)", l.Fate)
	}
	return text + ": " + shorten(l.Events)
}

func (j *askedJSON) write(w io.Writer) {
	for _, l := range j.Lost {
		fmt.Fprint(w, report.Wrap("dropped, every copy that came here: "+l.String(), "", 80))
	}
	for _, l := range j.Forwarded {
		fmt.Fprint(w, report.Wrap("forwarded, then dropped in some copy or all: "+l.String(), "", 80))
	}
	if len(j.Lost)+len(j.Forwarded) > 0 {
		fmt.Fprint(w, report.Wrap("dropped: so says "+j.Source, "", 80))
	}
	if j.Untold > 0 {
		fmt.Fprint(w, report.Wrap(fmt.Sprintf("the kernel dropped %s packets more, for whose reasons there was no room: events told as whole or never seen may have been in them", report.Count(int(j.Untold))), "", 80))
	}
}

// whole says what cannot be known of events that were seen whole.
func (a *accounting) whole() string {
	if a.asked != nil {
		return "whole: they came this far, and the kernel of this host let each pass once at least (TCP sends again what it drops): a socket here has them, or they went on to another host; what became of them there, or in the server, cannot be seen from here ('rawlab emit --report' asks the server)"
	}
	return "whole: they came this far; whether a receive buffer, a firewall, the server or its subscribers took them, cannot be seen from here ('rawlab emit --report' asks the server)"
}
