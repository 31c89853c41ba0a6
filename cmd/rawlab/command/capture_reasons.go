package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/olekukonko/tablewriter/tw"

	"rawlab/capture"
	"rawlab/capture/account"
	"rawlab/capture/filter"
	"rawlab/capture/pcapng"
	"rawlab/capture/reasons"
	"rawlab/labs/report"
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
		case now := <-tick.C:
			if err := s.take(now, s.dropped.Number()+1); err != nil {
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
		batch, err := s.inner.Read(ctx)
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
	if wait := dropWithin - time.Since(batch[len(batch)-1].Time); wait > 0 {
		time.Sleep(min(wait, dropWithin))
	}
	if err := s.take(time.Now(), first); err != nil {
		return err
	}
	for i := range batch {
		if d := s.dropped.At(first + i); d != nil {
			batch[i].Comments = append(slices.Clip(batch[i].Comments), "dropped by the kernel: "+d.Reason)
		}
	}
	return nil
}

// take asks the kernel. Packets before first have been given already.
func (s *askedSource) take(now time.Time, first int) error {
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
	for _, r := range s.dropped.Settle(now) {
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

// reasonsJSON are the kernel's reasons for programs.
type reasonsJSON struct {
	Reasons []reasonJSON `json:"kernel_reasons"`
	Untold  uint64       `json:"untold"` // drops that there was no room to tell of
}

type reasonJSON struct {
	Reason  string       `json:"reason"`
	Fate    account.Fate `json:"fate,omitempty"` // of an event that is lost so
	Packets int          `json:"packets"`
	Events  string       `json:"events,omitempty"` // that were in them: origin-wise ranges of sequences
	count   int          // of them
}

// ranges lists events as runs: 1:1–5, 1:9.
func ranges(events []account.ID) string {
	return strings.TrimPrefix(account.SayEvents(events), "event ")
}

// told sums up what the kernel said.
func (s *askedSource) told() (*reasonsJSON, error) {
	err := s.finish() // the capture may have ended at its count
	if err != nil {
		return nil, err
	}
	lost, err := s.watch.Lost()
	if err != nil {
		return nil, err
	}
	j := &reasonsJSON{Reasons: []reasonJSON{}, Untold: lost + uint64(s.dropped.Excess)}
	for _, t := range s.dropped.Totals() {
		events := t.Events()
		fate, _ := account.FateOf(t.Reason)
		j.Reasons = append(j.Reasons, reasonJSON{t.Reason, fate, t.Packets, ranges(events), len(events)})
	}
	return j, nil
}

// printReasons says what the kernel dropped, in the end.
func (s *askedSource) printReasons(stdout, stderr io.Writer, asJSON bool) error {
	j, err := s.told()
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(stdout).Encode(j)
	}
	return j.write(stderr)
}

func (j *reasonsJSON) write(w io.Writer) error {
	if len(j.Reasons) == 0 {
		fmt.Fprintln(w, "the kernel dropped none of them")
	} else if err := j.writeTable(w); err != nil {
		return err
	}
	if j.Untold > 0 {
		fmt.Fprintf(w, "the kernel dropped %s packets more, for whose reasons there was no room\n", report.Count(int(j.Untold)))
	}
	return nil
}

func (j *reasonsJSON) writeTable(w io.Writer) error {
	var rows [][]string
	for _, r := range j.Reasons {
		rows = append(rows, []string{r.Reason, string(r.Fate), report.Count(r.Packets), report.Count(r.count)})
	}
	align := tw.Alignment{tw.AlignLeft, tw.AlignLeft, tw.AlignRight, tw.AlignRight}
	if err := writeTable(w, align, []string{"dropped by the kernel", "fate", "packets", "events in them"}, rows); err != nil {
		return err
	}
	for _, r := range j.Reasons {
		if r.Events != "" {
			fmt.Fprint(w, report.Wrap(r.Reason+": "+shorten(r.Events), "", 80))
		}
	}
	return nil
}
