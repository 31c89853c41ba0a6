package queue

import (
	"fmt"
	"slices"
	"sync"

	"rawlab/framing"
)

// Overflow says what happens to an event for a subscriber whose outbox is full.
type Overflow uint8

// The overflow policies. Stored events wait in the log instead.
const (
	DropOldest Overflow = iota // what waited longest is dropped
	Disconnect                 // the subscriber is disconnected, what waited is dropped
	Block                      // whoever publishes waits: a slow subscriber slows all emitters
)

var overflowNames = [...]string{DropOldest: "drop-oldest", Disconnect: "disconnect", Block: "block"}

// String returns the policy's name on the command line.
func (o Overflow) String() string { return overflowNames[int(o)%len(overflowNames)] }

// ParseOverflow returns the policy of that name.
func ParseOverflow(name string) (Overflow, error) {
	for i, known := range overflowNames {
		if known == name {
			return Overflow(i), nil
		}
	}
	return 0, fmt.Errorf("unknown overflow policy %q: drop-oldest, disconnect or block", name)
}

// Bounds of each lane of an outbox unless told otherwise. Under Block a small
// one loses nothing, and stays in the processor's cache.
const (
	DefaultOutboxBytes = 8 << 20
	DefaultBlockBytes  = 256 << 10
)

const maxControl = 64 << 10 // bytes of replies that a client may leave unread

// lane is encoded frames that wait, oldest first.
type lane struct {
	buf   []byte
	head  int // first byte still waiting
	count int // frames waiting
}

func (l *lane) len() int { return len(l.buf) - l.head }

func (l *lane) put(frames []byte, count int) {
	if l.head > len(l.buf)/2 {
		l.buf = l.buf[:copy(l.buf, l.buf[l.head:])]
		l.head = 0
	}
	if l.buf == nil {
		l.buf = bufferFor(len(frames))
	}
	l.buf = append(l.buf, frames...)
	l.count += count
}

// dropUntil removes the oldest frames until need bytes fit under limit, and
// returns them.
func (l *lane) dropUntil(need, limit int) (frames []byte, count int) {
	start := l.head
	for l.count > 0 && l.len()+need > limit {
		n, err := framing.Peek(l.buf[l.head:], l.len())
		if err != nil {
			panic("queue: own frame unreadable: " + err.Error())
		}
		l.head += n
		l.count--
		count++
	}
	return l.buf[start:l.head], count
}

// swap gives away what waits for the taker's empty buffer.
func (l *lane) swap(spare []byte) ([]byte, int) {
	frames, count := l.buf[l.head:], l.count
	l.buf, l.head, l.count = spare[:0], 0, 0
	return frames, count
}

// outbox is what waits to leave for one session.
type outbox struct {
	limit    int
	overflow Overflow
	wake     chan struct{} // capacity 1: one pending wake-up says all there is to say
	work     func()        // told instead, if it is set
	tryWrite func([]byte) (int, error)

	mu      sync.Mutex
	taken   bool      // with work: somebody is at it, and looks once more before leaving
	stirred bool      // with work: something came since who is at it last looked
	parked  Chunk     // what a direct write has left over: goes first
	room    sync.Cond // for Block: something was taken, or the outbox closed
	control []byte
	acks    map[uint16]uint64 // by stream, the last sequence answered for
	streams []uint16          // scratch: the keys of acks
	live    lane              // events of ignored topics
	kept    lane              // events of stored topics, also in their log
	lagging []*subscription   // to be filled from the log when kept is empty
	closed  bool              // nothing more is published to it
	cut     bool              // nor filled from the log
}

func (o *outbox) init(limit int, overflow Overflow) {
	fallback := DefaultOutboxBytes
	if overflow == Block {
		fallback = DefaultBlockBytes
	}
	o.limit, o.overflow = positive(limit, fallback), overflow
	if o.work == nil {
		o.wake = make(chan struct{}, 1)
	}
	o.room.L = &o.mu
}

// stir says that what waits can go on.
func (o *outbox) stir() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waits() {
		o.signal()
	}
}

// signal says that something waits. The caller holds mu.
func (o *outbox) signal() {
	if o.work != nil {
		o.stirred = true
		if !o.taken {
			o.taken = true
			o.work()
		}
		return
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbox) fits(l *lane, n int) bool { return l.len() == 0 || l.len()+n <= o.limit }

// putKept adds stored events, and reports whether there was room.
func (o *outbox) putKept(frames []byte, count int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || !o.fits(&o.kept, len(frames)) {
		return false
	}
	o.kept.put(frames, count)
	o.signal()
	return true
}

// close refuses what is published from now on and, unless it drains, what
// could still be filled from logs. Replies remain possible.
func (o *outbox) close(drain bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed, o.cut = true, !drain
	if o.cut {
		o.lagging = nil
	}
	o.room.Broadcast()
	o.signal()
}

// lag marks a subscription to be filled from the log.
func (o *outbox) lag(s *subscription) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cut {
		return
	}
	o.lagging = append(o.lagging, s)
	o.signal()
}

// refill adds what was read from a log for u, and keeps u lagging if there
// is more to come. No wake-up: whoever fills takes next. It reports false
// when the session ended.
func (o *outbox) refill(u *subscription, frames []byte, count int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cut {
		return false
	}
	o.kept.put(frames, count)
	if u.lagging && !u.held {
		o.lagging = append(o.lagging, u)
	}
	return true
}

// lags returns a subscription to fill, unless enough waits already.
func (o *outbox) lags(limit int) *subscription {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.lagging) == 0 || o.kept.len() >= limit {
		return nil
	}
	u := o.lagging[0]
	o.lagging = o.lagging[1:]
	return u
}

func (o *outbox) laggards() []*subscription {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.lagging)
}

// putControl adds a reply, and reports whether there was room for it.
func (o *outbox) putControl(f *framing.Frame) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.control) > maxControl {
		return false, nil
	}
	b, err := f.Append(o.control)
	o.control = b
	o.signal()
	return true, err
}

// putReceipt adds a receipt, however much waits: its bound is that of the
// topics that a session may join. Begin, if it is not nil, lets events come:
// none before the receipt, and every one from when it can have been read.
func (o *outbox) putReceipt(f *framing.Frame, begin func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.control = mustAppend(o.control, f)
	if begin != nil {
		begin()
	}
	o.signal()
}

// putAcks notes what to acknowledge. Only the last of a stream counts. A
// flush follows.
func (o *outbox) putAcks(sequences []uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, sequence := range sequences {
		stream, _ := framing.SplitSequence(sequence)
		if o.acks == nil {
			o.acks = make(map[uint16]uint64)
		}
		o.acks[stream] = sequence
	}
	if o.tryWrite == nil || o.taken {
		o.signal()
	}
}
