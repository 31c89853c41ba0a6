package pcapng

import (
	"bytes"
	"time"
)

// Stats is what an interface's capture came to (an interface statistics
// block). Counts that were not told are [Unknown].
type Stats struct {
	Interface  int       // index over the whole file
	Time       time.Time // when the counts were read
	Start, End time.Time // of the capture; zero if not told

	Received      uint64 // by the interface; the dropped are among them
	Dropped       uint64 // by the interface, for want of room
	Accepted      uint64 // by the filter
	SystemDropped uint64 // by the operating system, after the filter
	Delivered     uint64 // to who captured

	Options []Option // any others
}

// Unknown stands for a count that was not told.
const Unknown = ^uint64(0)

// Stats reads a block of [BlockStatistics] that this reader has given to
// [Reader.OnBlock], during that call.
func (r *Reader) Stats(b Block) (Stats, error) {
	if len(b.Body) < 12 {
		return Stats{}, r.bad("interface statistics of %d bytes are too short", len(b.Body))
	}
	i, err := r.lookup(r.u32(b.Body))
	if err != nil {
		return Stats{}, err
	}
	s := Stats{
		Interface: i, Time: r.clocks[i].time(r.ticks(b.Body[4:])),
		Received: Unknown, Dropped: Unknown, Accepted: Unknown, SystemDropped: Unknown, Delivered: Unknown,
	}
	counts := map[uint16]*uint64{
		optReceived: &s.Received, optDropped: &s.Dropped, optAccepted: &s.Accepted, optSystemDrop: &s.SystemDropped, optDelivered: &s.Delivered,
	}
	for code, value := range r.options(b.Body[12:]) {
		switch count := counts[code]; {
		case code == optStart && len(value) == 8:
			s.Start = r.clocks[i].time(r.ticks(value))
		case code == optEndTime && len(value) == 8:
			s.End = r.clocks[i].time(r.ticks(value))
		case count != nil && len(value) == 8:
			*count = r.u64(value)
		default:
			s.Options = append(s.Options, Option{code, bytes.Clone(value)})
		}
	}
	return s, nil
}

// WriteStats writes what an interface of this section's capture came to.
func (w *Writer) WriteStats(s *Stats) error {
	if err := w.known(s.Interface); err != nil {
		return err
	}
	w.begin(BlockStatistics)
	w.u32(uint32(s.Interface - w.first))
	w.time(s.Time)
	var options []option
	for _, t := range []struct {
		code uint16
		time time.Time
	}{{optStart, s.Start}, {optEndTime, s.End}} {
		if !t.time.IsZero() {
			options = append(options, option{t.code, w.timeText(t.time)})
		}
	}
	for _, c := range []struct {
		code  uint16
		count uint64
	}{
		{optReceived, s.Received}, {optDropped, s.Dropped}, {optAccepted, s.Accepted},
		{optSystemDrop, s.SystemDropped}, {optDelivered, s.Delivered},
	} {
		if c.count != Unknown {
			options = append(options, option{c.code, w.u64Text(c.count)})
		}
	}
	return w.finishWith(s.Options, options...)
}
