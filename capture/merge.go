package capture

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"rawlab/capture/pcapng"
)

// mergeWait is how long a packet is held back for earlier ones of another
// source: twice what a block waits that does not fill up, and some more.
const mergeWait = 3 * retire

// Merged gives the packets of several sources in the order of their times, so
// far as those come within 30 ms of each other. Its interfaces are those of
// the sources, one after the other, and each source must know its own before
// the merge. It is not safe for concurrent use.
type Merged struct {
	sources    []*merging
	interfaces []pcapng.Interface
	arrived    chan struct{} // capacity 1: something has come
	reading    sync.WaitGroup
	enough     chan struct{} // closed when nobody reads any more
	given      *merging      // whose packets were returned last
	count      int           // how many of them
}

// merging is one source of several. The goroutine that reads it and the
// merged one take turns with its batch.
type merging struct {
	source Source
	first  int // index of its first interface

	mu      sync.Mutex
	batch   []Packet      // not yet returned
	err     error         // why there will be no more
	emptied chan struct{} // the next batch may be read
}

// Merge merges sources. They are read until they end, each on a goroutine of
// its own, once Read is called.
func Merge(sources ...Source) *Merged {
	m := &Merged{arrived: make(chan struct{}, 1), enough: make(chan struct{})}
	for _, s := range sources {
		m.sources = append(m.sources, &merging{source: s, first: len(m.interfaces), emptied: make(chan struct{}, 1)})
		m.interfaces = append(m.interfaces, s.Interfaces()...)
	}
	return m
}

// Interfaces describes those of all sources.
func (m *Merged) Interfaces() []pcapng.Interface { return m.interfaces }

// Close waits until no source is read any more. Close those before that wait
// for packets, unless Read has said that there are none any more.
func (m *Merged) Close() {
	close(m.enough)
	m.reading.Wait()
}

// Read returns the next packets, which are valid until the following call. It
// returns io.EOF when all sources have ended, or else the error of one.
func (m *Merged) Read(ctx context.Context) ([]Packet, error) {
	m.begin(ctx)
	m.giveBack()
	for {
		next, until, err := m.choose()
		switch {
		case err != nil:
			return nil, err
		case next == nil:
			<-m.arrived
		case !until.IsZero():
			timer := time.NewTimer(time.Until(until))
			select {
			case <-m.arrived:
			case <-timer.C:
			}
			timer.Stop()
		default:
			return m.give(next), nil
		}
	}
}

// begin starts reading, once.
func (m *Merged) begin(ctx context.Context) {
	if m.given != nil {
		return
	}
	m.given = &merging{} // nothing to give back
	for _, s := range m.sources {
		m.reading.Go(func() { s.read(ctx, m) })
	}
}

// read reads a source to its end. A batch is valid until the next read.
func (s *merging) read(ctx context.Context, m *Merged) {
	for {
		batch, err := s.source.Read(ctx)
		for i := range batch {
			batch[i].Interface += s.first
		}
		s.mu.Lock()
		s.batch, s.err = batch, err
		s.mu.Unlock()
		select {
		case m.arrived <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
		if len(batch) == 0 {
			continue
		}
		select {
		case <-s.emptied:
		case <-m.enough:
			return
		}
	}
}

// giveBack ends the turn of what was returned last.
func (m *Merged) giveBack() {
	s := m.given
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.batch = s.batch[m.count:]; len(s.batch) == 0 && m.count > 0 && s.err == nil {
		s.emptied <- struct{}{}
	}
	m.count = 0
}

// look returns a source's first packet, if it has one, and why it will have
// none, if it will not.
func (s *merging) look() (*Packet, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.batch) > 0 {
		return &s.batch[0], nil
	}
	return nil, s.err
}

// choose returns the source with the earliest packet, and until when to wait
// for earlier ones; no source if there is no packet.
func (m *Merged) choose() (next *merging, until time.Time, err error) {
	silent, ended := false, 0
	var earliest time.Time
	for _, s := range m.sources {
		head, err := s.look()
		switch {
		case errors.Is(err, io.EOF):
			ended++
		case err != nil:
			return nil, time.Time{}, err
		case head == nil:
			silent = true
		case next == nil || head.Time.Before(earliest):
			next, earliest = s, head.Time
		}
	}
	if ended == len(m.sources) {
		return nil, time.Time{}, io.EOF
	}
	if next != nil && silent && time.Since(earliest) < mergeWait {
		until = earliest.Add(mergeWait)
	}
	return next, until, nil
}

// give returns the packets of a source that come before those of all others.
func (m *Merged) give(s *merging) []Packet {
	limit, limited := time.Time{}, false
	for _, other := range m.sources {
		head, err := other.look()
		if other == s || head == nil && err != nil {
			continue
		}
		at := time.Now().Add(-mergeWait) // it may still have something to say of what came since
		if head != nil {
			at = head.Time
		}
		if !limited || at.Before(limit) {
			limit, limited = at, true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.given, m.count = s, 1
	for m.count < len(s.batch) && !(limited && s.batch[m.count].Time.After(limit)) {
		m.count++
	}
	return s.batch[:m.count]
}
