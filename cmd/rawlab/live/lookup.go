package live

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"rawlab/capture/filter"
)

const filterLabel = " filter: "

func (m *model) askFilter() tea.Cmd {
	return m.ask(filterLabel, m.store.filter.expr, (*model).applyFilter)
}

// applyFilter shows other packets. A mistake is marked, and the prompt stays.
func (m *model) applyFilter(text string) bool {
	if strings.TrimSpace(text) == "" {
		text = ""
	}
	err := m.store.refilter(text)
	if e, ok := errors.AsType[*filter.SyntaxError](err); ok {
		m.prompt.input.SetCursor(utf8.RuneCountInString(text[:e.Column-1]))
		m.prompt.mark = &mark{at: m.prompt.input.Position(), width: max(e.Width, 1), reason: e.Reason}
		return false
	} else if err != nil {
		m.prompt.mark = &mark{reason: err.Error()}
		return false
	}
	m.settle()
	return true
}

func (m *model) askEvent() tea.Cmd {
	return m.ask(" event ORIGIN:SEQUENCE: ", "", (*model).lookUp)
}

// lookUp goes to the first packet that carried an event.
func (m *model) lookUp(text string) bool {
	key, err := parseEvent(text)
	if err != nil {
		m.prompt.mark = &mark{width: utf8.RuneCountInString(text), reason: err.Error()}
		return false
	}
	m.found = m.store.finder.packets(key)
	shown := slices.DeleteFunc(slices.Clone(m.found), func(n int) bool {
		_, exact := m.store.place(n)
		return !exact
	})
	switch {
	case len(m.found) == 0:
		m.message = fmt.Sprintf("event %d:%d is in none of the %s kept", key.origin, key.sequence, packets(m.store.packets.len()))
	case len(shown) == 0:
		m.message = fmt.Sprintf("event %d:%d is in packet %s, which the filter hides", key.origin, key.sequence, numbers(m.found))
	default:
		m.message = fmt.Sprintf("event %d:%d is in packet %s; n and N go through them", key.origin, key.sequence, numbers(m.found))
		m.found = shown
		m.goTo(shown[0])
		m.layers.seek(key)
		m.revealBytes()
	}
	return true
}

// nextFound goes to the next or previous packet of the event looked up.
func (m *model) nextFound(step int) {
	if len(m.found) == 0 {
		m.message = "no event was looked up: / does"
		return
	}
	i, exact := slices.BinarySearch(m.found, m.list.selected)
	if step < 0 || exact {
		i += step
	}
	if i < 0 || i >= len(m.found) {
		m.message = "there is no further packet of this event"
		return
	}
	m.goTo(m.found[i])
}

// goTo selects a packet.
func (m *model) goTo(number int) {
	m.list.follow = false
	m.list.selected = number
	m.bytes = 0
	m.settle()
	m.revealBytes()
	if m.list.selected != number {
		m.message = fmt.Sprintf("packet %d is no longer kept, or hidden by the filter", number)
	}
}

// parseEvent reads ORIGIN:SEQUENCE.
func parseEvent(text string) (eventKey, error) {
	first, second, found := strings.Cut(strings.TrimSpace(text), ":")
	origin, err1 := strconv.ParseUint(first, 10, 64)
	sequence, err2 := strconv.ParseUint(second, 10, 64)
	if !found || err1 != nil || err2 != nil {
		return eventKey{}, fmt.Errorf("%q is no event: write two numbers, such as 7:12", clean(text))
	}
	return eventKey{origin, sequence}, nil
}

// numbers lists packets, the first few of many.
func numbers(list []int) string {
	var b strings.Builder
	for i, n := range list {
		if i == 6 {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}
