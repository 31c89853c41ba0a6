package live

import (
	"rawlab/capture"
	"rawlab/capture/filter"
	"rawlab/capture/pcapng"
)

// filtering is the filter of what is shown, for each link type that there is.
type filtering struct {
	expr     string
	programs map[uint16]*filter.Program
	err      error // why it could not be applied to some packet
}

// newFiltering compiles an expression for the interfaces known so far; empty
// ones take every packet.
func newFiltering(expr string, interfaces []pcapng.Interface) (filtering, error) {
	f := filtering{expr: expr, programs: make(map[uint16]*filter.Program)}
	if len(interfaces) == 0 {
		interfaces = []pcapng.Interface{{LinkType: pcapng.LinkEthernet}}
	}
	for i := range interfaces {
		if _, err := f.program(interfaces[i].LinkType); err != nil {
			return filtering{}, err
		}
	}
	return f, nil
}

func (f *filtering) program(link uint16) (*filter.Program, error) {
	if p := f.programs[link]; p != nil {
		return p, nil
	}
	p, err := filter.Compile(f.expr, link)
	if err == nil {
		f.programs[link] = p
	}
	return p, err
}

// takes reports whether a packet is shown. One that the filter cannot be
// applied to is not, and why is kept.
func (f *filtering) takes(p *packet) bool {
	if f.expr == "" {
		return true
	}
	program, err := f.program(p.link)
	if err == nil {
		var takes bool
		if takes, err = capture.Match(program, &p.Packet); err == nil {
			return takes
		}
	}
	if f.err == nil {
		f.err = err
	}
	return false
}
