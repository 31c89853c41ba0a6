package labs

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/capture/reasons"
	"rawlab/framing"
	"rawlab/labs/host"
)

// maxDrops bounds what is noted of a run's drops (48 bytes each).
const maxDrops = 1 << 22

// takeEvery is how often drops are taken out of the kernel's ring, whose size
// is for many times more.
const takeEvery = 20 * time.Millisecond

// reasonWatch notes why the kernel drops packets of two hosts.
type reasonWatch struct {
	watch  *reasons.Watch
	parser *dissect.Parser
	quit   chan struct{}
	wg     sync.WaitGroup
	seen   account.Reasons
	err    error
}

func watchReasons(hosts ...*host.Host) (*reasonWatch, error) {
	var c reasons.Config
	for _, h := range hosts {
		ns, err := h.Namespace()
		if err != nil {
			return nil, err
		}
		c.Namespaces = append(c.Namespaces, ns)
	}
	watch, err := reasons.Open(&c)
	if err != nil {
		return nil, err
	}
	w := &reasonWatch{watch: watch, parser: dissect.NewParser(dissect.LinkRaw), quit: make(chan struct{})}
	w.wg.Go(w.run)
	return w, nil
}

func (w *reasonWatch) run() {
	tick := time.NewTicker(takeEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.take()
		case <-w.quit:
			w.take()
			return
		}
	}
}

func (w *reasonWatch) take() {
	drops, err := w.watch.Take()
	w.err = errors.Join(w.err, err)
	for i := range drops {
		d, ok := w.identify(&drops[i])
		switch {
		case !ok:
		case len(w.seen.Drops) == maxDrops:
			w.seen.Lost++
		default:
			w.seen.Drops = append(w.seen.Drops, d)
		}
	}
}

// identify tells which event of the lab a dropped packet carried.
func (w *reasonWatch) identify(d *reasons.Drop) (account.Drop, bool) {
	h, _ := w.parser.Parse(d.Packet) // an error says that the packet is cut, which it is
	_, at := h.Extent()
	if h.Protocol != dissect.UDP || at == 0 || h.FragmentOffset > 0 || len(d.Packet) < at+8 {
		return account.Drop{}, false
	}
	src, dst := binary.BigEndian.Uint16(d.Packet[at:]), binary.BigEndian.Uint16(d.Packet[at+2:])
	leg := account.ToServer
	switch {
	case dst == serverPort:
	case src == serverPort:
		leg = account.ToSubscriber
	default:
		return account.Drop{}, false
	}
	frame := d.Packet[at+8:]
	origin, sequence, ok := framing.Identify(frame)
	if !ok {
		return account.Drop{}, false
	}
	drop := account.Drop{Event: account.ID{Origin: origin, Sequence: sequence}, Leg: leg, Reason: d.Reason}
	if framing.Kind(frame[4]&31) != framing.KindFragment { // whose time is that of its cutting
		drop.Time = int64(binary.BigEndian.Uint64(frame[24:]))
	}
	return drop, drop.Time != 0 || d.Namespace != 0
}

// finish ends the watch and returns what it saw.
func (w *reasonWatch) finish() (*account.Reasons, error) {
	close(w.quit)
	w.wg.Wait()
	w.quit = nil
	lost, err := w.watch.Lost()
	w.seen.Lost += lost
	return &w.seen, errors.Join(w.err, err)
}

func (w *reasonWatch) close() error {
	if w.quit != nil {
		close(w.quit)
		w.wg.Wait()
		w.quit = nil
	}
	return w.watch.Close()
}
