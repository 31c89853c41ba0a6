package command

import (
	"encoding/json"
	"io"
)

type (
	waterfallJSON struct {
		File   string          `json:"file"`
		Events []fallEventJSON `json:"events"`
	}
	fallEventJSON struct {
		Event   string           `json:"event"`
		Payload int              `json:"payload_bytes"`
		Ways    []fallWayJSON    `json:"ways"` // one for each crossing of the event from a host to another
		Packets []fallPacketJSON `json:"packets"`
	}
	fallWayJSON struct {
		Kind      string  `json:"kind"`
		Transport string  `json:"transport"`
		Source    string  `json:"src"`
		Target    string  `json:"dst"`
		Interface int     `json:"interface"`
		Packets   int     `json:"packets"`
		Payload   int     `json:"payload_bytes"`
		Bytes     float64 `json:"bytes"` // charged to the event
		Overhead  float64 `json:"overhead_percent"`
	}
	fallPacketJSON struct {
		Number    int            `json:"number"`
		Interface int            `json:"interface"`
		Direction string         `json:"direction,omitempty"`
		Bytes     int            `json:"bytes"`
		Payload   int            `json:"payload_bytes"`
		Layers    []fallStepJSON `json:"layers"`
	}
	fallStepJSON struct {
		Name     string `json:"name"`
		OSI      int    `json:"osi"`
		TCPIP    string `json:"tcpip"`
		Owner    string `json:"owner"` // packet, event or other frames
		From     int    `json:"from"`
		To       int    `json:"to"`
		Overhead int    `json:"overhead"`
	}
)

func (x *captureIndex) writeWaterfallJSON(w io.Writer, falls []*waterfall) error {
	o := waterfallJSON{File: x.file, Events: []fallEventJSON{}}
	for _, f := range falls {
		e := fallEventJSON{Event: f.s.name(), Payload: f.s.whole().PayloadLength, Ways: []fallWayJSON{}, Packets: []fallPacketJSON{}}
		for i := range f.ways {
			y := &f.ways[i]
			e.Ways = append(e.Ways, fallWayJSON{
				y.kind.String(), y.transport.String(), y.src.String(), y.dst.String(), y.iface, y.packets, y.payload, y.bytes, y.overhead(),
			})
		}
		for i := range f.packets {
			d := &f.packets[i]
			p := fallPacketJSON{Number: d.number, Interface: d.Interface, Direction: direction(&d.Packet), Bytes: len(d.Data), Payload: d.payload}
			for _, s := range d.steps {
				p.Layers = append(p.Layers, fallStepJSON{s.name, s.osi, s.tcpip, s.owner.String(), s.from, s.to, s.overhead})
			}
			e.Packets = append(e.Packets, p)
		}
		o.Events = append(o.Events, e)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(o)
}
