package edge

import (
	"slices"
	"sync"

	"rawlab/framing"
)

// Requests matches answers to requests by the number in their sequence
// field. The zero value is ready; it is safe for concurrent use.
type Requests struct {
	mu      sync.Mutex
	last    uint64
	err     error
	waiting map[uint64]chan Answer
}

// Answer is what came back: a frame that owns its memory, or an error.
type Answer struct {
	Frame framing.Frame
	Err   error
}

// Begin returns the number of a new request and where its answer will come.
func (r *Requests) Begin() (uint64, <-chan Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	return r.last, r.begin(r.last)
}

// BeginAs is Begin for a request that has a number already. All of r's are
// numbered in the same way.
func (r *Requests) BeginAs(number uint64) <-chan Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begin(number)
}

func (r *Requests) begin(number uint64) <-chan Answer {
	answer := make(chan Answer, 1) // there is one answer, and nobody may be left to take it
	if r.err != nil {
		answer <- Answer{Err: r.err}
	}
	if r.waiting == nil {
		r.waiting = make(map[uint64]chan Answer)
	}
	r.waiting[number] = answer
	return answer
}

// End forgets a request.
func (r *Requests) End(number uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, number)
}

// Answer hands f to the request of that number, if it still waits.
func (r *Requests) Answer(number uint64, a Answer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer, ok := r.waiting[number]
	if ok {
		delete(r.waiting, number)
		answer <- a
	}
	return ok
}

// Receipt hands a receipt to who subscribed: one of a pattern's topic, which
// has no number, to tell, unless that is nil.
func (r *Requests) Receipt(f *framing.Frame, tell func(topic string, receipt Receipt)) error {
	if f.Sequence != 0 || tell == nil {
		r.Answer(f.Sequence, Answer{Frame: f.Clone()})
		return nil
	}
	receipt, err := framing.ParseReceipt(f.Payload)
	if err == nil {
		receipt.Expired = slices.Clone(receipt.Expired)
		tell(string(f.Topic), receipt)
	}
	return err
}

// Close answers all requests, and all to come, with err.
func (r *Requests) Close(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
	for number, answer := range r.waiting {
		delete(r.waiting, number)
		answer <- Answer{Err: err}
	}
}
