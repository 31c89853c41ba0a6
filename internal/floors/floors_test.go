package floors_test

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// floor is a set of packages; each may import those of lower floors.
type floor struct {
	packages []string // paths below the module, or path.Match patterns of them
	beside   []string // "importer → imported" pairs allowed on this floor
	never    []string // prefixes that stay forbidden although they are lower
}

// floors is the house, ground up.
var floors = []floor{
	{packages: []string{"framing", "internal/clock", "internal/machine", "internal/sources", "internal/spelling", "internal/floors", "labs/wire"}},
	{
		packages: []string{"internal/access", "internal/queue", "internal/queue/*", "capture/*"},
		beside: []string{
			"internal/access → internal/queue",       // what a topic and a pattern is
			"internal/queue/* → internal/queue",      // stores and what serves the queue know its words
			"internal/queue → internal/queue/memory", // the store that a queue has by default
			"internal/queue → internal/queue/fates",  // what it tells origins of their events
			"internal/queue/edge → internal/queue/fates",
			"capture/account → capture/dissect", // fates are told from decoded packets
			"capture/tcpflow → capture/dissect", // flows are told from decoded headers
			"capture/filter → capture/pcapng",   // the numbers of link types
		},
		never: []string{"labs"},
	},
	{packages: []string{"capture", "internal/tools"}, never: []string{"labs"}},
	{
		packages: []string{"tcpq", "tcpq/*", "udpq", "udpq/*"},
		beside:   []string{"tcpq/gateway → tcpq", "udpq → udpq/*", "udpq/nack → udpq/ack"},
		never:    []string{"capture", "labs"},
	},
	{packages: []string{"labs/host", "internal/metrics"}},
	{packages: []string{"labs/report", "labs/bench", "labs/testbed"}},
	{packages: []string{"labs/page", "labs/measure", "labs/sweep"}, beside: []string{"labs/sweep → labs/measure", "labs/sweep → labs/page"}},
	{packages: []string{"labs"}},
	{packages: []string{"labs/scenario"}},
	{packages: []string{"cmd/rawlab/live"}},
	{packages: []string{"cmd/rawlab/command"}},
	{packages: []string{"cmd/rawlab", "scripts/peers", "scripts/peers/gopacket"}},
}

// floorOf returns the floor of a package, -1 if the table does not know it.
func floorOf(pkg string) int {
	return slices.IndexFunc(floors, func(f floor) bool { return matchAny(f.packages, pkg) })
}

func matchAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
}

// objection says why importer must not import imported, or "".
func objection(importer, imported string) string {
	from, to := floorOf(importer), floorOf(imported)
	switch {
	case from < 0 || to < 0:
		return "" // reported once, by the test that every package has a floor
	case slices.ContainsFunc(floors[from].never, func(p string) bool { return imported == p || strings.HasPrefix(imported, p+"/") }):
		return importer + " must never import " + imported
	case to > from:
		return importer + " imports " + imported + ", which is on a higher floor"
	case to == from && !besideAllowed(floors[from].beside, importer, imported):
		return importer + " imports " + imported + ", which is on the same floor"
	}
	return ""
}

func besideAllowed(pairs []string, importer, imported string) bool {
	return slices.ContainsFunc(pairs, func(pair string) bool {
		a, b, _ := strings.Cut(pair, " → ")
		return matchAny([]string{a}, importer) && matchAny([]string{b}, imported)
	})
}

func TestFloors(t *testing.T) {
	for _, p := range packages(t) {
		if floorOf(p.path) < 0 {
			t.Errorf("package %s has no floor: place it in the table of this test", p.path)
		}
		for _, imported := range p.imports {
			if why := objection(p.path, imported); why != "" {
				t.Error(why)
			}
		}
	}
}

// TestObjection shows that the table can object at all.
func TestObjection(t *testing.T) {
	for pair, allowed := range map[string]bool{
		"framing → internal/queue":            false,
		"internal/queue → framing":            true,
		"internal/queue/bolt → framing":       true,
		"internal/queue → internal/queue/a":   false,
		"internal/queue/a → internal/queue/b": false,
		"internal/queue/a → internal/queue":   true,
		"internal/queue/a → labs/wire":        false,
		"capture/dissect → framing":           true,
		"capture/account → capture/dissect":   true,
		"capture/dissect → capture/account":   false,
		"capture/dissect → capture/pcapng":    false,
		"capture/account → labs/wire":         false,
		"capture → capture/pcapng":            true,
		"capture/pcapng → capture":            false,
		"tcpq → udpq":                         false,
		"udpq → tcpq":                         false,
		"tcpq → capture/dissect":              false,
		"tcpq/gateway → tcpq":                 true,
		"tcpq → tcpq/gateway":                 false,
		"udpq → labs/wire":                    false,
		"udpq → internal/queue":               true,
		"tcpq → internal/access":              true,
		"internal/access → internal/queue":    true,
		"internal/queue → internal/access":    false,
		"labs/host → labs/wire":               true,
		"labs → labs/host":                    true,
		"labs/host → labs":                    false,
		"cmd/rawlab → cmd/rawlab/command":     true,
		"cmd/rawlab/command → labs":           true,
		"cmd/rawlab/live → capture/dissect":   true,
		"labs → cmd/rawlab/live":              false,
		"labs → cmd/rawlab/command":           false,
		"internal/machine → labs/wire":        false,
		"cmd/rawlab/command → tcpq/gateway":   true,
		"internal/queue → internal/clock":     true,
		"labs/report → capture/account":       true,
		"labs/bench → tcpq":                   true,
		"capture/filter → framing":            true,
		"framing → framing/no/such/package":   true, // no floor: the other test's matter
		"capture → labs/report":               false,
		"internal/queue/memory → labs/bench":  false,
	} {
		importer, imported, _ := strings.Cut(pair, " → ")
		if got := objection(importer, imported); (got == "") != allowed {
			t.Errorf("objection(%s) = %q, allowed should be %t", pair, got, allowed)
		}
	}
}
