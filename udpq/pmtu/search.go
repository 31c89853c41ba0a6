package pmtu

import (
	"slices"
	"time"
)

// The constants of RFC 8899 section 5.1.
const (
	Base            = 1200             // BASE_PLPMTU, which nearly every path takes
	MaxProbes       = 3                // MAX_PROBES
	ProbeTimer      = time.Second      // PROBE_TIMER, the least there is
	ConfirmInterval = 5 * time.Second  // CONFIRMATION_TIMER, while large datagrams are sent
	RaiseInterval   = 10 * time.Minute // PMTU_RAISE_TIMER
	ErrorInterval   = 15 * time.Second // between probes when not even the base is answered
)

// State is where a search is (RFC 8899 section 5.2).
type State uint8

// The states.
const (
	Idle      State = iota // nobody has sent a large datagram yet
	InBase                 // the base is being confirmed
	Searching              // for the largest size that holds
	Complete               // found
	InError                // not even the base holds
)

// String returns the state's name.
func (s State) String() string {
	return [...]string{"idle", "base", "searching", "complete", "error"}[s]
}

// common are sizes to try before any other: MTUs of 1280 (IPv6, RFC 8200), 1400
// and 1420 (tunnels), 1492 (PPPoE, RFC 2516), 1500 and 9000 bytes, less the
// headers of IPv6 or IPv4 and UDP.
var common = []int{1232, 1252, 1352, 1372, 1392, 1444, 1452, 1464, 1472, 8952, 8972}

// ethernet is the common size that is tried first.
const ethernet = 1472

// nearEnough is a difference that is not searched for.
const nearEnough = 16

// Probe is a datagram of that size to send, unfragmented. Its number comes back
// in the answer.
type Probe struct {
	Number uint64
	Size   int
}

// Search is the state of one path.
type Search struct {
	least, most int // sizes: what is left in InError, and the largest that can be
	state       State
	budget      int
	tooLarge    int // the least size that does not hold
	blackHoles  uint64

	probe     Probe // on the way, zero: none
	tries     int
	sent      time.Time
	used      bool      // a large datagram was sent since the last confirmation
	confirmed time.Time // when the budget last held
	completed time.Time
	number    uint64
}

// NewSearch returns a search for sizes up to most; least is what is left when
// not even the base holds.
func NewSearch(least, most int) *Search {
	return &Search{least: least, most: max(most, Base), budget: Base, tooLarge: max(most, Base) + 1}
}

// Budget returns the largest size known to hold; before anything is known, and
// while nothing is, the base.
func (s *Search) Budget() int { return s.budget }

// State returns where the search is.
func (s *Search) State() State { return s.state }

// BlackHoles returns how often a size that had held did not any more.
func (s *Search) BlackHoles() uint64 { return s.blackHoles }

// Used reports whether a large datagram was sent since the budget was last
// confirmed: then Use would change nothing.
func (s *Search) Used() bool { return s.used && s.state != Idle }

// Use says that a datagram larger than the base is sent. The first begins the
// search.
func (s *Search) Use(now time.Time) {
	s.used = true
	if s.state == Idle {
		s.state = InBase
	}
}

// Move says that the path is another now, of which nothing is known.
func (s *Search) Move() {
	if s.state != Idle {
		s.state, s.budget, s.tooLarge, s.probe, s.tries = InBase, Base, s.most+1, Probe{}, 0
	}
}

// Next returns a probe to send now, if there is one.
func (s *Search) Next(now time.Time) (Probe, bool) {
	if s.probe.Size > 0 {
		if now.Before(s.sent.Add(ProbeTimer)) {
			return Probe{}, false
		}
		if s.tries < MaxProbes {
			return s.send(now, s.probe.Size), true
		}
		s.fail(now)
	}
	size := s.plan(now)
	if size == 0 {
		return Probe{}, false
	}
	s.tries = 0
	return s.send(now, size), true
}

func (s *Search) send(now time.Time, size int) Probe {
	s.number++
	s.tries++
	s.sent, s.probe = now, Probe{s.number, size}
	return s.probe
}

// plan returns the size to probe now, 0 for none.
func (s *Search) plan(now time.Time) int {
	switch s.state {
	case InBase:
		return Base
	case InError:
		if !now.Before(s.sent.Add(ErrorInterval)) {
			return Base
		}
	case Complete:
		if s.used && !now.Before(s.confirmed.Add(ConfirmInterval)) {
			return s.budget
		}
		if !s.used || now.Before(s.completed.Add(RaiseInterval)) || s.budget == s.most {
			return 0
		}
		s.state, s.tooLarge = Searching, s.most+1
		return s.candidate()
	case Searching:
		if s.used && s.budget > Base && !now.Before(s.confirmed.Add(ConfirmInterval)) {
			return s.budget // a long search is no reason to trust it
		}
		if size := s.candidate(); size > 0 {
			return size
		}
		s.state, s.completed = Complete, now
		return s.plan(now)
	}
	return 0
}

// candidate returns the size to try next, 0 if what is left is near enough.
func (s *Search) candidate() int {
	if s.tooLarge == s.most+1 && s.budget < s.most {
		return s.most
	}
	if s.budget < ethernet && s.tooLarge > ethernet {
		return ethernet
	}
	for _, size := range slices.Backward(common) {
		if s.budget < size && size < s.tooLarge {
			return size
		}
	}
	if s.tooLarge-s.budget <= nearEnough {
		return 0
	}
	return (s.budget + s.tooLarge) / 2
}

// Answered says that the answer to a probe has come.
func (s *Search) Answered(now time.Time, number uint64) {
	if s.probe.Size == 0 || number == 0 || number > s.probe.Number || number+MaxProbes <= s.probe.Number {
		return // to one that is decided
	}
	if first := s.probe.Number - uint64(s.tries) + 1; number < first {
		return // of another size
	}
	size := s.probe.Size
	s.probe = Probe{}
	again := size == s.budget && s.state == Searching
	s.confirmed, s.budget = now, size
	if s.state == Complete || again {
		s.used = false
		return
	}
	s.state = Searching
}

// Refused says that the kernel did not send a probe for its size.
func (s *Search) Refused(now time.Time, number uint64) {
	if s.probe.Size > 0 && number == s.probe.Number {
		s.fail(now)
	}
}

// fail draws the conclusion from a size that does not hold.
func (s *Search) fail(now time.Time) {
	size := s.probe.Size
	s.probe = Probe{}
	switch {
	case s.state == Complete, s.state == Searching && size == s.budget:
		s.blackHoles++
		s.state, s.budget, s.tooLarge = InBase, Base, size
	case s.state == Searching:
		s.tooLarge = size
	default:
		s.state, s.budget, s.tooLarge = InError, s.least, s.most+1
	}
}

// Wake returns when to call Next again unless something happens before, the
// zero time if never.
func (s *Search) Wake() time.Time {
	switch {
	case s.state == Idle:
	case s.probe.Size > 0:
		return s.sent.Add(ProbeTimer)
	case s.state == InError:
		return s.sent.Add(ErrorInterval)
	case s.state == Complete && s.used:
		return s.confirmed.Add(ConfirmInterval)
	case s.state == InBase, s.state == Searching:
		return s.sent
	}
	return time.Time{}
}
