package live

import (
	"fmt"

	"rawlab/capture/dissect"
)

// layers is the pane of a packet's layers and, in those that are open, their
// fields.
type layers struct {
	of      int // the packet's number
	carried int // how many parts of frames were known of it
	rows    []layerRow
	open    map[string]bool // layers by name, for the next packet too
	cursor  int
	top     int

	taken []dissect.Layer
}

// layerRow is a layer, or a field of one.
type layerRow struct {
	name, text string
	from, to   int
	layer      bool
	open       bool
	of         *dissect.Frame // whose layer it is; nil if no frame's
}

// show takes a packet apart, if it is another one or more is known of it.
// The cursor stays on the layer of the same name.
func (l *layers) show(p *packet) {
	if p == nil {
		l.of, l.rows, l.taken, l.cursor = 0, nil, nil, 0
		return
	}
	if p.number == l.of && len(p.carried) == l.carried {
		return
	}
	name := ""
	if l.cursor < len(l.rows) {
		name = l.rows[l.cursor].name
	}
	l.of, l.carried = p.number, len(p.carried)
	l.taken = dissect.Dissect(p.Data, p.link, p.carried...)
	l.lay()
	l.cursor = 0
	for i, r := range l.rows {
		if r.name == name {
			l.cursor = i
			break
		}
	}
}

// lay lays out the rows.
func (l *layers) lay() {
	l.rows = nil
	for i := range l.taken {
		t := &l.taken[i]
		if t.From == t.To {
			continue // no bytes in this packet
		}
		open := l.open[t.Name]
		l.rows = append(l.rows, layerRow{name: t.Name, text: clean(t.Meaning), from: t.From, to: t.To, layer: true, open: open, of: t.Of})
		if !open {
			continue
		}
		for _, f := range t.Fields {
			l.rows = append(l.rows, layerRow{name: f.Name, text: clean(f.Value), from: f.From, to: f.To, of: t.Of})
		}
	}
	l.cursor = min(l.cursor, max(len(l.rows)-1, 0))
}

// lit returns which bytes the row under the cursor is about.
func (l *layers) lit() (from, to int) {
	if l.cursor >= len(l.rows) {
		return 0, 0
	}
	return l.rows[l.cursor].from, l.rows[l.cursor].to
}

func (l *layers) move(steps int) {
	l.cursor = min(max(l.cursor+steps, 0), max(len(l.rows)-1, 0))
}

// head returns the row of the layer that the cursor is in.
func (l *layers) head() int {
	i := min(l.cursor, len(l.rows)-1)
	for i > 0 && !l.rows[i].layer {
		i--
	}
	return i
}

// unfold opens or closes the layer that the cursor is in.
func (l *layers) unfold(open bool) {
	i := l.head()
	if i < 0 || l.rows[i].open == open {
		return
	}
	l.cursor = i
	l.open[l.rows[i].name] = open
	l.lay()
}

func (l *layers) toggle() {
	if i := l.head(); i >= 0 {
		l.unfold(!l.rows[i].open)
	}
}

// seek puts the cursor onto an event's own layer.
func (l *layers) seek(key eventKey) {
	for i, r := range l.rows {
		if r.of != nil && r.of.Origin == key.origin && r.of.Sequence == key.sequence && r.of.Event() {
			l.cursor = i
			return
		}
	}
}

// window returns which rows are on a screen of so many.
func (l *layers) window(rows int) (from, to int) {
	l.top = min(max(l.top, l.cursor-rows+1), l.cursor, max(len(l.rows)-rows, 0))
	l.top = max(l.top, 0)
	return l.top, min(l.top+rows, len(l.rows))
}

// describe says what a row is about, for the title of the bytes.
func (r *layerRow) describe() string {
	if r.to-r.from == 1 {
		return fmt.Sprintf("%s, byte %d", r.name, r.from)
	}
	return fmt.Sprintf("%s, bytes %d–%d", r.name, r.from, r.to-1)
}
