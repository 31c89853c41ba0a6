package host

import (
	"cmp"
	"errors"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"rawlab/internal/clock"
)

// vtime drives virtual time. Its one goroutine alone touches the stacks: it
// waits until every other goroutine of the process has come to rest, does one
// thing that was asked for, and waits again. Only when nothing is asked for
// does time pass, to the next moment at which something is due.
//
// What happens therefore does not depend on which goroutine the runtime lets
// run first: requests that came between two rests are sorted by what they are.
type vtime struct {
	clock *clock.Virtual
	rest  *barrier
	fail  func(error) // told once why the run cannot go on

	mu      sync.Mutex
	asked   []*request // since the last rest
	woken   []*vsocket // sockets whose stack has news for them
	failure error
	ended   bool

	round    []*request          // sorted, to be done one by one; of the loop alone
	sockets  uint64              // made so far; of the loop alone
	open     map[uint64]*vsocket // those not yet closed; of the loop alone
	done     chan struct{}
	restore  func()
	failedAt time.Time // when the run did; of the loop alone
}

// request is something that a goroutine asks the loop to do, and waits for.
type request struct {
	socket uint64 // whose it is, by the order of their making; 0 for none
	host   uint8  // where a socket is to be made, by its number; 0 for none
	kind   kind
	remote string // of a datagram
	data   []byte // to be written: two requests alike in all this may be swapped
	try    func() bool
	err    error
	done   chan struct{}
}

// kind sorts the requests of one socket.
type kind uint8

const (
	kindSet kind = iota // done at once
	kindRead
	kindWrite
	kinds
)

// ErrVirtualEnded is what is asked of virtual hosts that are gone.
var ErrVirtualEnded = errors.New("the virtual hosts are gone")

// running is held while a virtual lab runs: it has the process to itself.
var running sync.Mutex

// startVirtualTime begins to drive the clock. From then on the process runs
// one goroutine at a time, and collects garbage only when all are at rest: an
// assisting goroutine would be waiting without being at rest.
func startVirtualTime(c *clock.Virtual, fail func(error)) *vtime {
	running.Lock()
	procs, percent := runtime.GOMAXPROCS(1), debug.SetGCPercent(-1)
	t := &vtime{clock: c, rest: newBarrier(), fail: fail, open: map[uint64]*vsocket{}, done: make(chan struct{})}
	t.restore = func() {
		debug.SetGCPercent(percent)
		runtime.GOMAXPROCS(procs)
		running.Unlock()
	}
	t.rest.begin()
	go t.run()
	return t
}

// end stops the loop and gives the process back.
func (t *vtime) end() {
	t.mu.Lock()
	ended := t.ended
	t.ended = true
	t.mu.Unlock()
	<-t.done
	if !ended {
		t.restore()
	}
}

func (t *vtime) run() {
	defer close(t.done)
	for t.turn() {
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	left := append(t.round, t.asked...)
	for _, s := range t.open {
		left = append(left, append(s.unpark(kindRead), s.unpark(kindWrite)...)...)
	}
	for _, r := range left {
		r.finish(ErrVirtualEnded)
	}
}

// turn does one thing. It reports false once the loop has been ended.
func (t *vtime) turn() bool {
	if err := t.rest.wait(); err != nil {
		t.giveUp(err)
	}
	if !t.sort() {
		return false
	}
	if len(t.round) > 0 {
		r := t.round[0]
		t.round = t.round[1:]
		if r.try() {
			r.finish(nil)
		}
		return true
	}
	if !t.clock.Step() && t.rest.confirm() {
		t.giveUp(t.rest.stall(t.clock.Elapsed()))
	}
	return true
}

// giveUp fails the run. Its goroutines then get the time to come to their
// ends, whatever they wait for; if they do not, there is nobody left to tell
// but the user.
func (t *vtime) giveUp(err error) {
	t.mu.Lock()
	first := t.failure == nil
	t.failure = cmp.Or(t.failure, err)
	t.mu.Unlock()
	if !first {
		if time.Since(t.failedAt) > patience {
			panic(t.failure)
		}
		time.Sleep(time.Millisecond)
		return
	}
	t.failedAt, t.rest.most = time.Now(), hurry
	for _, s := range t.open {
		s.retry() // in vain: that is how it learns
	}
	t.fail(err)
}

// sort begins a round of requests when the last one is done. It reports false
// once the loop has been ended.
func (t *vtime) sort() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	if len(t.round) > 0 {
		return true
	}
	for _, s := range t.woken {
		s.isWoken = false
		t.asked = append(t.asked, s.unpark(kindRead)...)
		t.asked = append(t.asked, s.unpark(kindWrite)...)
	}
	t.woken = t.woken[:0]
	t.round, t.asked = t.asked, t.round[:0]
	if len(t.round) > 1 {
		slices.SortStableFunc(t.round, (*request).compare)
	}
	return true
}

func (r *request) compare(other *request) int {
	return cmp.Or(
		cmp.Compare(r.socket, other.socket), cmp.Compare(r.host, other.host), cmp.Compare(r.kind, other.kind),
		cmp.Compare(r.remote, other.remote), slices.Compare(r.data, other.data),
	)
}

func (r *request) finish(err error) {
	if err != nil {
		r.err = err
	}
	r.done <- struct{}{}
}

// ask hands a request to the loop and waits until it is done.
func (t *vtime) ask(r *request) error {
	if r.done == nil {
		r.done = make(chan struct{}, 1) // the one answer
	}
	t.mu.Lock()
	if t.ended {
		t.mu.Unlock()
		return ErrVirtualEnded
	}
	t.asked = append(t.asked, r)
	t.mu.Unlock()
	<-r.done
	return r.err
}

// do runs f on the loop.
func (t *vtime) do(f func()) error { return t.doFor(0, f) }

// doFor runs f on the loop, for a socket.
func (t *vtime) doFor(socket uint64, f func()) error {
	return t.ask(&request{socket: socket, kind: kindSet, try: func() bool { f(); return true }})
}

// wake notes that a socket's stack has news. Stacks call it from goroutines
// of their own too.
func (t *vtime) wake(s *vsocket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !s.isWoken {
		s.isWoken = true
		t.woken = append(t.woken, s)
	}
}

// failed returns why the run cannot go on, nil if it can.
func (t *vtime) failed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failure
}
