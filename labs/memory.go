package labs

import (
	"runtime/debug"
	"sync"
)

// labMemory is from when on a run of very many packets rather collects garbage
// than to take more memory. It keeps about as much of 200,000 events of three
// packets each.
const labMemory = 800 << 20

// sparing counts the runs that go sparingly about memory at this moment.
var sparing struct {
	mu     sync.Mutex
	runs   int
	before int64 // the process's limit when the first of them began
}

// spare lets the process be sparing until done is called. Virtual hosts need
// it not: they collect garbage when they have the time.
func spare(o *Options) (done func()) {
	if o.backend() == BackendVirtual {
		return func() {}
	}
	sparing.mu.Lock()
	defer sparing.mu.Unlock()
	if sparing.runs++; sparing.runs == 1 {
		if sparing.before = debug.SetMemoryLimit(labMemory); sparing.before < labMemory { // GOMEMLIMIT asks for less
			debug.SetMemoryLimit(sparing.before)
		}
	}
	return func() {
		sparing.mu.Lock()
		defer sparing.mu.Unlock()
		if sparing.runs--; sparing.runs == 0 {
			debug.SetMemoryLimit(sparing.before)
		}
	}
}
