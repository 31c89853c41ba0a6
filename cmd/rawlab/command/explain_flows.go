package command

import (
	"cmp"
	"errors"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"rawlab/capture/dissect"
	"rawlab/capture/tcpflow"
)

// joinedFlow is one TCP connection as all taps of a file saw it.
type joinedFlow struct {
	views   []flowView
	samples []tcpInfoSample
}

// flowView is a connection as one interface saw it.
type flowView struct {
	iface int
	tcpflow.Flow
}

// runFlows tells of every TCP flow what it came to.
func (f *explainFlags) runFlows(c *cobra.Command, file io.ReadSeeker) error {
	samples, err := readTCPInfo(f.file)
	if err != nil {
		return err
	}
	waits := &streamWaits{by: map[waitKey]*tcpflow.Waits{}}
	x, err := scanCapture(f.file, file, func(p *seenPacket) bool { waits.add(p); return true })
	if err != nil {
		return err
	}
	waits.finish()
	flows := joinFlows(x)
	if f.flow != "" {
		flows = slices.DeleteFunc(flows, func(j *joinedFlow) bool { return j.client() != f.endpoint && j.server() != f.endpoint })
	}
	if len(flows) == 0 {
		return errors.Join(x.err, f.nothing("TCP flow"))
	}
	for _, j := range flows {
		j.look(samples)
	}
	o := &flowsOutput{scan: x, flows: flows, waits: waits}
	switch w := c.OutOrStdout(); {
	case f.json:
		err = o.writeJSON(w)
	case f.asTable():
		err = f.write(w, o.table())
	default:
		err = o.print(&explainPrinter{w: w, bold: bold(w)})
	}
	return errors.Join(err, x.err)
}

// joinFlows puts together what the taps saw of one connection: the same ends
// at the same time.
func joinFlows(x *captureScan) []*joinedFlow {
	var flows []*joinedFlow
	known := map[route][]*joinedFlow{}
	for i, t := range x.taps {
		for _, f := range t.flows() {
			key := route{f.Client, f.Server}
			if f.Server.Compare(f.Client) < 0 {
				key = route{f.Server, f.Client}
			}
			v := flowView{i, f}
			at := slices.IndexFunc(known[key], func(j *joinedFlow) bool { return j.misses(&v) })
			if at >= 0 {
				known[key][at].views = append(known[key][at].views, v)
				continue
			}
			j := &joinedFlow{views: []flowView{v}}
			known[key] = append(known[key], j)
			flows = append(flows, j)
		}
	}
	slices.SortStableFunc(flows, func(a, b *joinedFlow) int { return cmp.Compare(a.first().UnixNano(), b.first().UnixNano()) })
	return flows
}

// misses reports whether a view is of this connection, and of a tap that has
// not told of it yet.
func (j *joinedFlow) misses(v *flowView) bool {
	for i := range j.views {
		if w := &j.views[i]; w.iface == v.iface || w.Last.Before(v.First) || v.Last.Before(w.First) {
			return false
		}
	}
	return true
}

func (j *joinedFlow) first() time.Time {
	t := j.views[0].First
	for _, v := range j.views {
		if v.First.Before(t) {
			t = v.First
		}
	}
	return t
}

func (j *joinedFlow) last() time.Time {
	t := j.views[0].Last
	for _, v := range j.views {
		if v.Last.After(t) {
			t = v.Last
		}
	}
	return t
}

// opened returns the view that knows best which end is the client.
func (j *joinedFlow) opened() *flowView {
	for i := range j.views {
		if j.views[i].Opened {
			return &j.views[i]
		}
	}
	return &j.views[0]
}

func (j *joinedFlow) client() netip.AddrPort { return j.opened().Client }
func (j *joinedFlow) server() netip.AddrPort { return j.opened().Server }

// flowDirection is one of a flow's as the tap at its sender and the tap at its
// receiver saw it; nil where there is none. Any is the best there is.
type flowDirection struct {
	src, dst           netip.AddrPort
	sent, came, any    *tcpflow.Direction
	sentAt, cameAt, at int // interfaces
}

func (j *joinedFlow) direction(toServer bool) *flowDirection {
	d := &flowDirection{src: j.client(), dst: j.server()}
	if !toServer {
		d.src, d.dst = d.dst, d.src
	}
	for i := range j.views {
		v := &j.views[i]
		x := &v.ToServer
		if v.Client != d.src {
			x = &v.ToClient
		}
		if x.Tap.Sends() {
			d.sent, d.sentAt = x, v.iface
		}
		if x.Tap.Receives() {
			d.came, d.cameAt = x, v.iface
		}
		if d.any == nil || x.Tap.Sends() {
			d.any, d.at = x, v.iface
		}
	}
	return d
}

// look takes the samples of the flow's ends out of all.
func (j *joinedFlow) look(samples []tcpInfoSample) {
	for _, s := range samples {
		ends := s.local == j.client() && s.remote == j.server() || s.local == j.server() && s.remote == j.client()
		if ends && !s.time.Before(j.first().Add(-time.Second)) && !s.time.After(j.last().Add(time.Second)) {
			j.samples = append(j.samples, s)
		}
	}
}

// streamWaits gathers how long events waited for what preceded them in their
// stream.
type streamWaits struct {
	taps []*dissect.Assembler
	by   map[waitKey]*tcpflow.Waits
	all  map[waitKey]int
}

type waitKey struct {
	iface int
	route
}

func (w *streamWaits) add(p *seenPacket) {
	if !p.tcp {
		return
	}
	for len(w.taps) <= p.Interface {
		w.taps = append(w.taps, nil)
	}
	if w.taps[p.Interface] == nil {
		w.taps[p.Interface] = dissect.NewAssembler(&dissect.Options{LinkType: p.link})
	}
	a := w.taps[p.Interface]
	a.Add(p.number, p.Time, p.Data)
	if p.number%gatherEvery == 0 {
		w.gather(p.Interface, a.Frames())
	}
}

func (w *streamWaits) gather(iface int, frames []*dissect.Frame) {
	for _, f := range frames {
		if !f.Event() || f.Err != nil {
			continue
		}
		k := waitKey{iface, route{f.Src, f.Dst}}
		if w.by[k] == nil {
			w.by[k] = &tcpflow.Waits{}
		}
		if w.all == nil {
			w.all = map[waitKey]int{}
		}
		w.all[k]++
		if d := f.Waited; d > 0 {
			x := w.by[k]
			x.Count++
			x.Total += d
			x.Longest = max(x.Longest, d)
		}
	}
}

func (w *streamWaits) finish() {
	for i, a := range w.taps {
		if a != nil {
			w.gather(i, a.Finish())
		}
	}
}
