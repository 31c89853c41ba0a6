package account

import (
	"net/netip"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// crossing is one datagram, or one TCP segment, on one leg: its packets and
// the events it carries, whole or in part. The datagrams that carry one event
// in pieces are one crossing.
type crossing struct {
	events []ID
	pieces []*Sighting // more than one if IP, or we, cut it
	cut    *cut        // if we did
}

// crossings groups a leg's sightings and reads what they carry.
func crossings(in *Input, tap *Tap, j *Joined) []crossing {
	if in.Transport == dissect.TCP {
		return segments(tap, j)
	}
	return datagrams(tap, j)
}

// fragmentKey tells IP datagrams apart (RFC 791, section 3.2).
type fragmentKey struct {
	src, dst netip.Addr
	id       uint32
}

// datagrams groups IP fragments into datagrams. The sender's first fragment
// comes first, and starts a new datagram even if the identification has been
// used before.
func datagrams(tap *Tap, j *Joined) []crossing {
	parser := dissect.NewParser(dissect.LinkEthernet)
	list := make([]crossing, 0, len(j.Sightings))
	open := map[fragmentKey]int{}
	cuts := map[cutKey]int{}
	for i := range j.Sightings {
		s := &j.Sightings[i]
		h, err := parser.Parse(tap.Packets[s.Packet].Data)
		if err != nil {
			continue
		}
		if !h.Fragment {
			events, fragments := carried(h.Payload)
			if len(fragments) == 0 || len(events) > 0 {
				list = append(list, crossing{events: events, pieces: []*Sighting{s}})
			}
			for _, f := range fragments {
				key := cutKey{h.Src, h.Dst, ID{f.Origin, f.Sequence}, f.Time}
				at, ok := cuts[key]
				if !ok {
					at = len(list)
					cuts[key] = at
					list = append(list, crossing{events: []ID{key.event}, cut: new(cut)})
				}
				list[at].pieces = append(list[at].pieces, s)
				list[at].cut.add(&f)
			}
			continue
		}
		key := fragmentKey{h.Src.Addr(), h.Dst.Addr(), h.ID}
		if at, ok := open[key]; ok && h.FragmentOffset > 0 {
			list[at].pieces = append(list[at].pieces, s)
			continue
		}
		c := crossing{pieces: []*Sighting{s}}
		if origin, sequence, ok := framing.Identify(h.Payload); ok && h.FragmentOffset == 0 {
			c.events = []ID{{origin, sequence}}
		}
		open[key] = len(list)
		list = append(list, c)
	}
	return list
}

// carried lists the events in a whole datagram, and the fragment frames there.
func carried(datagram []byte) (events []ID, fragments []framing.Frame) {
	for f, err := range framing.Unpack(datagram) {
		switch {
		case err != nil:
		case f.Kind == framing.KindEmit, f.Kind == framing.KindEvent:
			events = append(events, ID{f.Origin, f.Sequence})
		case f.Kind == framing.KindFragment:
			fragments = append(fragments, f)
		}
	}
	return events, fragments
}
