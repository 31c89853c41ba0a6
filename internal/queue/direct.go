package queue

import "sync"

// A session whose transport can write without waiting has no goroutine for
// writing while it is quiet. Whoever has something for it seizes the outbox
// and writes on the spot. What the transport does not take at once is parked,
// and a taker started by work, who has seized the outbox then, until Take finds
// nothing. All others only put, and stir.

// seize makes the caller the one who writes, if nobody is and, as wanted,
// something or nothing waits.
func (o *outbox) seize(waiting bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tryWrite == nil || o.taken || o.closed || o.waits() != waiting {
		return false
	}
	o.taken, o.stirred = true, false
	return true
}

// waits reports whether there is something to take. The caller holds mu.
func (o *outbox) waits() bool {
	return o.live.count+o.kept.count+len(o.control)+len(o.acks)+len(o.lagging)+o.parked.len() > 0
}

// yield ends what seize began. If something has come meanwhile, a taker is
// started for it.
func (o *outbox) yield() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stirred {
		o.work()
		return
	}
	o.taken = false
}

// park keeps what a direct write has left of c for a taker, and starts one.
func (o *outbox) park(c *Chunk) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.parked = *c
	o.work()
}

// look notes that whoever takes is about to see everything put so far.
func (o *outbox) look() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stirred = false
}

// leave ends taking, unless something came since look. Who leaves a closed
// outbox is the last.
func (o *outbox) leave(c *Chunk) bool {
	if o.work == nil {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stirred {
		return false
	}
	c.Over, o.taken = o.closed, o.closed
	c.recycle()
	o.live.recycle()
	o.kept.recycle()
	o.control = recycle(o.control)
	return true
}

// direct writes a run of events at once if nothing waits before them, and
// reports whether it has taken care of them.
func (s *Session) direct(frames []byte, count int) bool {
	if !s.out.seize(false) {
		return false
	}
	n, _ := s.out.tryWrite(frames) // an error comes again when the taker writes
	if n == len(frames) {
		s.meter.forward(frames, count, s.origin)
		s.out.yield()
		return true
	}
	gone, sent := whole(frames, n)
	s.meter.forward(frames[:gone], sent, s.origin)
	s.out.park(&Chunk{Live: append(bufferFor(len(frames)-gone), frames[gone:]...), live: count - sent, done: n - gone})
	return true
}

// flush writes what waits at once, as far as the transport takes it.
func (s *Session) flush() {
	if !s.out.seize(true) {
		return
	}
	c := &s.inline
	s.take(c)
	for _, part := range [...][]byte{c.Control, c.Kept, c.Live} {
		if len(part) == 0 {
			continue
		}
		n, _ := s.out.tryWrite(part)
		c.done += n
		if n < len(part) {
			s.out.park(c)
			*c = Chunk{}
			return
		}
	}
	s.Sent(c)
	c.recycle()
	s.out.yield()
}

// Buffers of this size are used again by other sessions. It is the default
// bound of a lane under Block, and what a client's reader reads at a time.
const sharedBytes = DefaultBlockBytes

// littleBytes is how large a buffer a quiet session may keep.
const littleBytes = 128

var sharedBuffers = sync.Pool{New: func() any { return new([sharedBytes]byte) }}

// bufferFor returns an empty buffer for n bytes or more.
func bufferFor(n int) []byte {
	if n < sharedBytes/64 || n > sharedBytes {
		return make([]byte, 0, n)
	}
	return sharedBuffers.Get().(*[sharedBytes]byte)[:0]
}

// recycle gives an empty buffer back, and returns what to have instead.
func recycle(b []byte) []byte {
	switch {
	case cap(b) <= littleBytes:
		return b[:0]
	case cap(b) == sharedBytes:
		sharedBuffers.Put((*[sharedBytes]byte)(b[:sharedBytes]))
	}
	return nil
}

func (c *Chunk) recycle() {
	*c = Chunk{Control: recycle(c.Control), Kept: recycle(c.Kept), Live: recycle(c.Live), Over: c.Over}
}

// recycle gives back the buffer of a lane in which nothing waits.
func (l *lane) recycle() {
	if l.count == 0 {
		*l = lane{buf: recycle(l.buf)}
	}
}
