package queue

import (
	"maps"
	"slices"
	"time"

	"rawlab/framing"
)

const (
	fillBytes  = 256 << 10 // read from a log at a time
	spareBytes = 4 << 10   // buffers that an idle session may keep
)

// IdleTime is how long a session may keep its buffers when nothing waits.
const IdleTime = time.Second

// Chunk is frames on their way out, end to end: replies first, then events
// of stored and of ignored topics. Its buffers are used again by the next
// Take with the same Chunk.
type Chunk struct {
	Control, Kept, Live []byte
	Over                bool // with Work: the session has ended, and this was the last Take
	kept, live          int  // frames
	done                int  // bytes already handed to the socket
}

func (c *Chunk) len() int { return len(c.Control) + len(c.Kept) + len(c.Live) }

// Unsent returns what is still to be handed to the socket of each part.
func (c *Chunk) Unsent() [3][]byte {
	parts, done := [3][]byte{c.Control, c.Kept, c.Live}, c.done
	for i, part := range parts {
		n := min(done, len(part))
		parts[i], done = part[n:], done-n
	}
	return parts
}

// Take moves everything that waits into c, and fills from logs what lags
// behind. It reports whether there is anything. If not, wait for Wake; with
// Work, leave.
func (s *Session) Take(c *Chunk) bool {
	for {
		s.out.look()
		s.fill()
		if s.take(c) {
			return true
		}
		if s.out.leave(c) {
			return false
		}
	}
}

// Large reports whether the session holds buffers that it should Release
// once nothing has waited for IdleTime.
func (s *Session) Large(c *Chunk) bool {
	return cap(c.Control)+cap(c.Kept)+cap(c.Live) > spareBytes
}

// Release gives the buffers of c, and those of an empty outbox, back.
func (s *Session) Release(c *Chunk) {
	*c = Chunk{}
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	if len(s.out.control) == 0 {
		s.out.control = nil
	}
	for _, l := range [...]*lane{&s.out.live, &s.out.kept} {
		if l.count == 0 {
			*l = lane{}
		}
	}
}

// take moves what waits into c, and reports whether that is anything.
func (s *Session) take(c *Chunk) bool {
	o := &s.out
	o.mu.Lock()
	defer o.mu.Unlock()
	c.done = 0
	if o.parked.len() > 0 {
		*c, o.parked = o.parked, Chunk{}
		return true
	}
	c.Control, o.control = o.control, c.Control[:0]
	c.Kept, c.kept = o.kept.swap(c.Kept)
	c.Live, c.live = o.live.swap(c.Live)
	s.encodeAcks(c)
	o.room.Broadcast()
	return c.len() > 0
}

// encodeAcks adds the acks. The caller holds the outbox.
func (s *Session) encodeAcks(c *Chunk) {
	if len(s.out.acks) == 0 {
		return
	}
	s.out.streams = slices.AppendSeq(s.out.streams[:0], maps.Keys(s.out.acks))
	slices.Sort(s.out.streams) // runs on virtual time repeat to the byte
	for _, stream := range s.out.streams {
		sequence := s.out.acks[stream]
		f := framing.Frame{Kind: framing.KindAck, Origin: s.origin, Sequence: sequence}
		if s.checksum {
			f.Flags = framing.FlagCRC
		}
		c.Control = mustAppend(c.Control, &f)
	}
	clear(s.out.acks)
}

// fill reads what lags behind from the logs, each subscription once, until
// enough stored events wait.
func (s *Session) fill() {
	for range s.out.laggards() {
		u := s.out.lags(fillBytes)
		if u == nil {
			return
		}
		u.fill()
	}
}

// Stalled reports whether replayed events wait for acks to open the window.
// Call it when Take has found nothing.
func (s *Session) Stalled() bool { return s.window > 0 && len(s.out.laggards()) > 0 }

// Unstall opens the windows: acks that have not come are not waited for.
func (s *Session) Unstall() {
	for _, u := range s.out.laggards() {
		u.topic.mu.Lock()
		u.window = u.next
		u.topic.mu.Unlock()
	}
	s.out.stir()
}

// Sent says that all of c was handed to the socket.
func (s *Session) Sent(c *Chunk) {
	s.meter.expect(c.Kept, c.kept, 1)
	s.meter.forward(c.Kept, c.kept, s.origin)
	s.meter.forward(c.Live, c.live, s.origin)
}

// SentFrames says of frames out of a chunk, sent by themselves as one
// datagram, whether the socket took them.
func (s *Session) SentFrames(frames []byte, taken bool) {
	for f, n := range each(frames) {
		if f.Kind == framing.KindEvent && f.Flags&(framing.FlagOffset|framing.FlagRedelivered) == framing.FlagOffset {
			s.meter.expect(frames[:n], 1, 1)
		}
		switch {
		case f.Kind != framing.KindEvent || f.Flags&framing.FlagRedelivered != 0:
		case taken:
			s.meter.forward(frames[:n], 1, s.origin)
		default:
			s.meter.dropAll(FateSendRefused, frames[:n], 1, s.origin)
		}
		frames = frames[n:]
	}
}

// LoseFrames says of frames out of a chunk that they were not handed to the
// socket because the conversation ended before.
func (s *Session) LoseFrames(frames []byte) {
	for f, n := range each(frames) {
		switch {
		case f.Kind != framing.KindEvent || f.Flags&framing.FlagRedelivered != 0:
		case f.Flags&framing.FlagOffset != 0:
			s.loseKept(frames[:n], 1)
		default:
			s.meter.dropAll(FateConnectionLost, frames[:n], 1, s.origin)
		}
		frames = frames[n:]
	}
}

// TakeReplies takes only what is no event of a topic, for who is still at a
// chunk that it took, and reports whether there is anything.
func (s *Session) TakeReplies(c *Chunk) bool {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	c.Control, s.out.control = s.out.control, c.Control[:0]
	return len(c.Control) > 0
}

// Lost says that only the first written bytes of what was unsent of c, over
// Control, Kept and Live, could be handed to the socket because the connection
// broke. Stored events of a named client are not lost: they will be replayed,
// unless it wants them at most once.
func (s *Session) Lost(c *Chunk, written int) {
	written += c.done - len(c.Control)
	kept, n := whole(c.Kept, written)
	s.meter.expect(c.Kept[:kept], n, 1)
	s.meter.forward(c.Kept[:kept], n, s.origin)
	s.loseKept(c.Kept[kept:], c.kept-n)
	live, n := whole(c.Live, written-len(c.Kept))
	s.meter.forward(c.Live[:live], n, s.origin)
	s.meter.dropAll(FateConnectionLost, c.Live[live:], c.live-n, s.origin)
}

func (s *Session) loseKept(frames []byte, count int) {
	if s.name == "" {
		s.meter.expect(frames, count, 1)
		s.meter.dropAll(FateConnectionLost, frames, count, s.origin)
		return
	}
	for f, n := range each(frames) {
		if _, once := s.once.Load(string(f.Topic)); once {
			s.meter.expect(frames[:n], 1, 1)
			s.meter.dropAll(FateConnectionLost, frames[:n], 1, s.origin)
		}
		frames = frames[n:]
	}
}

// whole returns the bytes and the count of the frames that lie in the first
// limit bytes.
func whole(frames []byte, limit int) (bytes, count int) {
	for bytes < len(frames) {
		n, err := framing.Peek(frames[bytes:], len(frames)-bytes)
		if err != nil || bytes+n > limit {
			break
		}
		bytes += n
		count++
	}
	return bytes, count
}
