package command

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
	"rawlab/framing"
)

// The JSON of explain. Byte ranges are half-open, as in Go and Python;
// identities are strings, for 64 bits do not fit JavaScript's numbers.
type (
	explainJSON struct {
		File       string          `json:"file"`
		Packets    int             `json:"packets"`
		Interfaces []interfaceJSON `json:"interfaces"`
		Flows      []flowJSON      `json:"flows"`
		Frames     map[string]int  `json:"frames"` // by kind
		Damaged    int             `json:"damaged_packets"`
		Unreadable int             `json:"unreadable_packets"`
		Missing    int             `json:"missing_bytes"`
		Untold     int             `json:"untold_refusals,omitempty"` // ICMP errors about events: there were more than are kept
		Events     int             `json:"events"`
		// then, one by one:
		// "shown": of the events, those chosen, each an eventJSON
		// "details": the packets named in them, each a packetJSON
		// "error": why the file was not read to its end, if it was not
	}
	interfaceJSON struct {
		Name     string `json:"name"`
		LinkType uint16 `json:"link_type"`
		Packets  int    `json:"packets"`
	}
	flowJSON struct {
		Transport  string `json:"transport"`
		Client     string `json:"client"`
		Server     string `json:"server"`
		Packets    int    `json:"packets"`
		Bytes      int    `json:"payload_bytes"`
		Frames     int    `json:"frames"`
		Ours       bool   `json:"rawlab"`
		Interfaces []int  `json:"interfaces"`
	}
	eventJSON struct {
		Event   string           `json:"event"`
		Topic   string           `json:"topic"`
		Payload int              `json:"payload_bytes"`
		Emitted string           `json:"emitted,omitempty"`
		Frames  []eventFrameJSON `json:"frames"`
		Answers []eventFrameJSON `json:"answers"`
		TCP     []eventTCPJSON   `json:"tcp,omitempty"` // with --event
	}
	eventFrameJSON struct {
		Kind      string     `json:"kind"`
		Transport string     `json:"transport"`
		Source    string     `json:"src"`
		Target    string     `json:"dst"`
		Interface int        `json:"interface"`
		Length    int        `json:"length"`
		Fragments int        `json:"fragments,omitempty"`
		Event     string     `json:"event"`
		Parts     []partJSON `json:"parts"`
		Error     string     `json:"error,omitempty"`
	}
	partJSON struct {
		Packet         int  `json:"packet"`
		From           int  `json:"from"`
		To             int  `json:"to"`
		At             int  `json:"frame_at"`
		Retransmission bool `json:"retransmission"`
		Damaged        bool `json:"damaged"`
	}
	packetJSON struct {
		Number    int             `json:"number"`
		Time      string          `json:"time"`
		Interface int             `json:"interface"`
		Direction string          `json:"direction,omitempty"`
		Length    int             `json:"length"`
		Captured  int             `json:"captured"`
		Comments  []string        `json:"comments,omitempty"`
		Layers    []dissect.Layer `json:"layers"`
		Data      string          `json:"data,omitempty"` // hexadecimal, with --hex
	}
)

// writeJSON writes the object as it goes, so that no more of it is in memory
// than one event or one packet.
func (x *captureIndex) writeJSON(w io.Writer, withData bool) error {
	o := explainJSON{
		File: x.file, Packets: x.packets, Interfaces: []interfaceJSON{}, Flows: []flowJSON{}, Frames: map[string]int{},
		Damaged: x.stats.Damaged, Unreadable: x.stats.Unreadable, Missing: x.stats.Missing,
		Untold: x.untold(), Events: x.events.count(),
	}
	for i, n := range x.packetsAt {
		o.Interfaces = append(o.Interfaces, interfaceJSON{x.interfaces[i].Name, x.interfaces[i].LinkType, n})
	}
	for _, f := range x.flows {
		o.Flows = append(o.Flows, flowJSON{
			f.Transport.String(), f.Client.String(), f.Server.String(), f.Packets, f.Bytes, f.Frames, f.Ours, f.ifaces,
		})
	}
	for k, n := range x.frames {
		if n > 0 {
			o.Frames[framing.Kind(k).String()] = n
		}
	}
	j := jsonObject{w: bufio.NewWriter(w)}
	j.begin(o)
	j.list("shown")
	for _, s := range x.shown {
		j.item(s.json())
	}
	j.list("details")
	err := x.dissect(func(d *packetDetail) error {
		j.item(d.json(withData))
		d.layers, d.carried, d.Packet = nil, nil, pcapng.Packet{}
		return j.err
	})
	if x.err != nil {
		j.field("error", x.err.Error())
	}
	return errors.Join(err, j.end())
}

func (s *story) json() eventJSON {
	f := s.whole()
	e := eventJSON{Event: s.name(), Topic: f.Topic, Payload: f.PayloadLength, Frames: []eventFrameJSON{}, Answers: []eventFrameJSON{}}
	if s.emitted > 0 {
		e.Emitted = time.Unix(0, int64(s.emitted)).UTC().Format(time.RFC3339Nano)
	}
	for _, f := range s.frames {
		e.Frames = append(e.Frames, f.json())
	}
	for _, f := range s.answers {
		e.Answers = append(e.Answers, f.json())
	}
	for _, leg := range s.tcp {
		e.TCP = append(e.TCP, leg.json())
	}
	return e
}

func (f sighting) json() eventFrameJSON {
	o := eventFrameJSON{
		Kind: f.Kind.String(), Transport: f.Transport.String(), Source: f.Src.String(), Target: f.Dst.String(),
		Interface: f.iface, Length: f.Length, Fragments: f.Fragments, Event: fmt.Sprintf("%d:%d", f.Origin, f.Sequence),
		Parts: []partJSON{},
	}
	if f.Flags&framing.FlagOffset != 0 && !f.Event() { // an offset in a topic's log is no event's identity
		o.Event = ""
	}
	for _, p := range f.Parts {
		o.Parts = append(o.Parts, partJSON{p.Packet, p.From, p.To, p.At, p.Retransmission, p.Damaged})
	}
	if f.Err != nil {
		o.Error = f.Err.Error()
	}
	return o
}

func (d *packetDetail) json(withData bool) packetJSON {
	o := packetJSON{
		Number: d.number, Time: d.Time.UTC().Format(time.RFC3339Nano), Interface: d.Interface, Direction: direction(&d.Packet),
		Length: d.Length, Captured: len(d.Data), Comments: d.Comments, Layers: d.layers,
	}
	if withData {
		o.Data = hex.EncodeToString(d.Data)
	}
	return o
}
