package live

import (
	"fmt"
	"strings"

	"rawlab/labs/report"
)

// titleLine says what is captured and how much of it is kept.
func (m *model) titleLine() string {
	s := m.store
	text := fmt.Sprintf(" rawlab · %s · %s", clean(m.config.Title), packets(s.total))
	if s.total > s.packets.len() {
		text += fmt.Sprintf(", the last %s kept", report.Count(s.packets.len()))
	} else {
		text += fmt.Sprintf(", at most %s kept", report.Count(s.limits.Packets))
	}
	return titleStyle.Render(edges(text, m.state()+" ", m.width))
}

// state says whether more will come, and whether the screen follows it.
func (m *model) state() string {
	switch {
	case m.store.err != nil:
		return "ended by an error"
	case m.store.ended && m.config.Stats == nil:
		return "all read"
	case m.store.ended:
		return "ended"
	case m.config.Stats == nil:
		return "reading"
	case m.list.follow:
		return "following"
	}
	return "capturing"
}

// lossLine says what was lost, and where.
func (m *model) lossLine() string {
	s := m.store
	kernel := s.noted
	if m.config.Stats != nil {
		kernel = m.stats.Dropped
	}
	unreadable, damaged := s.finder.stats()
	g := &s.finder.gaps
	origins := plural(len(g.origins), "origin")
	if g.more {
		origins = "the first " + origins
	}
	parts := []string{
		alarming(kernel, fmt.Sprintf("kernel %s", report.Count(kernel))),
		alarming(g.missing, fmt.Sprintf("gaps %s of %s", plural(g.missing, "event"), origins)),
		alarming(uint64(damaged), fmt.Sprintf("damaged %s", report.Count(damaged))),
		alarming(uint64(unreadable), fmt.Sprintf("unreadable %s", report.Count(unreadable))),
	}
	return fit(" lost: "+strings.Join(parts, " · "), m.width)
}

// alarming draws a loss so that it is seen, if there is one.
func alarming(n uint64, text string) string {
	if n == 0 {
		return text
	}
	return alarm.Render(text)
}

// filterLine says what is shown, or is where the user writes.
func (m *model) filterLine() string {
	if m.prompt != nil {
		return fit(m.prompt.input.View(), m.width)
	}
	s := m.store
	text := filterLabel
	if s.filter.expr == "" {
		text += "none, f writes one"
	} else {
		text += clean(s.filter.expr)
	}
	if m.config.Filter != "" {
		text += "  (of " + clean(m.config.Filter) + ")"
	}
	shown := report.Count(s.shown.len()) + " shown "
	if s.filter.err != nil {
		shown = alarm.Render(clean(s.filter.err.Error())) + " "
	}
	return edges(text, shown, m.width)
}

// markLine points at what is wrong in the line above it.
func (m *model) markLine() string {
	k := m.prompt.mark
	lead := len([]rune(m.prompt.label)) + k.at
	if lead+k.width >= m.width/2 { // the line above may have scrolled
		return alarm.Render(fit(" "+clean(k.reason), m.width))
	}
	pointer := ""
	if k.width > 0 {
		pointer = "^" + strings.Repeat("~", k.width-1) + " "
	}
	return alarm.Render(fit(strings.Repeat(" ", lead)+pointer+clean(k.reason), m.width))
}

// footLine has a message, or the keys.
func (m *model) footLine() string {
	switch {
	case m.message != "":
		return footStyle.Render(fit(" "+m.message, m.width))
	case m.store.err != nil:
		return alarm.Render(fit(" "+clean(m.store.err.Error()), m.width))
	case m.prompt != nil:
		return footStyle.Render(fit(" enter takes it · esc leaves it as it was", m.width))
	}
	return footStyle.Render(fit(" tab pane · ↑↓ move · enter open · f filter · / event · z zoom · ? help · q quit", m.width))
}
