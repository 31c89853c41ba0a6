package live

import "strings"

// helpText is the screen of "?". It fits 80×24.
const helpText = `
 Packets        ↑ ↓ k j      one up, one down        PgUp PgDn    a page
                g G          the first, the last; behind the last one the list
                             follows the capture
                [ ]          the packet before, after, from any pane
                ← →          more of what a row says
 Layers         ↑ ↓          the layer or field whose bytes are lit
                → ← enter    show its fields, hide them
 Bytes          ↑ ↓ PgUp PgDn
 Panes          tab           the next one           z            zoom
 Finding        f             write a filter, in tcpdump's language; an empty
                              one shows all
                /             go to an event: ORIGIN:SEQUENCE
                n N           its next packet, the one before
 Lost           kernel        packets that came faster than they were read
                gaps          events between an origin's first and last that
                              were in no packet captured
                damaged       packets whose checksum the receiver refuses
                unreadable    packets whose headers contradict themselves
 The screen     ctrl+l        draw it anew           q ctrl+c     quit
`

// helpLines draws the help.
func (m *model) helpLines() []string {
	lines := []string{titleStyle.Render(fit(" rawlab · keys · any key goes back", m.width))}
	for line := range strings.SplitSeq(strings.Trim(helpText, "\n"), "\n") {
		lines = append(lines, fit(line, m.width))
	}
	return fill(lines, m.height, m.width)
}
