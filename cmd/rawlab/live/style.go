package live

import (
	"fmt"
	"net"
	"strings"
	"unicode"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"rawlab/capture/pcapng"
	"rawlab/labs/report"
)

// What matters is told apart by more than colour, which NO_COLOR and many
// terminals take away.
var (
	titleStyle     = lipgloss.NewStyle().Reverse(true).Bold(true)
	paneTitle      = lipgloss.NewStyle().Foreground(lipgloss.Cyan).Underline(true)
	paneTitleFocus = paneTitle.Bold(true)
	selectedFocus  = lipgloss.NewStyle().Reverse(true)
	selectedBeside = lipgloss.NewStyle().Bold(true)
	litStyle       = lipgloss.NewStyle().Reverse(true).Foreground(lipgloss.Yellow)
	alarm          = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	footStyle      = lipgloss.NewStyle().Faint(true)
)

// selected is how a pane draws the row that is selected in it.
func (m *model) selected(p pane) lipgloss.Style {
	if m.focus == p {
		return selectedFocus
	}
	return selectedBeside
}

const linkEthernet = pcapng.LinkEthernet

// fit cuts or fills a text to a width.
func fit(text string, width int) string {
	if n := ansi.StringWidth(text); n > width {
		text = ansi.Truncate(text, width, "…")
	}
	return text + strings.Repeat(" ", max(width-ansi.StringWidth(text), 0))
}

// skip leaves out the first columns of a text.
func skip(text string, columns int) string {
	if columns == 0 {
		return text
	}
	return ansi.TruncateLeft(text, columns, "…")
}

// edges puts one text at the left end of a line and one at its right end.
func edges(left, right string, width int) string {
	return fit(left, max(width-ansi.StringWidth(right)-1, 0)) + " " + right
}

// clean takes out of a text what a terminal would not print: it may come from
// a packet.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, text)
}

func mac(b []byte) string { return net.HardwareAddr(b).String() }

func packets(n int) string { return plural(n, "packet") }

func plural[T int | uint64](n T, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%s %s", report.Count(n), what)
}
