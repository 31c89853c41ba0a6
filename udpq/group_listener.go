package udpq

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"rawlab/framing"
	"rawlab/internal/clock"
	"rawlab/internal/queue"
	"rawlab/internal/queue/edge"
)

// GroupConfig configures a listener of a group. The zero value works.
type GroupConfig struct {
	Topic           string        // or pattern: what else the group carries is passed over; default all
	ReceiveBuffer   int           // of the socket in bytes, default DefaultReceiveBuffer, negative: the system's
	FragmentTimeout time.Duration // an event of which no piece came for so long is lost, see Config
	Clock           clock.Clock   // default clock.Real
	InboxBytes      int           // received and not yet taken by Next, default edge.DefaultInboxBytes; then nothing is read
}

// GroupStats is what a listener of a group has seen so far.
type GroupStats struct {
	edge.Counts         // of its topics, what the numbers of events have told
	Passed       uint64 // events of other topics
	Invalid      uint64 // frames that were none, or no events
	FragmentLost uint64 // events of which pieces came, and not all
}

// GroupListener gets the events that are sent to a multicast group. It speaks
// with nobody: there is no session and nothing is acknowledged, so what is lost
// on the way stays lost, and the numbers tell which. Whoever can send to the
// group can put events there. It is safe for concurrent use.
type GroupListener struct {
	config  GroupConfig
	conn    *groupConn
	inbox   *edge.Inbox
	tracker edge.Tracker // of the reading goroutine
	whole   *reassembly
	running sync.WaitGroup

	mu    sync.Mutex
	stats GroupStats
}

// ListenGroup joins a group.
func ListenGroup(g Group, config *GroupConfig) (*GroupListener, error) {
	var c GroupConfig
	if config != nil {
		c = *config
	}
	c.Topic, c.Clock = cmp.Or(c.Topic, ">"), clock.Or(c.Clock)
	if err := queue.CheckSubscription(c.Topic); err != nil {
		return nil, err
	}
	conn, err := g.join()
	if err != nil {
		return nil, err
	}
	if err := growReceiveBuffer(conn.UDPConn, cmp.Or(c.ReceiveBuffer, DefaultReceiveBuffer)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("setting the receive buffer: %w", err)
	}
	l := &GroupListener{config: c, conn: conn, inbox: edge.NewInbox(c.InboxBytes)}
	l.whole = l.newReassembly()
	l.running.Go(l.read)
	return l, nil
}

// Next returns the next event, and once the listener is closed [ErrClosed]. A
// gap is told by the Missed of the event that follows it.
func (l *GroupListener) Next(ctx context.Context) (Event, error) { return l.inbox.Next(ctx) }

// Stats returns what was seen so far.
func (l *GroupListener) Stats() GroupStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// Close leaves the group.
func (l *GroupListener) Close() error {
	l.inbox.Close(ErrClosed)
	err := l.conn.Close()
	l.running.Wait()
	l.whole.close()
	return err
}

// read is the goroutine that takes datagrams until the socket is closed.
func (l *GroupListener) read() {
	b := make([]byte, MaxDatagram+1)
	for {
		n, err := l.conn.receive(b)
		if err != nil {
			l.inbox.Close(fmt.Errorf("receiving: %w", err))
			return
		}
		for f, err := range framing.Unpack(b[:n]) {
			if err == nil && f.Kind == framing.KindFragment {
				l.takePiece(&f)
				continue
			}
			l.take(&f, err)
		}
	}
}

// take hands an event of the topic on.
func (l *GroupListener) take(f *framing.Frame, err error) {
	if err == nil && f.Kind == framing.KindEvent && f.Sequence != 0 {
		if queue.Match(l.config.Topic, string(f.Topic)) {
			l.inbox.Put(f, l.tracker.See(f.Origin, f.Sequence))
		} else {
			l.count(func(s *GroupStats) { s.Passed++ })
		}
	} else {
		l.count(func(s *GroupStats) { s.Invalid++ })
	}
	l.count(func(s *GroupStats) { s.Counts = l.tracker.Counts() })
}

func (l *GroupListener) count(what func(*GroupStats)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what(&l.stats)
}
