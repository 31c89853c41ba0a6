package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rawlab/capture"
	"rawlab/capture/account"
	"rawlab/capture/filter"
	"rawlab/capture/pcapng"
	"rawlab/capture/reasons"
)

// askedSource is a live capture beside which the kernel is asked why it drops
// packets. Those that it dropped say so in a comment. Packets that it dropped
// and that no interface captured, or that it dropped only after they were
// given, come on an interface of their own.
type askedSource struct {
	inner      capture.Source
	watch      *reasons.Watch
	dropped    *account.Dropped
	wanted     *filter.Program    // for packets that begin with IP
	interfaces []pcapng.Interface // of inner
	astray     bool               // give those of the interface of their own, which is the last

	batches chan read     // unbuffered: whoever reads waits
	used    chan struct{} // the batch before is; unbuffered
	quit    chan struct{}
	reader  sync.WaitGroup
	since   atomic.Int64 // when the reader began to wait for packets, ns since the Unix epoch; 0: it does not

	began, ended bool
	held         bool             // the consumer has a batch of inner
	out          []capture.Packet // packets of the own interface to be given
	err          error            // why there will be no more
}

// read is what one Read returned.
type read struct {
	batch []capture.Packet
	err   error
}

const (
	// askEvery is how often drops are taken while no packet comes.
	askEvery = 20 * time.Millisecond
	// dropWithin is in what time the kernel drops most of the packets that it
	// drops: until then their comments wait for it.
	dropWithin = 2 * time.Millisecond
	// drops that the kernel keeps for us: room for 200,000
	reasonsRing = 32 << 20
	// leastSnap is how much of each packet tells it from others.
	leastSnap = 128
	// nowhere names the interface of packets that none captured.
	nowhere = "dropped"
)

// askKernel begins to watch this network namespace.
func askKernel() (*reasons.Watch, error) {
	namespace, err := reasons.Here()
	if err != nil {
		return nil, fmt.Errorf("--kernel-reasons: %w", err)
	}
	watch, err := reasons.Open(&reasons.Config{Namespaces: []uint32{namespace}, RingBytes: reasonsRing})
	if _, ok := errors.AsType[*reasons.UnavailableError](err); ok {
		return nil, fmt.Errorf("--kernel-reasons: %w; without it a capture shows what came, --account what is known from that, and 'rawlab lab run' accounts for every event of its own without any right", err)
	}
	return watch, err
}

// newAskedSource asks beside a capture. Astray packets are given only where
// packets are shown or written; to follow is to account for events.
func newAskedSource(inner capture.Source, watch *reasons.Watch, wanted *filter.Program, astray, follow bool) *askedSource {
	s := &askedSource{
		inner: inner, watch: watch, dropped: account.NewDropped(follow), wanted: wanted, interfaces: slices.Clone(inner.Interfaces()), astray: astray,
		batches: make(chan read), used: make(chan struct{}), quit: make(chan struct{}),
	}
	if astray {
		s.interfaces = append(s.interfaces, pcapng.Interface{Name: nowhere, LinkType: pcapng.LinkRaw, SnapLen: reasons.PacketBytes})
	}
	return s
}

// Interfaces are those of the capture, and the one of what they did not
// capture.
func (s *askedSource) Interfaces() []pcapng.Interface { return s.interfaces }

// Read waits for packets, and for drops of such that were given.
func (s *askedSource) Read(ctx context.Context) ([]capture.Packet, error) {
	if !s.began {
		s.began = true
		s.reader.Go(func() { s.readAll(ctx) })
	}
	if s.held {
		s.held = false
		s.used <- struct{}{}
	}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for s.err == nil {
		select {
		case r := <-s.batches:
			if r.err != nil {
				s.err = r.err
				if err := s.finish(); err != nil {
					s.err = err
				}
				continue
			}
			s.held = true
			return r.batch, s.explain(r.batch)
		case <-tick.C:
			if err := s.take(s.soFar(), s.dropped.Number()+1); err != nil {
				return nil, err
			}
			if len(s.out) > 0 {
				return s.give(), nil
			}
		}
	}
	if len(s.out) > 0 {
		return s.give(), nil
	}
	return nil, s.err
}

