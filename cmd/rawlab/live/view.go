package live

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// The screen, from top to bottom: what is captured, what was lost, the
// filter, the three panes, each with its title, and a line of keys.
const (
	headLines = 3
	footLines = 1

	leastWidth  = 40
	leastHeight = 8
	// smallHeight is where three panes would have too little room: the one
	// with the focus has it all.
	smallHeight = 16
)

// View draws the screen.
func (m *model) View() tea.View {
	m.store.Lock()
	defer m.store.Unlock()
	v := tea.NewView(strings.Join(m.lines(), "\n"))
	v.AltScreen = true
	v.WindowTitle = "rawlab " + clean(m.config.Title)
	return v
}

// lines returns the screen, each line as wide as it is.
func (m *model) lines() []string {
	if m.width == 0 || m.height == 0 {
		return nil // the size is not known yet
	}
	if m.width < leastWidth || m.height < leastHeight {
		return []string{fit("the terminal is too small: 40×8 at least", m.width)}
	}
	if m.help {
		return m.helpLines()
	}
	lines := []string{m.titleLine(), m.lossLine(), m.filterLine()}
	rows := m.layout()
	draw := [panes]func(rows int) []string{m.listLines, m.layerLines, m.byteLines}
	for p, n := range rows {
		if n > 0 {
			lines = append(lines, fill(draw[p](n-1), n, m.width)...)
		}
	}
	if m.prompt != nil && m.prompt.mark != nil {
		lines[headLines] = m.markLine()
	}
	return append(lines, m.footLine())
}

// layout returns how many lines each pane has, its title among them.
func (m *model) layout() (lines [panes]int) {
	room := max(m.height-headLines-footLines, 0)
	if m.maximized || m.height < smallHeight {
		lines[m.focus] = room
		return lines
	}
	lines[layersPane] = room * 3 / 10
	lines[bytesPane] = room * 3 / 10
	lines[listPane] = room - lines[layersPane] - lines[bytesPane]
	return lines
}

// title draws the line above a pane.
func (m *model) title(p pane, text string) string {
	if m.focus == p {
		return paneTitleFocus.Render(fit("▶ "+text, m.width))
	}
	return paneTitle.Render(fit("  "+text, m.width))
}

// fill brings lines to a number.
func fill(lines []string, n, width int) []string {
	for len(lines) < n {
		lines = append(lines, strings.Repeat(" ", width))
	}
	return lines[:n]
}
