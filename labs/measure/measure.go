package measure

import (
	"strings"

	"rawlab/capture/account"
	"rawlab/labs/report"
)

// Measure is one number of a run.
type Measure struct {
	Name  string
	About string // what it is, in a few words
	Kind  Kind
	// OfParts tells that a run's topics and their subscribers have it too.
	OfParts bool
	of      func(*report.Run) float64
	known   func(*report.Run) bool    // whether the run has it; nil: every run has
	whole   func(*report.Run) float64 // what 100 % of it are; nil: it is no part of anything
}

// Of returns a run's number, in the kind's base unit; false if it has none,
// such as a latency where nothing was delivered.
func (m *Measure) Of(u *report.Run) (float64, bool) {
	if m.known != nil && !m.known(u) {
		return 0, false
	}
	return m.of(u), true
}

// Share returns the number as a part of what it is part of, 0 to 1; false if
// it is no part of anything, or of nothing.
func (m *Measure) Share(u *report.Run) (float64, bool) {
	v, ok := m.Of(u)
	if !ok || m.whole == nil || m.whole(u) == 0 {
		return 0, false
	}
	return v / m.whole(u), true
}

// HasShare tells whether the number is part of something.
func (m *Measure) HasShare() bool { return m.whole != nil }

func emitted(u *report.Run) float64   { return float64(u.Emitted) }
func delivered(u *report.Run) float64 { return float64(u.Delivered) }
func packets(u *report.Run) float64   { return float64(u.Packets) }

// List holds every measure, in the order in which a reader would ask.
var List = list()

func list() []*Measure {
	m := []*Measure{
		{Name: "emitted", About: "events emitted", Kind: Number, of: emitted},
		{Name: "delivered", About: "events delivered", Kind: Number, of: delivered, whole: emitted},
		{Name: "lost", About: "events not delivered, whatever their fate", Kind: Number, whole: emitted,
			of: func(u *report.Run) float64 { return float64(u.Emitted - u.Delivered) }},
	}
	for _, f := range account.Fates {
		if f == account.Unexplained {
			continue
		}
		m = append(m, &Measure{Name: string(f), About: "events of this fate", Kind: Number, whole: emitted,
			of: func(u *report.Run) float64 { return float64(u.Fates[string(f)]) }})
	}
	m = append(m,
		&Measure{Name: "unexplained", About: "events without a fate that can be shown", Kind: Number, whole: emitted,
			of: func(u *report.Run) float64 { return float64(u.Unexplained) }},
		&Measure{Name: "duplicates", About: "deliveries beyond an event's first", Kind: Number, whole: emitted,
			of: func(u *report.Run) float64 { return float64(u.Duplicates) }},
		&Measure{Name: "reordered", About: "events that came after a later one (RFC 4737)", Kind: Number, whole: delivered,
			of: func(u *report.Run) float64 { return float64(u.Reordered.Events) }, known: func(u *report.Run) bool { return u.Reordered != nil }},
	)
	m = append(m, times("", "latency", func(u *report.Run) *report.Latency { return u.LatencyUS })...)
	for _, of := range m {
		of.OfParts = of.Name != "reordered"
	}
	m = append(m,
		&Measure{Name: "rate", About: "events delivered in a second, from the first emit to the last delivery", Kind: Rate,
			of: func(u *report.Run) float64 { return u.PerSecond }, known: func(u *report.Run) bool { return u.PerSecond > 0 }},
		&Measure{Name: "in-line", About: "events of TCP that stood in line behind earlier bytes", Kind: Number, whole: emitted,
			of: func(u *report.Run) float64 { return float64(u.InLine) }},
	)
	m = append(m, times("in-line-", "time that those stood", func(u *report.Run) *report.Latency { return u.InLineUS })...)
	m = append(m,
		&Measure{Name: "packets", About: "packets on the wire, both ways", Kind: Number, of: packets},
		&Measure{Name: "retransmits", About: "segments or datagrams with events that were sent again", Kind: Number, whole: packets,
			of: func(u *report.Run) float64 { return float64(u.Retransmits) }},
		&Measure{Name: "wire-hit", About: "events of UDP that the wire hit, repaired or not", Kind: Number, whole: emitted,
			of: func(u *report.Run) float64 { return float64(u.WireHit) }},
		&Measure{Name: "lost-carriers", About: "segments or datagrams with events that the wire took", Kind: Number, whole: packets,
			of: func(u *report.Run) float64 { return float64(u.LostCarriers) }},
		&Measure{Name: "wire-bytes", About: "bytes of those packets, as Ethernet frames", Kind: Bytes,
			of: func(u *report.Run) float64 { return float64(u.WireBytes) }},
		&Measure{Name: "overhead", About: "bytes on the wire for each byte of payload", Kind: Ratio,
			of: func(u *report.Run) float64 { o, _ := u.Overhead(); return o }, known: func(u *report.Run) bool { _, ok := u.Overhead(); return ok }},
	)
	return append(m, times("wire-late-", "how far packets left the wire behind its schedule", func(u *report.Run) *report.Latency { return u.WireLateUS })...)
}

