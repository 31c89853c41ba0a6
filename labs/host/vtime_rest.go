package host

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"
)

const (
	// patience is how long, in real time, the lab's goroutines may take to
	// come to rest before something must be wrong.
	patience = 30 * time.Second
	hurry    = 100 * time.Millisecond // the same once the run has failed

	restsPerLook    = 1 << 14   // between two looks for what waits outside of the lab's time
	restsPerMeasure = 1 << 12   // between two looks at the heap
	garbageBytes    = 384 << 20 // allocated before garbage is collected
)

// StallError says that a run on virtual time stood still.
type StallError struct {
	After time.Duration // since the clock's start
	Where string        // what its goroutines wait for
}

func (e *StallError) Error() string {
	return fmt.Sprintf("stalled %v after the start: everybody waits, and nothing is due\n%s", e.After, e.Where)
}

// OutsideError says that something did not keep to the lab's time.
type OutsideError struct {
	What  string
	Where string
}

func (e *OutsideError) Error() string {
	return fmt.Sprintf("virtual time cannot be kept: %s\n%s", e.What, e.Where)
}

// barrier tells when every goroutine but the caller's has come to rest. It is
// exact only while the process runs one goroutine at a time: then a
// goroutine is either the caller, or runnable, or blocked, or in a system call.
// One that returns from a call while somebody else runs is for a moment none
// of these to the runtime's counts: once a call was seen, only a dump, for
// which the runtime stops everybody, tells that all are at rest.
type barrier struct {
	samples []metrics.Sample
	outside uint64          // goroutines that were in system calls from the start, and the one that waits for signals
	called  bool            // more than those were seen there since a dump showed that they were not
	before  map[string]bool // goroutines that were there from the start
	rests   int
	most    time.Duration // that a rest may take to come
	heap    []metrics.Sample
	collect uint64 // heap size at which garbage is collected
}

func newBarrier() *barrier {
	return &barrier{
		samples: []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}, {Name: "/sched/goroutines/not-in-go:goroutines"}},
		heap:    []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}},
		collect: garbageBytes,
		most:    patience,
	}
}

// begin notes what does not belong to the lab. It does not wait for a
// system call to return: the one that waits for signals never does.
func (b *barrier) begin() {
	const looks = 200 // long enough for a goroutine on its way into a system call to get there
	for range looks {
		runtime.Gosched()
	}
	b.before = map[string]bool{}
	for _, g := range goroutines() {
		b.before[g.name] = true
		if strings.HasPrefix(g.state, "syscall") || g.takesSignals() {
			b.outside++
		}
	}
}

// wait returns when all are at rest.
func (b *barrier) wait() error {
	if err := b.settle(); err != nil {
		return err
	}
	if b.rests++; b.rests%restsPerMeasure == 0 {
		b.tidy()
	}
	if b.rests%restsPerLook == 0 {
		return b.look()
	}
	return nil
}

func (b *barrier) settle() error {
	var since time.Time
	for n := 1; ; n++ {
		runtime.Gosched()
		metrics.Read(b.samples)
		runnable, calls := b.samples[0].Value.Uint64(), b.samples[1].Value.Uint64()
		b.called = b.called || calls > b.outside
		if runnable == 0 && calls <= b.outside && (!b.called || b.confirm()) {
			b.called = false
			return nil
		}
		if n%1024 != 0 {
			continue
		}
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) > b.most {
			what := fmt.Sprintf("for %v %d goroutines did not stop running and %d stayed in system calls",
				b.most, runnable, calls-min(b.outside, calls))
			return &OutsideError{What: what, Where: dump(isRunning)}
		}
	}
}

// confirm reports whether all are at rest indeed.
func (b *barrier) confirm() bool {
	var calls uint64
	for _, g := range goroutines() {
		switch {
		case strings.HasPrefix(g.state, "syscall"):
			calls++
		case isRunning(&g):
			return false
		}
	}
	return calls <= b.outside
}

// tidy collects garbage when there is much: all are at rest, so nobody is
// made to assist.
func (b *barrier) tidy() {
	metrics.Read(b.heap)
	if b.heap[0].Value.Uint64() < b.collect {
		return
	}
	runtime.GC()
	metrics.Read(b.heap)
	b.collect = b.heap[0].Value.Uint64() + garbageBytes
}

// look finds goroutines that wait for the machine's time or for its network:
// they would wake at a moment that means nothing to the lab.
func (b *barrier) look() error {
	where := dump(func(g *goroutine) bool { return isOutside(g) && !b.before[g.name] })
	if where != "" {
		return &OutsideError{What: "a goroutine waits for the machine, not for the lab", Where: where}
	}
	return nil
}

// stall says where a run stands still.
func (b *barrier) stall(after time.Duration) error {
	if err := b.look(); err != nil {
		return err
	}
	return &StallError{After: after, Where: dump(isWaiting)}
}

// What a goroutine's state, as a dump names it, says about it.
func isOutside(g *goroutine) bool {
	return strings.HasPrefix(g.state, "sleep") || strings.HasPrefix(g.state, "IO wait")
}

func isRunning(g *goroutine) bool {
	return strings.HasPrefix(g.state, "run") || strings.HasPrefix(g.state, "syscall")
}

func isWaiting(g *goroutine) bool { return !isRunning(g) }

// goroutine is one goroutine as a dump shows it.
type goroutine struct {
	name   string // "goroutine 7"
	state  string // "chan receive", perhaps with more
	frames string
}

// takesSignals tells the goroutine that waits for signals even while it takes
// one: that it returns to its system call then is as it should be.
func (g *goroutine) takesSignals() bool {
	return strings.Contains(g.frames, "os/signal.loop(") || strings.Contains(g.frames, "created by os/signal.Notify.func")
}

// goroutines lists all but the caller's.
func goroutines() []goroutine {
	buf := make([]byte, 1<<20)
	n := runtime.Stack(buf, true)
	for n == len(buf) {
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	buf = buf[:n]
	var all []goroutine
	for _, text := range bytes.Split(buf, []byte("\n\n"))[1:] { // the first is the caller's
		head, frames, _ := strings.Cut(string(text), "\n")
		if name, state, ok := strings.Cut(strings.TrimSuffix(head, "]:"), " ["); ok {
			all = append(all, goroutine{name, state, frames})
		}
	}
	return all
}

// dump lists certain goroutines of this program: where each of them stands,
// innermost call of this module first.
func dump(which func(*goroutine) bool) string {
	var out strings.Builder
	for _, g := range goroutines() {
		if at := calls(g.frames); which(&g) && at != "" {
			fmt.Fprintf(&out, "  [%s] %s\n", g.state, at)
		}
	}
	return out.String()
}

// calls returns a goroutine's innermost calls of this module.
func calls(frames string) string {
	const most = 3
	var own []string
	lines := strings.Split(frames, "\n")
	for i := 0; i+1 < len(lines) && len(own) < most; i += 2 {
		name, _, _ := strings.Cut(strings.TrimPrefix(lines[i], "created by "), "(0x")
		if strings.HasPrefix(name, "rawlab/") && !strings.Contains(name, "host.(*vtime).ask") {
			own = append(own, strings.TrimSuffix(name, "(...)"))
		}
	}
	return strings.Join(own, " < ")
}
