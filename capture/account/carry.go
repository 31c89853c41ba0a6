package account

import (
	"iter"
	"net/netip"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// crossing is one datagram, or one TCP segment, on one leg: its packets and
// the events it carries, whole or in part. The datagrams that carry one event
// in pieces are one crossing.
type crossing struct {
	events     []ID
	pieces     []*Sighting    // more than one if IP, or we, cut it
	parts      []part         // of UDP: what IP carried in each piece
	cut        *cut           // if we did
	src        netip.AddrPort // of UDP
	to         uint64         // the one of several subscribers that it is on its way to
	unreadable bool           // no frame in it can be read; events were found by its place among others
}

// datagrams yields what the crossing's datagrams consist of, by the first
// packet of each.
func (c *crossing) datagrams() iter.Seq2[*Sighting, []part] {
	return func(yield func(*Sighting, []part) bool) {
		if c.cut == nil {
			if len(c.parts) > 0 {
				yield(c.pieces[0], c.parts)
			}
			return
		}
		for i := range c.parts {
			if !yield(c.pieces[i], c.parts[i:i+1]) {
				return
			}
		}
	}
}

// crossings groups a leg's sightings and reads what they carry.
func crossings(in *Input, tap *Tap, j *Joined) []crossing {
	if in.Transport == dissect.TCP {
		return segments(in, tap, j)
	}
	return datagrams(in, tap, j)
}

// fragmentKey tells IP datagrams apart (RFC 791, section 3.2).
type fragmentKey struct {
	src, dst netip.Addr
	id       uint32
}

// datagrams groups IP fragments into datagrams. The sender's first fragment
// comes first, and starts a new datagram even if the identification has been
// used before.
func datagrams(in *Input, tap *Tap, j *Joined) []crossing {
	parser := dissect.NewParser(dissect.LinkEthernet)
	list := make([]crossing, 0, len(j.Sightings))
	open := map[fragmentKey]int{}
	cuts := map[cutKey]int{}
	for i := range j.Sightings {
		s := &j.Sightings[i]
		p := &tap.Packets[s.Packet]
		h, err := parser.Parse(p.Data)
		if err != nil {
			continue
		}
		carries := partOf(p, &h)
		if !h.Fragment {
			events, fragments, bad := in.carried(h.Payload)
			if len(fragments) == 0 || len(events) > 0 {
				list = append(list, crossing{events: events, pieces: []*Sighting{s}, parts: []part{carries}, src: h.Src, to: in.Subscribers[h.Dst], unreadable: bad})
			}
			for _, f := range fragments {
				key := cutKey{h.Src, h.Dst, ID{f.Origin, f.Sequence}, f.Time}
				at, ok := cuts[key]
				if !ok {
					at = len(list)
					cuts[key] = at
					list = append(list, crossing{events: []ID{key.event}, cut: new(cut), to: in.Subscribers[h.Dst]})
				}
				list[at].pieces, list[at].parts = append(list[at].pieces, s), append(list[at].parts, carries)
				list[at].cut.add(&f)
			}
			continue
		}
		key := fragmentKey{h.Src.Addr(), h.Dst.Addr(), h.ID}
		if at, ok := open[key]; ok && h.FragmentOffset > 0 {
			list[at].pieces, list[at].parts = append(list[at].pieces, s), append(list[at].parts, carries)
			continue
		}
		c := crossing{pieces: []*Sighting{s}, parts: []part{carries}, src: h.Src, to: in.Subscribers[h.Dst]}
		if origin, sequence, ok := framing.Identify(h.Payload); ok && h.FragmentOffset == 0 {
			c.events = []ID{{origin, sequence}}
		}
		open[key] = len(list)
		list = append(list, c)
	}
	return list
}

// carried lists what a datagram's payload carries, which may be encrypted.
func (in *Input) carried(payload []byte) (events []ID, fragments []framing.Frame, bad bool) {
	if in.Opened == nil {
		return carried(payload)
	}
	clear, ok := in.Opened[string(payload)]
	if !ok {
		return nil, nil, false // of a handshake, or an alert
	}
	return carried(clear)
}

// carried lists the events in a whole datagram, and the fragment frames
// there; bad says that not one frame of it can be read.
func carried(datagram []byte) (events []ID, fragments []framing.Frame, bad bool) {
	good := false
	for f, err := range framing.Unpack(datagram) {
		good = good || err == nil
		switch {
		case err != nil:
		case f.Kind == framing.KindEmit, f.Kind == framing.KindEvent:
			events = append(events, ID{f.Origin, f.Sequence})
		case f.Kind == framing.KindFragment:
			fragments = append(fragments, f)
		}
	}
	return events, fragments, !good
}