// readAll reads the capture to its end.
func (s *askedSource) readAll(ctx context.Context) {
	for {
		s.since.Store(time.Now().UnixNano())
		batch, err := s.inner.Read(ctx)
		s.since.Store(0)
		select {
		case s.batches <- read{batch, err}:
		case <-s.quit:
			return
		}
		if err != nil {
			return
		}
		select {
		case <-s.used:
		case <-s.quit:
			return
		}
	}
}

// soFar is until when all that was captured has been given, while no packet
// comes: a capture that waits for some gives them soon.
func (s *askedSource) soFar() time.Time {
	since := s.since.Load()
	if now := time.Now(); since > 0 && now.Sub(time.Unix(0, since)) > askEvery {
		return now.Add(-askEvery)
	}
	return time.Unix(0, 0)
}

// explain says of each packet of a batch why it was dropped, if it was.
func (s *askedSource) explain(batch []capture.Packet) error {
	if len(batch) == 0 {
		return nil
	}
	first := s.dropped.Number() + 1
	for i := range batch {
		p := &batch[i]
		s.dropped.Packet(p.Interface, s.interfaces[p.Interface].LinkType, p.Time, p.Data)
	}
	last := batch[len(batch)-1].Time
	if wait := dropWithin - time.Since(last); wait > 0 {
		time.Sleep(min(wait, dropWithin))
	}
	if err := s.take(last, first); err != nil {
		return err
	}
	for i := range batch {
		if d := s.dropped.At(first + i); d != nil {
			batch[i].Comments = append(slices.Clip(batch[i].Comments), "dropped by the kernel: "+d.Reason)
		}
	}
	return nil
}

// take asks the kernel. Packets before first have been given already, and all
// that were captured before so far have come; zero says that none will.
func (s *askedSource) take(soFar time.Time, first int) error {
	drops, err := s.watch.Take()
	for i := range drops {
		d := &drops[i]
		if ok, err := s.wanted.MatchPacket(filter.Packet{Data: d.Packet, Length: max(d.Length, len(d.Packet))}); err == nil && !ok {
			continue
		}
		r := &account.DroppedPacket{Time: d.Time, Reason: d.Reason, Packet: d.Packet, Length: d.Length, Segment: d.Segment, Homeless: d.Namespace == 0}
		s.dropped.Drop(r)
		if r.Number > 0 && r.Number < first {
			s.show(r)
		}
	}
	for _, r := range s.dropped.Settle(soFar) {
		s.show(r)
	}
	return err
}

// show puts a drop onto the interface of its own.
func (s *askedSource) show(r *account.DroppedPacket) {
	if !s.astray {
		return
	}
	text := "dropped by the kernel: " + r.Reason
	if r.Number > 0 {
		text += fmt.Sprintf("; captured before, as packet %d", r.Number)
	}
	if events := account.SayEvents(r.Events); events != "" {
		text += "; " + events
	}
	s.out = append(s.out, capture.Packet{
		Time: r.Time, Data: r.Packet, Length: max(r.Length, len(r.Packet)), Interface: len(s.interfaces) - 1, Comments: []string{text},
	})
}

func (s *askedSource) give() []capture.Packet {
	out := s.out
	s.out = nil
	return out
}

// finish takes what the kernel tells of the last packets.
func (s *askedSource) finish() error {
	if s.ended {
		return nil
	}
	s.ended = true
	time.Sleep(dropWithin)
	err := s.take(time.Time{}, s.dropped.Number()+1)
	s.dropped.Finish()
	return err
}

// close ends the watch; the capture has been closed.
func (s *askedSource) close() error {
	close(s.quit)
	s.reader.Wait()
	return s.watch.Close()
}
