package fates

// Fate says what became of an event that was not handed on.
type Fate string

// The fates that the two ends of a conversation can know of.
const (
	ServerQueue    Fate = "server-queue"    // the outbox was full, or the store refused it
	Offline        Fate = "offline"         // nobody listened and the topic is not stored
	Expired        Fate = "expired"         // left the log before the subscriber came for it
	FrameInvalid   Fate = "frame-invalid"   // the bytes were no frame
	Unauthorized   Fate = "unauthorized"    // the sender has no session, or spoke for another
	FragmentLost   Fate = "fragment-lost"   // pieces of it came, and not all
	ConnectionLost Fate = "connection-lost" // waited in the outbox when the session ended
	SendRefused    Fate = "send-refused"    // the kernel did not take it
	ReceiveBuffer  Fate = "receive-buffer"  // the datagram met a full receive buffer
)

// dropped are the fates that an event can have at a server, by their place in
// an outcome.
var dropped = [...]Fate{ServerQueue, Offline, Expired, FrameInvalid, Unauthorized, FragmentLost, ConnectionLost, SendRefused}

// Outcome is what became of an event at a server so far. It is due once for
// each subscriber that it is for, and once if it is for nobody; a stored one
// only when it leaves its log.
type Outcome struct {
	Received     uint32 // times, duplicates too
	Stored       uint32 // times that it was put into its topic's log
	Due          uint32 // fates to account for
	Forwarded    uint32 // of those: handed to a subscriber's socket
	Acknowledged uint32 // by subscribers, of a stored topic
	lost         [len(dropped)]uint32
}

// Lost returns an outcome of nothing but one fate.
func Lost(fate Fate) Outcome {
	var o Outcome
	for i, f := range dropped {
		if f == fate {
			o.lost[i] = 1
			return o
		}
	}
	panic("fates: a server gives no event the fate " + string(fate))
}

// Lost returns how often the event met a fate.
func (o *Outcome) Lost(fate Fate) uint32 {
	for i, f := range dropped {
		if f == fate {
			return o.lost[i]
		}
	}
	return 0
}

// All yields the fates it met, and how often.
func (o *Outcome) All(yield func(Fate, uint32) bool) {
	for i, n := range o.lost {
		if n > 0 && !yield(dropped[i], n) {
			return
		}
	}
}

// Waiting returns how many fates are still open: copies of the event wait in
// an outbox or, as one, to be stored.
func (o *Outcome) Waiting() uint32 {
	told := o.Forwarded
	for _, n := range o.lost {
		told += n
	}
	switch {
	case o.Due > told:
		return o.Due - told
	case o.Received > 0 && o.Due+o.Stored+told == 0:
		return 1
	}
	return 0
}

// Add adds what else became of it.
func (o *Outcome) Add(more *Outcome) {
	o.Received += more.Received
	o.Stored += more.Stored
	o.Due += more.Due
	o.Forwarded += more.Forwarded
	o.Acknowledged += more.Acknowledged
	for i, n := range more.lost {
		o.lost[i] += n
	}
}
