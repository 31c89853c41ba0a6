package live

import (
	"fmt"
	"strings"

	"rawlab/labs/report"
)

// listLines draws the packets.
func (m *model) listLines(rows int) []string {
	s := m.store
	from, to := m.list.window(s, rows)
	var shown []row
	for i := from; i < to; i++ {
		shown = append(shown, m.list.row(s, s.packet(*s.shown.at(i))))
	}
	c := columnsOf(shown, m.width)
	lines := []string{m.title(listPane, c.head())}
	for i := range shown {
		r := &shown[i]
		text := fit("  "+c.line(r, m.list.shift), m.width)
		if r.number == m.list.selected {
			text = m.selected(listPane).Render(text)
		}
		lines = append(lines, text)
	}
	if len(shown) == 0 {
		lines = append(lines, fit("  "+m.nothing(), m.width))
	}
	return lines
}

// nothing says why the list is empty.
func (m *model) nothing() string {
	s := m.store
	switch {
	case s.total > 0:
		return fmt.Sprintf("the filter takes none of the %s kept", packets(s.packets.len()))
	case s.ended:
		return "there were no packets"
	}
	return "waiting for packets"
}

// columns are how wide those of the list are.
type columns struct{ number, time, source, target, protocol, length int }

func columnsOf(rows []row, width int) columns {
	address := max(width/5, leastAddress)
	c := columns{number: 3, time: 4, source: 6, target: 11, protocol: 5, length: 3}
	for i := range rows {
		r := &rows[i]
		c.number = max(c.number, len(fmt.Sprint(r.number)))
		c.time = max(c.time, len(r.time))
		c.source = min(max(c.source, len(r.source)), address)
		c.target = min(max(c.target, len(r.target)), address)
		c.protocol = max(c.protocol, len(r.protocol))
		c.length = max(c.length, len(r.length))
	}
	return c
}

// leastAddress is room for 10.77.0.1:40000; of a longer address the beginning
// is drawn, unless the terminal is wide.
const leastAddress = 15

func (c columns) head() string {
	return c.line(&row{time: "Time", source: "Source", target: "Destination", protocol: "Proto", length: "Len", info: "Info"}, 0)
}

func (c columns) line(r *row, shift int) string {
	number := "No."
	if r.number > 0 {
		number = fmt.Sprint(r.number)
	}
	return fmt.Sprintf("%*s %*s %s %s %s %*s %s", c.number, number, c.time, r.time,
		fit(r.source, c.source), fit(r.target, c.target), fit(r.protocol, c.protocol), c.length, r.length, skip(r.info, shift))
}

// layerLines draws the layers of the selected packet.
func (m *model) layerLines(rows int) []string {
	p := m.store.packet(m.list.selected)
	if p == nil {
		return []string{m.title(layersPane, "Layers")}
	}
	title := fmt.Sprintf("Packet %d, layers", p.number)
	if p.Length > len(p.Data) {
		title += fmt.Sprintf(" of the first %s of %s bytes", report.Count(len(p.Data)), report.Count(p.Length))
	}
	lines := []string{m.title(layersPane, title)}
	from, to := m.layers.window(rows)
	for i := from; i < to; i++ {
		text := fit(m.layers.rows[i].draw(), m.width)
		if i == m.layers.cursor {
			text = m.selected(layersPane).Render(text)
		}
		lines = append(lines, text)
	}
	return lines
}

func (r *layerRow) draw() string {
	switch {
	case !r.layer:
		return fmt.Sprintf("      %-22s %s", r.name, r.text)
	case r.open:
		return "  ▾ " + r.name
	}
	return fmt.Sprintf("  ▸ %s: %s", r.name, r.text)
}

// bytesPerRow is tcpdump's and everyone's.
const bytesPerRow = 16

// byteLines draws the selected packet's bytes, and lights those of the layer
// under the cursor.
func (m *model) byteLines(rows int) []string {
	p := m.store.packet(m.list.selected)
	title := "Bytes"
	if m.layers.cursor < len(m.layers.rows) {
		title = "Bytes: lit is " + m.layers.rows[m.layers.cursor].describe()
	}
	lines := []string{m.title(bytesPane, title)}
	if p == nil {
		return lines
	}
	from, to := m.layers.lit()
	last := max((len(p.Data)+bytesPerRow-1)/bytesPerRow-rows, 0)
	m.bytes = min(m.bytes, last)
	for i := range rows {
		at := (m.bytes + i) * bytesPerRow
		if at >= len(p.Data) {
			break
		}
		lines = append(lines, fit(byteLine(p.Data, at, from, to), m.width))
	}
	return lines
}

// byteLine draws 16 bytes in hexadecimal and as text; those of [from, to) lit.
func byteLine(data []byte, at, from, to int) string {
	var pairs, text strings.Builder
	for i := at; i < at+bytesPerRow; i++ {
		gap := " "
		if i == at+bytesPerRow/2 {
			gap = "  "
		}
		if i >= len(data) {
			pairs.WriteString(gap + "  ")
			continue
		}
		isLit := i >= from && i < to
		bridge := isLit && i > from && i > at // light the room between two lit bytes too
		c := data[i]
		if c < ' ' || c > '~' {
			c = '.'
		}
		pairs.WriteString(light(gap, bridge) + light(fmt.Sprintf("%02x", data[i]), isLit))
		text.WriteString(light(string(c), isLit))
	}
	return fmt.Sprintf("  %04x ", at) + pairs.String() + "  " + text.String()
}

func light(text string, lit bool) string {
	if lit {
		return litStyle.Render(text)
	}
	return text
}

// scrollBytes moves the bytes on the screen.
func (m *model) scrollBytes(rows int) { m.bytes = max(m.bytes+rows, 0) }

// revealBytes scrolls to the lit bytes, if none of them is on the screen.
func (m *model) revealBytes() {
	rows := max(m.layout()[bytesPane]-1, 1)
	from, to := m.layers.lit()
	first, last := from/bytesPerRow, max(to-1, from)/bytesPerRow
	if first > m.bytes+rows-1 || last < m.bytes {
		m.bytes = first
	}
}
