package account

import (
	"fmt"
	"slices"
	"strings"
)

// Drop is a datagram that a kernel of the run threw away, with the reason that
// it gave itself.
type Drop struct {
	Event  ID
	Time   int64 // when the event was emitted by its frame, ns since the Unix epoch; 0: not told
	Leg    int
	Reason string // skb_drop_reason of Linux, without its prefix: NO_SOCKET
}

// Reasons are a run's drops, as far as their bytes say which event was in
// them.
type Reasons struct {
	Drops []Drop
	Lost  uint64 // drops that the kernel could not tell
}

// reasonsOf are the reasons that agree with a fate. The first fates are those
// that only a kernel can bring about, and for each of their events there has
// to be one.
var reasonsOf = map[Fate][]string{
	HostQueue:     {"QDISC_DROP", "QDISC_OVERLIMIT", "CPU_BACKLOG", "FULL_RING", "NOMEM", "PKT_TOO_BIG", "FRAG_REASM_TIMEOUT", "NOT_SPECIFIED"},
	NoSocket:      {"NO_SOCKET"},
	ReceiveBuffer: {"SOCKET_RCVBUFF", "PROTO_MEM"},
	Checksum:      {"UDP_CSUM"},
	Filtered:      {"NETFILTER_DROP"},
}

// besides are reasons that may be seen of events of other fates.
var besides = map[Fate][]string{
	SendRefused:  {"NETFILTER_DROP", "QDISC_DROP", "QDISC_OVERLIMIT"},
	WireCorrupt:  {"UDP_CSUM", "IP_CSUM", "IP_INHDR", "PKT_TOO_SMALL", "OTHERHOST", "UNHANDLED_PROTO", "IP_NOPROTO", "NO_SOCKET", "NOT_SPECIFIED", "IP_INADDRERRORS"},
	FragmentLost: {"FRAG_REASM_TIMEOUT", "DUP_FRAG", "NOT_SPECIFIED"},
}

// Agreement is what the kernel's own reasons say of a ledger.
type Agreement struct {
	Agreed   map[Fate]map[string]int // events that a kernel dropped, by fate and reason
	Missing  int                     // events with a fate that a kernel brings about, and no reason of its
	Contrary int                     // events of which a kernel says another
	Examples []string                // of the last two, a few
	Lost     uint64                  // drops that the kernel could not tell
}

// maxExamples bounds what is told of disagreement.
const maxExamples = 5

// Holds reports whether the ledger and the kernel say the same.
func (a *Agreement) Holds() bool { return a.Missing == 0 && a.Contrary == 0 && a.Lost == 0 }

// String sums it up: "receive-buffer: 12 SOCKET_RCVBUFF; 0 without a reason".
func (a *Agreement) String() string {
	var parts []string
	for _, f := range Fates {
		for _, reason := range slices.Sorted(keys(a.Agreed[f])) {
			parts = append(parts, fmt.Sprintf("%s: %d %s", f, a.Agreed[f][reason], reason))
		}
	}
	parts = append(parts, fmt.Sprintf("%d without a reason, %d with another, %d not told", a.Missing, a.Contrary, a.Lost))
	return strings.Join(append(parts, a.Examples...), "; ")
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// ask holds each event against what the kernels said of it. A kernel may have
// dropped a copy of an event that was delivered.
func (l *Ledger) ask(in *Input) {
	if in.Reasons == nil {
		return
	}
	emitted := make(map[ID]int64, len(in.Emissions))
	for _, e := range in.Emissions {
		emitted[e.ID] = e.Time.UnixNano()
	}
	said := map[ID][2][]string{}
	for _, d := range in.Reasons.Drops {
		if d.Time != 0 && d.Time != emitted[d.Event] {
			continue // another run's, which has the same numbers
		}
		of := said[d.Event]
		of[d.Leg] = append(of[d.Leg], d.Reason)
		said[d.Event] = of
	}
	a := &Agreement{Agreed: map[Fate]map[string]int{}, Lost: in.Reasons.Lost}
	for i := range l.Events {
		e := &l.Events[i]
		reasons := said[e.ID][e.Lost]
		if e.Fate == "" {
			continue
		}
		allowed, must := reasonsOf[e.Fate]
		at := slices.IndexFunc(reasons, func(r string) bool { return slices.Contains(allowed, r) || slices.Contains(besides[e.Fate], r) })
		switch {
		case at >= 0:
			e.Reason = reasons[at]
			if a.Agreed[e.Fate] == nil {
				a.Agreed[e.Fate] = map[string]int{}
			}
			a.Agreed[e.Fate][e.Reason]++
		case len(reasons) > 0:
			e.Reason = reasons[0]
			a.Contrary++
			a.example(e, reasons[0])
		case must:
			a.Missing++
			a.example(e, "no reason")
		}
	}
	l.Kernel = a
}

func (a *Agreement) example(e *Event, reason string) {
	if len(a.Examples) < maxExamples {
		a.Examples = append(a.Examples, fmt.Sprintf("%d:%d is %s, the kernel says %s", e.ID.Origin, e.ID.Sequence, e.Fate, reason))
	}
}
