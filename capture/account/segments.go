package account

import "rawlab/capture/dissect"

// segments reads TCP's packets as they left their host: each is one crossing
// and carries, whole or in part, the events whose bytes lie in it, sent for
// the first time or again.
func segments(in *Input, tap *Tap, j *Joined) []crossing {
	a := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet})
	list := make([]crossing, len(j.Sightings))
	for i := range j.Sightings {
		s := &j.Sightings[i]
		p := &tap.Packets[s.Packet]
		a.Add(i, p.Time, p.Data)
		list[i].pieces = []*Sighting{s}
	}
	for _, f := range a.Finish() {
		if !f.Event() {
			continue
		}
		last := -1
		for _, part := range f.Parts {
			if part.Packet != last { // parts of one packet stand together
				list[part.Packet].to = in.Subscribers[f.Dst]
				list[part.Packet].events = append(list[part.Packet].events, ID{f.Origin, f.Sequence})
				last = part.Packet
			}
		}
	}
	return list
}
