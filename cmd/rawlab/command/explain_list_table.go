package command

import (
	"fmt"
	"strings"

	"rawlab/capture/dissect"
)

var waterfallColumns = []string{"event", "packet", "interface", "direction", "osi", "layer", "tcpip", "owner", "from", "to", "bytes", "overhead"}

func (x *captureIndex) waterfallTable(falls []*waterfall) *table {
	t := &table{header: waterfallColumns}
	for _, w := range falls {
		for i := range w.packets {
			d := &w.packets[i]
			for _, s := range d.steps {
				t.rows = append(t.rows, []string{
					w.s.name(), fmt.Sprint(d.number), x.interfaces[d.Interface].Name, direction(&d.Packet), fmt.Sprint(s.osi), s.name, s.tcpip,
					s.owner.String(), fmt.Sprint(s.from), fmt.Sprint(s.to), fmt.Sprint(s.to - s.from), fmt.Sprint(s.overhead),
				})
			}
		}
	}
	return t
}

// listColumns are those of the list in CSV and Markdown: a line for each run
// of a frame's bytes in a packet. Byte ranges are half-open.
var listColumns = []string{
	"event", "topic", "payload_bytes", "kind", "transport", "src", "dst", "frame_bytes", "packet", "time", "interface", "direction",
	"from", "to", "frame_at", "retransmission", "damaged", "waited_us", "comment",
}

func (x *captureIndex) listTable() *table {
	t := &table{header: listColumns}
	for _, s := range x.shown {
		for _, f := range s.frames {
			for _, part := range f.Parts {
				d := x.details[part.Packet]
				t.rows = append(t.rows, []string{
					s.name(), f.Topic, fmt.Sprint(f.PayloadLength), f.Kind.String(), f.Transport.String(), f.Src.String(), f.Dst.String(), fmt.Sprint(f.Length),
					fmt.Sprint(part.Packet), d.Time.UTC().Format(timeColumn), x.interfaces[f.iface].Name, direction(&d.Packet),
					fmt.Sprint(part.From), fmt.Sprint(part.To), fmt.Sprint(part.At), fmt.Sprint(part.Retransmission), fmt.Sprint(part.Damaged),
					waitedCell(f.Frame, d), strings.Join(d.Comments, "; "),
				})
			}
		}
	}
	return t
}

const timeColumn = "2006-01-02T15:04:05.000000000Z07:00"

// waitedCell is how long a frame waited for what was before it in its stream,
// empty where that was not where it was received.
func waitedCell(f *dissect.Frame, d *packetDetail) string {
	if f.Transport != dissect.TCP || f.Err != nil || direction(&d.Packet) != "in" {
		return ""
	}
	return fmt.Sprintf("%.3f", microseconds(f.Waited))
}
