package command

import (
	"io"

	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
)

// lookAhead is how many packets beyond the last one shown are read for the
// end of what it began.
const lookAhead = 1000

// overhear finds the messages of other protocols that packets which are shown
// carried parts of, and gives them to those packets. It reads on where the
// second reading of the file stands, at packet n.
type overhear struct {
	x    *captureIndex
	taps []*dissect.Assembler
}

// add reads one packet.
func (o *overhear) add(n int, p *pcapng.Packet) {
	for len(o.taps) <= p.Interface {
		o.taps = append(o.taps, dissect.NewAssembler(&dissect.Options{
			LinkType: o.x.interfaces[len(o.taps)].LinkType,
			Messages: func(packet int) bool { return o.x.details[packet] != nil },
		}))
	}
	a := o.taps[p.Interface]
	a.Add(n, p.Time, p.Data)
	a.Frames() // those are known
}

// finish reads a little further and tells the packets what they carried.
func (o *overhear) finish(r *pcapng.Reader, n int) error {
	for range lookAhead {
		p, err := r.Next()
		if err != nil {
			if err != io.EOF && o.x.err == nil {
				return err
			}
			break
		}
		n++
		o.add(n, &p)
	}
	for _, a := range o.taps {
		a.Finish()
		for _, m := range a.Messages() {
			for _, part := range m.Parts {
				if d := o.x.details[part.Packet]; d != nil {
					d.carried = append(d.carried, dissect.Carried{Message: m, Part: part})
				}
			}
		}
	}
	return nil
}
