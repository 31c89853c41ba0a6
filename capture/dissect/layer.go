package dissect

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/gopacket"
)

// Layer is one layer of a packet: which bytes are its own and what they say.
type Layer struct {
	Name    string `json:"name"`
	OSI     int    `json:"osi"` // 1 to 7
	OSIName string `json:"osi_name"`
	TCPIP   string `json:"tcpip"` // link, internet, transport or application (RFC 1122, section 1.1.3)

	// [From, To) are the layer's own bytes in the packet, without what it
	// carries for the layers above; From = To means that it has none here.
	From int `json:"from"`
	To   int `json:"to"`
	// Overhead is how many bytes the layer spends on its own purposes,
	// padding and trailers included; 0 for the user's data.
	Overhead int `json:"overhead"`

	Fields  []Field `json:"fields,omitempty"`
	Meaning string  `json:"meaning"` // one sentence

	// Frame counts the frames of our protocol in the packet, from 1; 0 means
	// that the layer is not a frame's.
	Frame int `json:"frame,omitempty"`
	// Message counts the messages of other protocols, from 1; 0 means that the
	// layer is not a message's.
	Message int `json:"message,omitempty"`
	// Of is that frame; nil if the layer is not a frame's.
	Of *Frame `json:"-"`
	// Quote is the packet that an ICMP error brings back; nil in other layers.
	Quote *Quote `json:"-"`
}

// Field is one field of a layer.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  int    `json:"from"` // bytes in the packet; a field of some bits names the bytes it is in
	To    int    `json:"to"`
}

// Carried says that a packet carried a part of a frame or of another
// protocol's message, as an [Assembler] found out.
type Carried struct {
	Frame   *Frame // of ours
	Message *Message
	Part    Part
}

const (
	osiPhysical = 1 + iota
	osiLink
	osiNetwork
	osiTransport
	osiSession
	osiPresentation
	osiApplication
)

var osiNames = [...]string{"", "physical", "data link", "network", "transport", "session", "presentation", "application"}

// tcpipNames tells which layer of TCP/IP does the work of each OSI layer.
var tcpipNames = [...]string{"", "link", "link", "internet", "transport", "application", "application", "application"}

// maxLayers bounds the recursion on packets that nest tunnels without end.
const maxLayers = 32

// Dissect takes a packet apart into its layers, the lowest first. Every OSI
// layer is there at least once; of one that has no bytes in the packet the
// Meaning says why. Frames of ours are those carried; if none are given, they
// are looked for in this packet alone. What cannot be read is a layer named
// "undecoded".
func Dissect(data []byte, linkType uint16, carried ...Carried) []Layer {
	d := &dissection{data: data, end: len(data), carried: carried}
	switch linkType {
	case LinkEthernet:
		d.ethernet(0)
	case LinkSLL:
		d.cooked(0)
	case LinkSLL2:
		d.cooked2(0)
	case LinkNull, LinkLoop:
		d.loopback(0)
	case LinkRaw, LinkRaw12:
		d.raw(0)
	default:
		d.undecoded(osiLink, 0, fmt.Errorf("link type %d is not known here", linkType))
	}
	d.padding()
	d.complete()
	return d.layers
}

// dissection is a packet being taken apart.
type dissection struct {
	data    []byte
	end     int // where the lengths read so far say that the packet ends
	cut     bool
	layers  []Layer
	carried []Carried

	src, dst netip.Addr // of the innermost IP header
	protocol Protocol   // that carries the application's bytes
	ports    [2]uint16
	fragment bool
}

// add appends a layer, filling in what follows from its number. Lengths in a
// mangled header may reach beyond the packet; no range does.
func (d *dissection) add(l Layer) {
	l.From, l.To = min(l.From, len(d.data)), min(l.To, len(d.data))
	for i := range l.Fields {
		f := &l.Fields[i]
		f.From, f.To = min(f.From, len(d.data)), min(f.To, len(d.data))
	}
	l.OSIName = osiNames[l.OSI]
	if l.TCPIP == "" {
		l.TCPIP = tcpipNames[l.OSI]
	}
	d.layers = append(d.layers, l)
}

// header appends a layer that is a header and nothing else.
func (d *dissection) header(l Layer) {
	l.Overhead = l.To - l.From
	d.add(l)
}

// undecoded appends the rest of the packet as it is.
func (d *dissection) undecoded(osi, from int, why error) {
	from = min(from, d.end)
	d.add(Layer{
		Name: "undecoded", OSI: osi, From: from, To: d.end,
		Meaning: fmt.Sprintf("%d bytes that could not be read: %v.", d.end-from, why),
	})
}

// decode lets gopacket read a layer at from and turns its panics into errors.
func (d *dissection) decode(l gopacket.DecodingLayer, from int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the header contradicts itself (%v)", r)
		}
	}()
	return l.DecodeFromBytes(d.rest(from), feedback{d})
}

// feedback lets gopacket say that the packet is shorter than it states.
type feedback struct{ d *dissection }

func (f feedback) SetTruncated() { f.d.cut = true }

// rest returns the bytes from a place on to the packet's end.
func (d *dissection) rest(from int) []byte { return d.data[min(from, d.end):d.end] }

// tooDeep ends the recursion on mangled packets.
func (d *dissection) tooDeep(from int) bool {
	if len(d.layers) < maxLayers {
		return false
	}
	d.undecoded(osiApplication, from, fmt.Errorf("more than %d layers in one packet", maxLayers))
	return true
}

// padding accounts for the bytes behind the end that IP states: an Ethernet
// frame has at least 60 bytes (IEEE 802.3, without its checksum), so short
// packets are filled up.
func (d *dissection) padding() {
	n := len(d.data) - d.end
	if n <= 0 || len(d.layers) == 0 || d.layers[0].OSI != osiLink {
		return
	}
	l := &d.layers[0]
	l.Overhead += n
	l.Fields = append(l.Fields, Field{"padding", fmt.Sprintf("%d bytes, filling the frame up to its least size", n), d.end, len(d.data)})
}

// complete adds the OSI layers that have no bytes in this packet.
func (d *dissection) complete() {
	for osi := osiPhysical; osi <= osiApplication; osi++ {
		if slices.ContainsFunc(d.layers, func(l Layer) bool { return l.OSI == osi }) {
			continue
		}
		i := slices.IndexFunc(d.layers, func(l Layer) bool { return l.OSI > osi })
		at := len(d.layers)
		if i >= 0 {
			at = i
		}
		place := 0
		if at > 0 {
			place = d.layers[at-1].To
		}
		d.layers = slices.Insert(d.layers, at, Layer{
			Name: "none", OSI: osi, OSIName: osiNames[osi], TCPIP: tcpipNames[osi], From: place, To: place,
			Meaning: d.absent(osi),
		})
	}
}

// absent says why a layer has no bytes in the packet.
func (d *dissection) absent(osi int) string {
	switch osi {
	case osiPhysical:
		return "Signals on a cable or in the air; no capture has them, and a virtual link (lo, veth) has no signal at all."
	case osiLink:
		return "The capture was made above the link layer, or the device has none."
	case osiNetwork:
		return "Nothing here goes beyond this one link."
	case osiTransport:
		if d.fragment {
			return "The transport header is in the datagram's first fragment, not in this one."
		}
		return "No ports, no program: the operating systems talk to each other."
	}
	if slices.ContainsFunc(d.layers, func(l Layer) bool { return l.OSI == osiApplication && l.To > l.From }) {
		return "TCP/IP knows no such layer: if this protocol does that work, it is inside the application's bytes."
	}
	return "No bytes of an application in this packet."
}
