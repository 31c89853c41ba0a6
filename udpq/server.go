package udpq

import (
	"log/slog"
	"sync/atomic"

	"rawlab/internal/queue"
	"rawlab/udpq/fragment"
)

// Server serves a queue over UDP. It is safe for concurrent use.
type Server struct {
	config   Config
	queue    *queue.Queue
	queueErr error // why there is none
	seals    *seals
	meter    *queue.Meter
	log      *slog.Logger

	open      atomic.Int64
	accepted  atomic.Uint64
	refused   atomic.Uint64
	datagrams atomic.Uint64
	retries   atomic.Uint64
	strangers atomic.Uint64
	forged    atomic.Uint64
	moved     atomic.Uint64
	limited   atomic.Uint64

	overflowed atomic.Uint64
	links      linkSet
	repaired   atomic.Uint64

	pool             *fragment.Pool
	fragments        atomic.Uint64
	fragmentsRefused atomic.Uint64
}

// Stats is what a server has done so far.
type Stats struct {
	Sessions  int                   // open now
	Accepted  uint64                // sessions, since the start
	Refused   uint64                // hellos that got no session
	Retries   uint64                // hellos answered by a cookie, to be shown with the next
	Strangers uint64                // frames from addresses without a session
	Forged    uint64                // hellos, moves and byes that showed what they were not given, or too late
	Limited   uint64                // hellos, moves and strangers' frames passed over, since too many had come from their source
	Moved     uint64                // times that a session went on from another address
	Datagrams uint64                // received
	Overflow  uint64                // datagrams the kernel dropped since the receive buffer was full, as it has said with those that came later (Linux, SO_RXQ_OVFL); with Offload a train counts once
	Received  uint64                // events, from emitters
	Forwarded uint64                // events, to the socket for a subscriber; each subscriber counts
	Dropped   map[queue.Fate]uint64 // events, by fate
	Due       uint64                // fates to account for, see queue.Meter
	Invalid   uint64                // frames that were none, the same as Dropped[frame-invalid]
	Links     LinkStats             // of conversations on a rung
	Repaired  uint64                // events of stored topics that were read from their log again for a client that missed them

	Fragments        uint64 // pieces of events received
	FragmentsRefused uint64 // of them: doubled, late, of another's event, or in contradiction to others
}

// NewServer returns a server; a nil config is the zero Config.
func NewServer(config *Config) *Server {
	c := config.orDefault()
	s := &Server{config: c, queue: c.Queue, log: c.Logger, seals: newSeals(c.Secret), pool: fragment.NewPool(poolBytes)}
	if s.queue == nil {
		s.queue, s.queueErr = queue.New(&queue.Config{Clock: c.Clock, Trace: c.Trace})
	}
	s.meter = s.queue.NewMeter(c.Clock, c.Trace)
	return s
}

// Stats returns what the server has done so far.
func (s *Server) Stats() Stats {
	dropped := s.meter.Dropped()
	return Stats{
		Sessions: int(s.open.Load()), Accepted: s.accepted.Load(), Refused: s.refused.Load(),
		Retries: s.retries.Load(), Strangers: s.strangers.Load(), Forged: s.forged.Load(), Moved: s.moved.Load(), Limited: s.limited.Load(),
		Datagrams: s.datagrams.Load(), Overflow: s.overflowed.Load(), Received: s.meter.Received(), Forwarded: s.meter.Forwarded(),
		Dropped: dropped, Due: s.meter.Due(), Invalid: dropped[queue.FateFrameInvalid],
		Links: s.links.sum(), Repaired: s.repaired.Load(),
		Fragments: s.fragments.Load(), FragmentsRefused: s.fragmentsRefused.Load(),
	}
}