// times are the percentiles of one distribution.
func times(prefix, about string, of func(*report.Run) *report.Latency) []*Measure {
	var list []*Measure
	for _, p := range []struct {
		name, about string
		pick        func(*report.Latency) float64
	}{
		{"p50", "median", func(l *report.Latency) float64 { return l.P50 }},
		{"p90", "90 % within", func(l *report.Latency) float64 { return l.P90 }},
		{"p99", "99 % within", func(l *report.Latency) float64 { return l.P99 }},
		{"p999", "99.9 % within", func(l *report.Latency) float64 { return l.P999 }},
		{"max", "longest", func(l *report.Latency) float64 { return l.Max }},
	} {
		list = append(list, &Measure{Name: prefix + p.name, About: about + ": " + p.about, Kind: Time,
			of: func(u *report.Run) float64 { return p.pick(of(u)) }, known: func(u *report.Run) bool { return of(u) != nil }})
	}
	return list
}

// Names lists the names of all measures.
func Names() []string {
	names := make([]string, len(List))
	for i, m := range List {
		names[i] = m.Name
	}
	return names
}

// Find returns the measure of a name; the error names the nearest one, and
// all.
func Find(name string) (*Measure, error) {
	for _, m := range List {
		if m.Name == name {
			return m, nil
		}
	}
	return nil, &UnknownError{What: "measure", Word: name, Known: Names()}
}

// Selects tells whether a run is one of those that a selector means: its
// transport, rung and variant, or some of them, with strokes between. The
// empty one means every run.
func Selects(selector string, u *report.Run) bool {
	if selector == "" || plain(selector) == plain(u.Name()) {
		return true
	}
	own := []string{plain(u.Transport), plain(u.Reliability), plain(u.Variant)}
	for part := range strings.SplitSeq(selector, "/") {
		if p := plain(part); p == "" || p != own[0] && p != own[1] && p != own[2] {
			return false
		}
	}
	return true
}

// plain makes names comparable that are written with or without spaces.
func plain(s string) string {
	return strings.NewReplacer(" ", "", "-", "", "/", "").Replace(strings.ToLower(s))
}

// SelectsPart tells whether a part of a run is the one that a selector means:
// the run's own, with the part's name behind it.
func SelectsPart(selector string, u *report.Run, p *report.Part) bool {
	return strings.EqualFold(selector, Selector(u)+"/"+p.Name)
}

// Selector returns what selects this run alone among those of its lab.
func Selector(u *report.Run) string {
	parts := strings.Fields(strings.TrimSuffix(u.Name(), u.Variant))
	if u.Variant != "" {
		parts = append(parts, strings.ReplaceAll(u.Variant, " ", "-"))
	}
	return strings.Join(parts, "/")
}
