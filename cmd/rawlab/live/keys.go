package live

import (
	tea "charm.land/bubbletea/v2"
)

// pressed does what a key asks for. Those that mean the same everywhere come
// first, then those of the pane that has the focus.
func (m *model) pressed(key string) tea.Cmd {
	m.message = ""
	if m.help && key != "ctrl+c" {
		m.help = false
		return nil
	}
	switch key {
	case "q", "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	case "ctrl+l":
		return tea.ClearScreen
	case "?":
		m.help = true
	case "tab":
		m.focus = (m.focus + 1) % panes
	case "shift+tab":
		m.focus = (m.focus + panes - 1) % panes
	case "z":
		m.maximized = !m.maximized
	case "f":
		return m.askFilter()
	case "/":
		return m.askEvent()
	case "n":
		m.nextFound(1)
	case "N", "shift+n":
		m.nextFound(-1)
	case "[":
		m.move(-1)
	case "]":
		m.move(1)
	default:
		m.inPane(key)
	}
	return nil
}

// inPane gives a key to the pane that has the focus.
func (m *model) inPane(key string) {
	rows := m.layout()[m.focus] - 1
	steps, known := stepsOf(key, rows)
	switch m.focus {
	case listPane:
		switch {
		case known:
			m.move(steps)
		case key == "right" || key == "l":
			m.list.shift += shiftBy
		case key == "left" || key == "h":
			m.list.shift = max(m.list.shift-shiftBy, 0)
		case key == "enter":
			m.focus = layersPane
		}
	case layersPane:
		switch {
		case known:
			m.layers.move(steps)
		case key == "right" || key == "l":
			m.layers.unfold(true)
		case key == "left" || key == "h":
			m.layers.unfold(false)
		case key == "enter" || key == "space":
			m.layers.toggle()
		}
		m.revealBytes()
	case bytesPane:
		if known {
			m.scrollBytes(steps)
		}
	}
}

// all is more steps than anything here has rows.
const all = 1 << 30

// stepsOf is how many rows a key moves down.
func stepsOf(key string, rows int) (steps int, known bool) {
	page := max(rows-1, 1)
	switch key {
	case "up", "k":
		return -1, true
	case "down", "j":
		return 1, true
	case "pgup", "ctrl+b":
		return -page, true
	case "pgdown", "ctrl+f":
		return page, true
	case "home", "g":
		return -all, true
	case "end", "G", "shift+g":
		return all, true
	}
	return 0, false
}

// move selects another packet.
func (m *model) move(steps int) {
	m.list.move(m.store, steps)
	m.bytes = 0
	m.settle()
	m.revealBytes()
}
