package page

import (
	"encoding/hex"
	"slices"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
)

// packetData is one packet with its bytes, taken apart.
type packetData struct {
	Number int         `json:"number"`
	Size   int         `json:"size"`
	Hex    string      `json:"hex"` // of its first bytes
	Events []int       `json:"events"`
	Layers []layerData `json:"layers"`
}

// layerData is one layer of a packet, in the order of the bytes.
type layerData struct {
	Name     int      `json:"name"` // a word
	OSI      int      `json:"osi"`
	From     int      `json:"from"`
	To       int      `json:"to"`
	Overhead int      `json:"overhead"`
	Event    int      `json:"event"` // whose bytes these are by place, -1: all that the packet carries
	Meaning  int      `json:"meaning"`
	Fields   [][4]int `json:"fields"` // words for name and value, and the bytes
}

// Bounds of the bytes that a page shows.
const (
	bytesBudget    = 400_000 // of JSON, over all runs, about
	bytesPerPacket = 1536    // of a packet
	packetsOfEvent = 8       // with their bytes
	layerCost      = 130     // bytes of JSON, about
	fieldCost      = 20
)

// bytes takes the packets apart that carry notable events, in the order in
// which they left, as far as the budget goes.
func (b *builder) bytes(f *followed, numbers [2][]int, budget int) []packetData {
	list := []packetData{}
	shown := map[int]int{} // by event: packets
	for i := range f.packets {
		p := &f.packets[i]
		carried, ok := f.carried[p.at]
		if !ok || budget <= 0 || !slices.ContainsFunc(p.events, func(e int) bool { return shown[e] < packetsOfEvent }) {
			continue
		}
		for _, e := range p.events {
			shown[e]++
		}
		seen := &f.e.Taps[p.side].Packets[p.packet]
		data := seen.Data
		d := packetData{
			Number: numbers[p.side][p.packet], Size: len(data) + seen.Cut, Hex: hex.EncodeToString(data[:min(len(data), bytesPerPacket)]),
			Events: p.events[:min(len(p.events), maxCarried)], Layers: []layerData{},
		}
		budget -= len(d.Hex)
		for _, l := range layersOf(data, carried) {
			d.Layers = append(d.Layers, b.layer(f, &l))
			budget -= layerCost + fieldCost*len(l.Fields)
		}
		list = append(list, d)
	}
	return list
}

// layersOf takes a packet apart, in the order of its bytes. What has no bytes
// in it is left out.
func layersOf(data []byte, carried []dissect.Carried) []dissect.Layer {
	slices.SortStableFunc(carried, func(a, b dissect.Carried) int { return a.Part.From - b.Part.From })
	layers := slices.DeleteFunc(dissect.Dissect(data, dissect.LinkEthernet, carried...), func(l dissect.Layer) bool { return l.From == l.To })
	slices.SortStableFunc(layers, func(a, b dissect.Layer) int { return a.From - b.From })
	return layers
}

func (b *builder) layer(f *followed, l *dissect.Layer) layerData {
	d := layerData{
		Name: b.words.number(l.Name), OSI: l.OSI, From: l.From, To: l.To, Overhead: min(l.Overhead, l.To-l.From),
		Event: -1, Meaning: b.words.number(l.Meaning), Fields: [][4]int{},
	}
	if l.Of != nil {
		if i, ok := f.index[account.ID{Origin: l.Of.Origin, Sequence: l.Of.Sequence}]; ok && carriesEvent(l.Of) {
			d.Event = i
		}
	}
	for _, v := range l.Fields {
		d.Fields = append(d.Fields, [4]int{b.words.number(v.Name), b.words.number(v.Value), v.From, v.To})
	}
	return d
}

// carriesEvent reports whether a frame is an event's, whole or in part.
func carriesEvent(f *dissect.Frame) bool { return f.Event() || f.Kind == framing.KindFragment }
